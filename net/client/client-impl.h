/* SPDX-License-Identifier: BSD-3-Clause */

/* The client: parts shared by client.c (life, loop), client-connect.c (from
 * a list of servers to a connection) and client-session.c (hello, attach,
 * lease, requests and replies).
 */

#ifndef NBDMIRROR_CLIENT_IMPL_H
#define NBDMIRROR_CLIENT_IMPL_H

#include <ev.h>
#include <sys/types.h>

#include "client.h"
#include "stream.h"

#define CLIENT_MAX_RESOLVED 8
#define CLIENT_REASON_SIZE 512

struct log_client {
  /* Read-only once log_client_new returned. */
  struct ev_loop *loop;
  const struct log_client_callbacks *cb;
  void *opaque;
  struct address *server;
  unsigned nr_servers;
  struct tls *tls;
  char log[PROTO_MAX_NAME + 1];
  char host[PROTO_MAX_HOST + 1];
  uint32_t attach_flags;
  uint8_t session[PROTO_ID_SIZE];

  enum log_client_state state;
  pid_t pid; /* whose loop it is */

  /* client.c */
  ev_async wake;
  int alarm_fd; /* timerfd: libev's own timers are too coarse */
  ev_io alarm;

  /* client-connect.c */
  struct stream *stream;
  unsigned at;    /* the server that is tried, or connected */
  unsigned tried; /* so many have failed in this round */
  struct resolved resolved[CLIENT_MAX_RESOLVED]; /* its addresses */
  int nr_resolved, next_resolved;
  ev_timer retry;
  double backoff; /* seconds */
  unsigned short random[3];
  char server_name[ADDRESS_HOST_SIZE + 16];

  /* client-session.c */
  struct proto_buf out;
  uint64_t last_id;
  uint64_t hello_id, attach_id, renew_id; /* under way, 0 = none */
  uint64_t asked_boottime, renew_due;     /* the lease; CLOCK_BOOTTIME */
  unsigned unanswered;                    /* requests */
  bool waiting;                           /* for the end of another's lease */
  uint64_t silent_ns; /* time: nothing came since, though asked for */
  uint64_t ticked_ns; /* time of the last tick */
  size_t unsent;      /* bytes, at the last tick */
  ev_timer tick;
  uint64_t attached_ns; /* since when */
  bool attached_before;
  uint64_t epoch;
  uint64_t lease_ns;
  bool known; /* what follows, by log_client_remember */
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t flush_number;
};

/* Drop what there is without a word. */
void log_client_close (struct log_client *c);

/* The session is over. */
void log_client_end (struct log_client *c);

/* --- client-connect.c --- */

void log_client_connect_init (struct log_client *c);

/* Try the servers, after a pause. */
void log_client_connect_later (struct log_client *c);

/* The server at hand is no good: drop it, and try the next. */
void log_client_failed (struct log_client *c, const char *reason);

/* --- client-session.c --- */

void log_client_session_init (struct log_client *c);

/* The stream is usable: say hello. */
void log_client_session_begin (struct log_client *c);

/* Bytes have come; returns how many were used. */
size_t log_client_session_input (struct log_client *c, const uint8_t *data,
                                 size_t len);

/* The connection is gone. */
void log_client_session_reset (struct log_client *c);

#endif /* NBDMIRROR_CLIENT_IMPL_H */
