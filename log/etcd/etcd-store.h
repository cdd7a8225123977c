/* SPDX-License-Identifier: BSD-3-Clause */

/* The bytes of a log in etcd, for the disk log.
 *
 * All of them are in memory, too, from open on.  A write changes them there;
 * a sync sends the sectors (512 bytes) that differ from what etcd is known to
 * have, in as many transactions as it takes.  A sector that was sent without a
 * good answer differs until one comes.  So what etcd has at any time is what a
 * disk might have: all that was synced, and any of what was written since.
 */

#ifndef NBDMIRROR_LOG_ETCD_STORE_H
#define NBDMIRROR_LOG_ETCD_STORE_H

#include "store.h"

struct etcd_conn;
struct etcd_seat;

/* Load a log: to change it with its seat, which must live longer; or without
 * one (NULL) to read it as it was at one time.  Blocks.  NULL with the error
 * reported.
 */
struct log_store *etcd_store_open (struct etcd_conn *c, const char *log,
                                   struct etcd_seat *seat);

#endif /* NBDMIRROR_LOG_ETCD_STORE_H */
