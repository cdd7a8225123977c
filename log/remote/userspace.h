/* SPDX-License-Identifier: BSD-3-Clause */

/* The log on a server:
 *
 *   userspace.c          life cycle
 *   userspace-open.c     to reach a server
 *   userspace-spec.c     the specification
 *   userspace-load.c     the state at the start
 *   userspace-session.c  what comes from the client
 *   userspace-flush.c    what callers wait for
 *   userspace-cycle.c    when to write, and what came of it
 *   userspace-send.c     what differs
 *   userspace-runs.c     runs of regions as frames
 *   userspace-image.c    what the server has
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
#include "log-life.h"
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
  bool moved; /* nothing is sent any more, but that it is not used */
  pthread_t thread;
};

static inline struct user_log *
user (struct dirty_log *log)
{
  return (struct user_log *) log;
}

#endif /* NBDMIRROR_LOG_USERSPACE_H */
