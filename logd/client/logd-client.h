/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection.
 *
 * All functions run in the loop's thread, and none blocks.  A client that
 * was closed is dead, but stays in memory until the end of this turn of the
 * loop.
 */

#ifndef NBDMIRROR_LOGD_CLIENT_H
#define NBDMIRROR_LOGD_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>

#include <ev.h>

#include "logd.h"
#include "proto.h"

struct asker;
struct stream;

#define CLIENT_ASKERS 64 /* requests of one client, not yet answered */

/* Reasons not to read from it. */
#define BLOCK_JOB 1u    /* a job of its own must come first */
#define BLOCK_ASKERS 2u /* too many */
#define BLOCK_OUTPUT 4u /* it does not read */
#define BLOCK_FEED 8u   /* a long answer is on its way */
#define BLOCK_GRANT 16u /* it gets a log, or loses it to another */
#define BLOCK_END 32u   /* the server ends */

/* An answer that is longer than what may wait for output. */
struct feed {
  /* Send some until the stream is congested; true: that was all. */
  bool (*step) (struct feed *f);
  void (*free) (struct feed *f);
  struct client *client;
  struct feed *next;
};

struct client {
  struct client *next, **prev; /* of the server */
  struct server *server;
  struct stream *stream;
  ev_timer hello_timer;
  bool greeted;      /* HELLO is done */
  uint64_t features; /* then: PROTO_FEATURE_... that it knows */
  bool turned_away;  /* there are too many */
  bool dead;         /* freed at the end of this turn of the loop */
  unsigned blocked;
  bool refused; /* a change that made no sense: no flush any more */
  struct asker *askers;
  unsigned nr_askers;
  struct feed *feeds;

  /* Those of request/. */
  struct served *served; /* the log it owns */
  bool attaching;
  char stale[TEXT_SIZE]; /* why it does not own its log any more */
};

/* Takes over the socket. */
void client_new (struct server *s, int fd);
void client_close (struct client *c);

/* Close when all answers went out. */
void client_shut (struct client *c);

/* Free those that were closed. */
void clients_free_dead (struct server *s);

/* Reply to a request that is at hand. */
void client_reply (struct client *c, struct proto_msg *reply);
void client_error (struct client *c, const struct proto_msg *request,
                   enum proto_error error, const char *fmt, ...)
  __attribute__ ((format (printf, 4, 5)));

/* A text for the peer, in buf: no control characters. */
struct proto_str client_text (char buf[TEXT_SIZE], const char *fmt,
                              va_list args)
  __attribute__ ((format (printf, 2, 0)));

void client_block (struct client *c, unsigned why);
void client_unblock (struct client *c, unsigned why);

/* Start a feed, or queue it; it ends before anything more is read. */
void client_feed (struct client *c, struct feed *f);

#endif /* NBDMIRROR_LOGD_CLIENT_H */
