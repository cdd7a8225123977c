/* SPDX-License-Identifier: BSD-3-Clause */

/* Of etcd.c, etcd-lease.c and etcd-request.c. */

#ifndef NBDMIRROR_LOG_ETCD_IMPL_H
#define NBDMIRROR_LOG_ETCD_IMPL_H

#include <pthread.h>

#include "etcd.h"

struct etcd {
  /* Read-only once etcd_new returned. */
  struct etcd_options options;
  const struct etcd_transport *transport;

  atomic_bool hurry;
  _Atomic int64_t lease;        /* 0: none */
  _Atomic uint64_t valid_until; /* CLOCK_BOOTTIME, of lease */

  bool threaded;
  pthread_t thread; /* etcd-lease.c */

  pthread_mutex_t lock;
  pthread_cond_t cond;
  pthread_cond_t room; /* for one more request */

  /* Protected by lock. */
  bool stop;
  unsigned under_way; /* requests, but those of the lease */
  char *token;        /* NULL: not asked for yet */
  struct etcd_status status;
};

struct etcd_conn {
  struct etcd *etcd;
  void *handle; /* the transport's */
  unsigned at;  /* the member to ask */
  char error[ETCD_ERROR_SIZE];
};

/* As etcd_try, with a limit. */
enum etcd_outcome etcd_try_for (struct etcd_conn *c, const char *path,
                                struct json_object *request, long timeout_ms,
                                struct json_object **answer);

/* The lease's thread. */
int etcd_lease_start (struct etcd *e);
void etcd_lease_stop (struct etcd *e);

#endif /* NBDMIRROR_LOG_ETCD_IMPL_H */
