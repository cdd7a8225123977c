/* SPDX-License-Identifier: BSD-3-Clause */

/* A log of the type disk that is kept in etcd. */

#ifndef NBDMIRROR_LOG_ETCD_LOG_H
#define NBDMIRROR_LOG_ETCD_LOG_H

struct dirty_log;
struct etcd_conn;
struct etcd_seat;

/* Open it with its seat, which must live longer, or without one (NULL) to read
 * it, with the flag LOG_READ_ONLY.  Blocks.  NULL with the error reported.
 */
struct dirty_log *etcd_log_open (struct etcd_conn *c, struct etcd_seat *seat,
                                 const char *log, unsigned flags);

#endif /* NBDMIRROR_LOG_ETCD_LOG_H */
