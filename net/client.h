/* SPDX-License-Identifier: BSD-3-Clause */

/* The client of a log server: one session with one log.
 *
 * It connects to the first server of a list that answers, says hello,
 * attaches to the log, renews the lease, and does all that again when the
 * connection is lost, until the server says that the session is over.  It
 * knows nothing of what is in a log: frames of changes are built by the
 * caller, in client_output, and all that comes back goes to callbacks.
 *
 *   DISCONNECTED --> CONNECTING --> HELLO --> ATTACHING --> ATTACHED
 *        ^ (backoff)     |            |           |             |
 *        +---------------+------------+-----------+-------------+
 *                                                 |             |
 *                                               OVER <----------+
 *
 * Thread-safety: a client has an event loop.  All functions are called, and
 * all callbacks run, in the thread that runs the loop; only client_wake may
 * be called from any thread.  Until client_run_thread the caller runs the
 * loop, with client_run_until, so that the process may fork in between.
 *
 * Nothing blocks but address_resolve (DNS).
 */

#ifndef NBDMIRROR_CLIENT_H
#define NBDMIRROR_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "proto.h"

struct client;
struct tls;

enum client_state {
  CLIENT_DISCONNECTED,
  CLIENT_CONNECTING,
  CLIENT_HELLO,
  CLIENT_ATTACHING,
  CLIENT_ATTACHED,
  CLIENT_OVER, /* stopped, refused for good, or the session was lost */
};

struct client_callbacks {
  /* A part of the log's state: STATE_RECORD or STATE_RUNS.  msg is NULL
   * when a state begins: what came on an earlier connection is void.
   * Returns NULL, or why this can't be (a static text).
   */
  const char *(*state) (void *opaque, const struct proto_msg *msg);

  /* The log is ours (to read, with PROTO_ATTACH_READ_ONLY); again: it was
   * ours before, and no state was sent.  Returns NULL, or why this is not
   * the log it should be, which ends the session (a static text).
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

  /* client_wake, or client_wake_at. */
  void (*woken) (void *opaque);
};

struct client_options {
  const struct address *servers; /* copied */
  unsigned nr_servers;
  struct tls *tls;       /* NULL: plain.  Must outlive the client. */
  const char *log;       /* its name; copied */
  const char *host;      /* of ours, for messages; copied */
  uint32_t attach_flags; /* PROTO_ATTACH_READ_ONLY, PROTO_ATTACH_MEMORY */
};

/* NULL with errno.  Nothing is sent yet. */
struct client *client_new (const struct client_options *options,
                           const struct client_callbacks *callbacks,
                           void *opaque);

/* Close the connection, if there is one, and free.  NULL is allowed. */
void client_free (struct client *c);

/* Begin to connect. */
void client_start (struct client *c);

/* End it all: no more connections, state OVER. */
void client_stop (struct client *c);

/* In the child, after a fork: connect anew. */
void client_after_fork (struct client *c);

/* Run the loop in this thread until done returns true, which is asked after
 * each turn, or the session is over, or the deadline (CLOCK_MONOTONIC, ns)
 * has come.
 */
void client_run_until (struct client *c, bool (*done) (void *arg), void *arg,
                       uint64_t deadline);

/* Run the loop in this thread until client_stop, or client_lost. */
void client_run_thread (struct client *c);

/* Have 'woken' called in the thread of the loop.  From any thread; does not
 * block.
 */
void client_wake (struct client *c);

/* ... at this time (CLOCK_MONOTONIC, ns). */
void client_wake_at (struct client *c, uint64_t time);

enum client_state client_state (const struct client *c);

/* "HOST:PORT" as the user typed it: of the present connection, or the last
 * one that was tried.
 */
const char *client_server (const struct client *c);

/* --- only while ATTACHED --- */

uint64_t client_epoch (const struct client *c);

/* A new id for a request. */
uint64_t client_id (struct client *c);

/* Where to append frames of changes. */
struct proto_buf *client_output (struct client *c);

/* Append a request with an answer.  Returns its id, or 0 with errno. */
uint64_t client_flush (struct client *c, uint32_t flags);
uint64_t client_detach (struct client *c, uint32_t flags);

/* Send all that was appended.  0, or -1 with errno (ENOMEM). */
int client_send (struct client *c);

/* This connection is good for nothing any more (reason as for
 * 'disconnected', without the host): drop it and connect anew.  Calls
 * 'disconnected'.
 */
void client_drop (struct client *c, const char *reason);

/* What the server must still have when we attach again: this log, with this
 * flush, or a later one.  uuid NULL: any.
 */
void client_remember (struct client *c, const uint8_t *uuid,
                      uint64_t flush_number);

#endif /* NBDMIRROR_CLIENT_H */
