/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "disk.h"
#include "etcd-log.h"
#include "etcd-store.h"

struct dirty_log *
etcd_log_open (struct etcd_conn *c, struct etcd_seat *seat, const char *log,
               unsigned flags)
{
  struct log_store *store = etcd_store_open (c, log, seat);

  return store ? disk_log_open_store (store, log, flags) : NULL;
}
