/* SPDX-License-Identifier: BSD-3-Clause */

/* A log that is served, and the list of them.
 *
 * It is opened when somebody asks for it, stays open as long as it has an
 * owner, alive or dead, and is closed when its owner gives it up.
 * served-pump.h decides what comes next.
 *
 * All functions run in the loop's thread, and none blocks: what does is a
 * job of the log's worker.
 */

#ifndef NBDMIRROR_LOGD_SERVED_H
#define NBDMIRROR_LOGD_SERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lease.h"
#include "proto.h"
#include "replies.h"

struct attach;
struct client;
struct dirty_log;
struct removal;
struct seat;
struct server;
struct served;
struct takeover;
struct worker;

/* Those who wait for a log, of one kind. */
struct waiters {
  /* Answer who can be answered.  True: the log is busy for one of them. */
  bool (*pump) (struct served *l, uint64_t now);

  void (*refuse_all) (struct served *l, enum proto_error error,
                      const char *text);
};

#define NR_LATENCIES 32 /* bucket i: below 2^i microseconds */

struct served_stats {
  uint64_t flushes; /* requests answered */
  uint64_t batches; /* cycles that served them */
  uint64_t changes; /* frames */
  uint64_t latency[NR_LATENCIES];
  uint64_t latency_sum; /* microseconds */
};

struct served {
  struct served *next; /* of the server */
  struct server *server;
  char name[PROTO_MAX_NAME + 1];
  bool memory;
  bool private; /* opened for one reader: not found, not shown */
  bool loaded;  /* lease is what the file says */

  struct worker *worker;
  struct seat *seat;     /* depot.h; NULL: not taken, or there are none */
  struct dirty_log *log; /* NULL: not open */
  bool busy;             /* a job has the log, or gives it to somebody */
  bool resizing;         /* ... and changes what the loop may not look at */
  bool looking;          /* served_look is under way */
  bool usable;           /* ours or created: may be changed and flushed */
  bool created;          /* since it was opened */
  bool found_unclean;    /* what the next session will be told */
  uint64_t found_flush;  /* flush number when it was opened */
  uint64_t grown_from;   /* regions of a growth that was not flushed yet */
  unsigned version;      /* grows when log is replaced or resized */
  uint8_t uuid[PROTO_ID_SIZE]; /* of log, also while that is busy */

  struct lease lease;
  struct client *owner;         /* the holder's connection, or NULL */
  bool unclean;                 /* what the holder was told */
  struct lease_holder previous; /* the holder before; host "" if unknown */
  struct replies replies;

  /* Who waits. */
  struct attach *attaches;
  struct takeover *takeovers;
  struct removal *removals;
  unsigned readers; /* feeds that read log */

  bool later; /* served_later was called */
  struct served_stats stats;
};

struct served *served_find (struct server *s, struct proto_str name);

/* This one, or the next that is not private; NULL is allowed. */
struct served *served_shown (struct served *l);

/* Find it, or add one that is not open.  NULL with errno. */
struct served *served_get (struct server *s, struct proto_str name,
                           bool memory);

/* A private one.  NULL with errno. */
struct served *served_private (struct server *s, struct proto_str name);

/* Nobody uses it. */
void served_free (struct served *l);

/* See what is to be done at the end of this turn of the loop. */
void served_later (struct served *l);

/* Somebody waits for it. */
bool served_is_wanted (const struct served *l);

/* Refuse all who wait. */
void served_refuse_all (struct served *l, enum proto_error error,
                        const char *text);

/* The seat is lost: the log is another server's, or may be. */
bool served_is_lost (const struct served *l);

/* What is answered now is true until the end of a lease; false while nobody
 * knows whether the seat is still ours.
 */
bool served_may_promise (const struct served *l);

#define NOT_GROWN UINT64_MAX

/* The owner that made it longer is gone, or will be, and did not say what
 * its legs miss in the new regions: they are marked.
 */
void served_end_growth (struct served *l);

/* Its owner is not the owner any more, fmt says why. */
void served_drop_owner (struct served *l, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* For messages: "HOST (pid N, ADDRESS)".  Returns buf. */
#define HOLDER_SIZE (PROTO_MAX_HOST + LEASE_ADDRESS_SIZE + 32)
const char *served_holder (const struct served *l, char *buf, size_t size);

#endif /* NBDMIRROR_LOGD_SERVED_H */
