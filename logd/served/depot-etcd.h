/* SPDX-License-Identifier: BSD-3-Clause */

/* Logs in etcd, shared with other servers: log/etcd/etcd.h says how. */

#ifndef NBDMIRROR_LOGD_DEPOT_ETCD_H
#define NBDMIRROR_LOGD_DEPOT_ETCD_H

struct depot;
struct etcd_options;

/* NULL with the error reported.  etcd need not be there yet.  The name, and
 * all strings of the options, are used until it is freed.
 */
struct depot *depot_etcd_open (const char *name,
                               const struct etcd_options *options);

#endif /* NBDMIRROR_LOGD_DEPOT_ETCD_H */
