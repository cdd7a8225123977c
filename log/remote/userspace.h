/* SPDX-License-Identifier: BSD-3-Clause */

/* The log on a server: parts shared by userspace.c (life cycle, flush),
 * userspace-session.c (what comes from the server), userspace-cycle.c (when
 * to write, and what came of it), userspace-send.c (what differs),
 * userspace-load.c (the state at the start) and userspace-spec.c (the
 * specification).
 *
 * Words: the *image* of a map is what the server holds, or will hold when
 * all that was sent to it has arrived.  Wanted is what the truth in memory
 * (truth.h) says.  A flush lowers: it sends wanted minus image.  A commit
 * also raises: it sends image minus wanted.  The *sent* record is the image
 * of the record.
 *
 * What a cycle (group-commit.h) sends, in this order, is taken from the
 * truth in one section of log->lock:
 *
 *   CREATE or GROW, until one was acknowledged by a flush
 *   lowering runs
 *   the record, but legs that are not in-sync at the server stay stale
 *   FLUSH, if the cycle is a commit and somebody waits for less
 *   raising runs, the whole record (commit)
 *   FLUSH
 *
 * The server makes changes in the order sent, and in a commit lowers before
 * it raises, so the contract of dirty-log.h holds.
 *
 * Invariants:
 *
 *   (1) After a new connection the image is empty: all that is wanted is
 *       sent again, before any other cycle.  It is also unknown: the server
 *       may hold anything beyond, which the next commit takes away.
 *   (2) A leg is sent as in-sync in a lowered record only if the server is
 *       sure to have it in-sync: a commit said so, and nothing was sent
 *       since that lowers it.
 *   (3) A cycle without a reply has no outcome: its callers wait for the
 *       one after it.
 *
 * Threads: one thread runs the client's loop; what is called the loop's is
 * used there only.  Until dirty_log_start there is no thread, and the caller
 * runs the loop.  log->lock is never held while the client is called.
 */

#ifndef NBDMIRROR_LOG_USERSPACE_H
#define NBDMIRROR_LOG_USERSPACE_H

#include "address.h"
#include "client.h"
#include "group-commit.h"
#include "proto.h"
#include "truth.h"

#define USER_MAX_SERVERS 8

struct user_spec {
  struct address server[USER_MAX_SERVERS];
  unsigned nr_servers;
  char log[PROTO_MAX_NAME + 1];
};

struct user_map {
  /* The loop's. */
  struct bitset image;
  bool unknown; /* invariant (1) */

  /* Protected by log->lock.  Words of the map to look at. */
  struct bitset lower, raise;
};

struct user_log {
  struct dirty_log log;

  /* Read-only once open. */
  bool read_only;
  bool in_memory; /* of the server */
  struct user_spec spec;
  struct tls *tls;
  struct log_client *client;

  /* The loop's; lower and raise of the maps are not. */
  struct user_map map[LOG_NR_MAPS];
  struct log_record sent;
  bool sure[LOG_MAX_LEGS]; /* invariant (2) */
  bool resend;             /* invariant (1) */
  bool create_sent, grow_sent;
  uint64_t flush_id, end_id; /* of the cycle under way; 0 = none */
  bool told;                 /* that it is disconnected */
  bool waiting;              /* for the end of another's lease */
  bool last;                 /* the cycle under way is the last one */
  bool last_done, last_ok;
  bool detach_sent, detach_tried; /* on this connection; on any */
  bool detached;

  /* Protected by log->lock (and by nothing at start-up). */
  struct group_commit group;
  pthread_cond_t leased; /* the lease was extended, or lost */
  bool opened, refused;
  bool ready;             /* loaded or created: there is something to flush */
  bool creating, growing; /* not acknowledged yet */
  bool touched;           /* a flush was begun */
  bool lowering;          /* the next flush has something to send */
  bool record_changed;
  bool in_flight, commit; /* a cycle, and what it is */
  bool lost;              /* for ever */
  bool threaded, exited;
  bool closing, stop;
  pthread_t thread;
};

static inline struct user_log *
user (struct dirty_log *log)
{
  return (struct user_log *) log;
}

/* --- userspace-spec.c --- */

/* SERVER[,SERVER...]/NAME.  -1 with the error reported; type is for that. */
int user_spec_parse (struct user_spec *spec, const char *type,
                     const char *text);

/* --- userspace-load.c --- */

/* Callbacks of the client.  Start-up only. */
const char *user_load_state (struct user_log *u, const struct proto_msg *msg);
const char *user_load_attached (struct user_log *u,
                                const struct proto_attached *a);

/* --- userspace-session.c --- */

extern const struct log_client_callbacks user_callbacks;

/* --- userspace-cycle.c --- */

/* Begin the next cycle, if it is time; when closing, say goodbye.  The
 * loop's.
 */
void user_step (struct user_log *u);

/* A reply of the server. */
void user_cycle_reply (struct user_log *u, const struct proto_msg *msg);

/* All is well again: say so, if anything else was said. */
void user_tell_connected (struct user_log *u);

/* The connection is lost, the session is; log->lock is held. */
void user_cycle_abort_locked (struct user_log *u);

/* --- userspace-send.c --- */

/* Images for log->info.geo: empty, or longer.  0, or -1 with errno. */
int user_maps_alloc (struct user_log *u);
int user_maps_grow (struct user_log *u);
void user_maps_free (struct user_log *u);

/* Append what a cycle sends to the client's output; log->lock is held.
 * 0, or -1 with errno (ENOMEM): the connection must be dropped then.
 */
int user_send_cycle (struct user_log *u, bool commit);

/* It is durable; log->lock is held. */
void user_cycle_durable_locked (struct user_log *u, bool commit);

/* The image and the record are as they came from the server. */
void user_take_image (struct user_log *u);

#endif /* NBDMIRROR_LOG_USERSPACE_H */
