/* SPDX-License-Identifier: BSD-3-Clause */

/* The client of a log server: one session with one log.
 *
 * It connects to the first server of a list that answers, says hello,
 * attaches to the log, renews the lease, and does all that again when the
 * connection is lost, until the server says that the session is over.  It
 * knows nothing of what is in a log: frames of changes are built by the
 * caller, in log_client_output, and all that comes back goes to callbacks.
 *
 *   DISCONNECTED --> CONNECTING --> HELLO --> ATTACHING --> ATTACHED
 *        ^ (backoff)     |            |           |             |
 *        +---------------+------------+-----------+-------------+
 *                                                 |             |
 *                                               OVER <----------+
 *
 * Thread-safety: a client has an event loop.  All functions are called, and
 * all callbacks run, in the thread that runs the loop; only log_client_wake may
 * be called from any thread.  Until log_client_run_thread the caller runs the
 * loop, with log_client_run_until, so that the process may fork in between.
 *
 * Nothing blocks but files of keys and certificates, which are read again for
 * a connection when they have changed: DNS is asked in a thread (lookup.h).
 */

#ifndef NBDMIRROR_CLIENT_H
#define NBDMIRROR_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "proto.h"

struct log_client;
struct tls;

enum log_client_state {
  CLIENT_DISCONNECTED,
  CLIENT_CONNECTING,
  CLIENT_HELLO,
  CLIENT_ATTACHING,
  CLIENT_ATTACHED,
  CLIENT_OVER, /* stopped, refused for good, or the session was lost */
};

struct log_client_callbacks {
  /* A part of the log's state: STATE_RECORD or STATE_RUNS.  msg is NULL
   * when a state begins: what came on an earlier connection is void.
   * Returns NULL, or why this can't be (a static text).
   */
  const char *(*state) (void *opaque, const struct proto_msg *msg);

  /* The log is ours (to read, with PROTO_ATTACH_READ_ONLY); again: and was
   * ours before.  Returns NULL, or why this is not the log it should be,
   * which ends the session (a static text).
   */
  const char *(*attached) (void *opaque, const struct proto_attached *a,
                           bool again);

  /* The lease now lasts until then (CLOCK_BOOTTIME, ns), by a cautious
   * estimate.
   */
  void (*lease) (void *opaque, uint64_t until);

  /* The owner is silent; we wait for the end of its lease. */
  void (*waiting) (void *opaque, const char *text);

  /* ATTACH was refused.  True: go on trying. */
  bool (*refused) (void *opaque, enum proto_error error, const char *text);

  /* To a FLUSH, to DETACH, or an error that answers a change. */
  void (*reply) (void *opaque, const struct proto_msg *msg);

  /* Somebody waits for this log.  The lease was renewed, to tell them. */
  void (*release) (void *opaque, const char *text);

  /* The connection was lost, or none of the servers could be reached:
   * "HOST: reason".  It goes on trying.  was_attached: requests without an
   * answer may have been done, or not.
   */
  void (*disconnected) (void *opaque, const char *reason, bool was_attached);

  /* The session is over: the server gave the log to somebody else, or it is
   * not the log it was.
   */
  void (*lost) (void *opaque, const char *text);

  /* log_client_wake, or log_client_wake_at. */
  void (*woken) (void *opaque);
};

struct log_client_options {
  const struct address *servers; /* copied */
  unsigned nr_servers;
  struct tls *tls;       /* NULL: plain; held by the client */
  const char *log;       /* its name; copied */
  const char *host;      /* of ours, for messages; copied */
  uint32_t attach_flags; /* PROTO_ATTACH_READ_ONLY, PROTO_ATTACH_MEMORY */
};

/* NULL with errno.  Nothing is sent yet. */
struct log_client *
log_client_new (const struct log_client_options *options,
                const struct log_client_callbacks *callbacks, void *opaque);

/* Close the connection, if there is one, and free.  NULL is allowed. */
void log_client_free (struct log_client *c);

/* Begin to connect. */
void log_client_start (struct log_client *c);

/* End it all: no more connections, state OVER. */
void log_client_stop (struct log_client *c);

/* In the child, after a fork: connect anew. */
void log_client_after_fork (struct log_client *c);

/* Run the loop in this thread until done returns true, which is asked after
 * each turn, or the session is over, or the deadline (CLOCK_MONOTONIC, ns)
 * has come.
 */
void log_client_run_until (struct log_client *c, bool (*done) (void *arg),
                           void *arg, uint64_t deadline);

/* Run the loop in this thread until log_client_stop, or log_client_lost. */
void log_client_run_thread (struct log_client *c);

/* Have 'woken' called in the thread of the loop.  From any thread; does not
 * block.
 */
void log_client_wake (struct log_client *c);

/* ... at this time (CLOCK_MONOTONIC, ns). */
void log_client_wake_at (struct log_client *c, uint64_t time);

enum log_client_state log_client_state (const struct log_client *c);

/* A server, of the list, or behind it one that another server sent us to. */
#define LOG_CLIENT_NAME_SIZE 272
struct log_client_server {
  char name[LOG_CLIENT_NAME_SIZE];
  const char *state; /* "connected", "answers", "away", "not-asked" */
};

/* What is known of the i-th one.  False: there are not so many. */
bool log_client_seen (const struct log_client *c, unsigned i,
                      struct log_client_server *server);

/* "HOST:PORT" as the user typed it: of the present connection, or the last
 * one that was tried.
 */
const char *log_client_server (const struct log_client *c);

/* --- only while ATTACHED --- */

uint64_t log_client_epoch (const struct log_client *c);

/* What the server knows beyond version 1: PROTO_FEATURE_... */
uint64_t log_client_features (const struct log_client *c);

/* A new id for a request. */
uint64_t log_client_id (struct log_client *c);

/* Where to append frames of changes. */
struct buffer *log_client_output (struct log_client *c);

/* Append a request with an answer.  Returns its id, or 0 with errno. */
uint64_t log_client_flush (struct log_client *c, uint32_t flags);
uint64_t log_client_detach (struct log_client *c, uint32_t flags);

/* Send all that was appended.  0, or -1 with errno (ENOMEM). */
int log_client_send (struct log_client *c);

/* This connection is good for nothing any more (reason as for
 * 'disconnected', without the host): drop it and connect anew.  Calls
 * 'disconnected'.
 */
void log_client_drop (struct log_client *c, const char *reason);

/* What the server must still have when we attach again: this log, with this
 * flush, or a later one.  Else, or with uuid NULL, that is not known: it is
 * only checked that nobody else had the log, and the state is sent again.
 */
void log_client_remember (struct log_client *c, const uint8_t *uuid,
                          uint64_t flush_number);

#endif /* NBDMIRROR_CLIENT_H */
