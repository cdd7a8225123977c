/* SPDX-License-Identifier: BSD-3-Clause */

/* The client, as its parts see it: client.c (life, loop) on
 * client-session.c (hello, attach, replies) on client-lease.c on
 * client-link.c (requests, failure, end) on client-connect.c.
 */

#ifndef NBDMIRROR_CLIENT_IMPL_H
#define NBDMIRROR_CLIENT_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ev.h>

#include "client-connect.h"
#include "client.h"
#include "proto.h"

struct log_client {
  /* Read-only once log_client_new returned. */
  struct ev_loop *loop;
  const struct log_client_callbacks *cb;
  void *opaque;
  char log[PROTO_MAX_NAME + 1];
  char host[PROTO_MAX_HOST + 1];
  uint32_t attach_flags;
  uint8_t session[PROTO_ID_SIZE];

  enum log_client_state state;
  pid_t pid; /* whose loop it is */
  struct connector connector;

  /* client.c */
  ev_async wake;
  int alarm_fd; /* timerfd: libev's own timers are too coarse */
  ev_io alarm;

  /* client-link.c */
  struct buffer out;
  uint64_t last_id;
  unsigned unanswered; /* requests */
  uint64_t silent_ns;  /* time: nothing came since, though asked for */

  /* client-session.c */
  uint64_t hello_id, attach_id; /* under way, 0 = none */
  bool waiting;                 /* for the end of another's lease */
  uint64_t attached_ns;         /* since when */
  bool attached_before;
  uint64_t epoch;
  uint64_t features; /* of the server */
  bool known;        /* what follows, by log_client_remember */
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t flush_number;

  /* client-lease.c */
  uint64_t renew_id;                  /* under way, 0 = none */
  uint64_t asked_boottime, renew_due; /* CLOCK_BOOTTIME */
  uint64_t lease_ns;
  uint64_t ticked_ns; /* time of the last tick */
  size_t unsent;      /* bytes, at the last tick */
  ev_timer tick;
};

#endif /* NBDMIRROR_CLIENT_IMPL_H */
