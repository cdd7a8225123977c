/* SPDX-License-Identifier: BSD-3-Clause */

/* A store of logs in etcd that several servers share:
 *
 *   etcd-store.c  the bytes of a log, as a disk log's store
 *   etcd-seat.c   who serves a log; every change of it
 *   etcd-lease.c  our lease, which all our seats hang on, and its thread
 *   etcd.c        life
 *   etcd-request.c  a request to one member, or to one after another
 *   etcd-curl.c   HTTP
 *   etcd-json.c   what is said
 *
 * Below PREFIX/NAME/ a log has
 *
 *   server   who serves it, bound to the lease of that server
 *   number   counts the changes, decimal
 *   size     bytes of the log, decimal: it is there
 *   owner    its owner's lease, as in a file
 *   b/HEX    512 bytes at so many times 512; what is missing is zero
 *
 * Rules:
 *
 *   (1) Each change is a transaction that compares the create revision of
 *       `server' with the one that we made, and `number' with the last one
 *       that we know of, and writes a new number.  The first makes a change of
 *       a server that lost the log fail; the second one that comes late, after
 *       we gave it up and wrote something newer.
 *   (2) A change without an answer may have been made, or may still be: the
 *       next try has another number, so at most one of them is made after the
 *       last one that was.
 *   (3) What we promise on our own clock alone, as a mirror's lease, we
 *       promise only while our lease is valid: it counts from when we sent
 *       the keepalive that was answered.
 *   (4) Who takes a log reads it after its `server' is there.  So it sees all
 *       changes of the one before that were made, and no more are.
 */

#ifndef NBDMIRROR_LOG_ETCD_H
#define NBDMIRROR_LOG_ETCD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define ETCD_MAX_MEMBERS 8
#define ETCD_ERROR_SIZE 256
#define ETCD_NR_LATENCIES 32 /* bucket i: below 2^i microseconds */

struct etcd;
struct etcd_conn;
struct json_object;

/* All strings are used as long as the etcd. */
struct etcd_options {
  const char *member[ETCD_MAX_MEMBERS]; /* "HOST:PORT" */
  unsigned nr_members;
  const char *prefix;          /* without a slash at its end */
  const char *cacert;          /* NULL: no TLS */
  const char *cert, *key;      /* NULL: no certificate of ours */
  const char *user, *password; /* NULL: none */
  const char *advertise;       /* where clients find us, "HOST:PORT" */
  const uint8_t *run_id;       /* 16 bytes, of this run of the server */
  unsigned lease_s;            /* at least 2 */
};

/* How a request gets there; for tests, another one than etcd-curl.c. */
struct etcd_transport {
  /* Of a connection; NULL with errno. */
  void *(*open) (const struct etcd_options *options);
  void (*close) (void *handle);

  /* POST a body to http(s)://member/path, with a token or NULL, and get the
   * answer.  The HTTP status, or -1 with a reason in error (ETCD_ERROR_SIZE);
   * then it may have arrived, or not.
   */
  int (*post) (void *handle, const char *member, const char *path,
               const char *token, const char *body, size_t len,
               long timeout_ms, struct buffer *answer, char *error);
};

extern const struct etcd_transport etcd_curl;

/* What there is to see; a copy. */
struct etcd_status {
  bool leased;        /* there is a lease that may be valid */
  int64_t lease_left; /* ns, of it; negative: over by our clock */
  uint64_t requests, failures;
  uint64_t latency[ETCD_NR_LATENCIES], latency_sum; /* us, of requests */
  char member[128]; /* the one that answered last */
  char last_error[ETCD_ERROR_SIZE];
};

/* Nothing is sent yet.  NULL with errno. */
struct etcd *etcd_new (const struct etcd_options *options,
                       const struct etcd_transport *transport);

/* Begin to get a lease, in a thread.  0, or -1 with errno. */
int etcd_start (struct etcd *e);

/* Do not try for long any more: what has no answer fails.  Does not block. */
void etcd_hurry (struct etcd *e);

/* Give the lease back, for a second at most, and free.  No seat and no
 * connection is left.
 */
void etcd_free (struct etcd *e);

/* Any thread. */
void etcd_get_status (struct etcd *e, struct etcd_status *status);

/* Our lease, or 0; and whether it may be relied on now (CLOCK_BOOTTIME).  Any
 * thread, do not block.
 */
int64_t etcd_lease (const struct etcd *e);
bool etcd_lease_is_valid (const struct etcd *e, int64_t lease, uint64_t now);

const struct etcd_options *etcd_options (const struct etcd *e);

struct etcd *etcd_of (const struct etcd_conn *c);

/* --- requests --- */

/* For one thread at a time.  NULL with errno. */
struct etcd_conn *etcd_conn_new (struct etcd *e);
void etcd_conn_free (struct etcd_conn *c);

enum etcd_outcome {
  ETCD_DONE,
  ETCD_REFUSED, /* errno: ENOSPC, EACCES, ENOENT, EINVAL, EPROTO */
  ETCD_UNKNOWN, /* it may have been done, or will be, or not; errno EIO */
};

/* One try at one member, the next one the next time if this one does not
 * answer.  The answer, to be freed, or NULL.  Blocks for half a lease at most,
 * and before that while too many requests of others are under way.
 */
enum etcd_outcome etcd_try (struct etcd_conn *c, const char *path,
                            struct json_object *request,
                            struct json_object **answer);

/* For what may be done twice: try until there is an answer, or for ten
 * seconds.  NULL with errno.
 */
struct json_object *etcd_ask (struct etcd_conn *c, const char *path,
                              struct json_object *request);

/* Wait a moment before the next try.  False: the time since start (now_ns) is
 * over; with errno.
 */
bool etcd_pause (struct etcd_conn *c, uint64_t start);

/* Why the last request failed: "HOST:PORT: reason". */
const char *etcd_error (const struct etcd_conn *c);

#endif /* NBDMIRROR_LOG_ETCD_H */
