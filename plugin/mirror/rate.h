/* SPDX-License-Identifier: BSD-3-Clause */

/* The budget of copies: resync and scrub ask it before each chunk, so that they
 * share what there is chunk by chunk.
 *
 * It is a bucket of bytes that fills at the rate that rate-control.h allows, and at
 * resync-rate at most.  Who finds something in it takes a whole chunk, even if that
 * is more than there is; so nobody else begins before that has been made good, and
 * at a low rate chunks do not come several at a time.
 *
 * Whoever passes by ends a window when it is due: a client with its answer, or
 * someone who asks for a chunk; there is no thread for it.
 */

#ifndef NBDMIRROR_RATE_H
#define NBDMIRROR_RATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client-latency.h"
#include "rate-control.h"

struct mirror;

struct rate {
  atomic_uint_fast64_t client_ns; /* last client request */
  atomic_uint inside;             /* client requests */
  atomic_uint_fast64_t look_ns;   /* when the window may be over */
  struct client_latency latency;
  atomic_uint_fast64_t short_floor; /* bytes/s, of a short copy */
  atomic_uint_fast64_t short_until_ns;

  pthread_mutex_t lock;
  /* Protected by it. */
  struct rate_control control;
  struct client_counts last; /* when the window began */
  uint64_t begin_ns;         /* of the window */
  uint64_t moved;            /* in it */
  bool alone;                /* no copy was under way in it */
  unsigned busy;             /* chunks under way */
  uint64_t rest_ns;          /* when copies began to rest; 0: they do not */
  double credit;             /* bytes; what is taken counts at once */
  bool waits;                /* someone, for more */
  uint64_t credit_ns;        /* at this time */
  uint64_t shown, shown_ns,
    shown_moved; /* bytes/s, and what it is counted from */
};

/* What status tells. */
struct rate_view {
  uint64_t bytes_per_second, allowed; /* RATE_UNLIMITED: no limit */
  enum rate_why why;
  uint64_t client_p99_us, alone_p99_us; /* 0: not known */
};

/* A round of copies begins, with so much to do.  What a leg missed in a short outage is
 * copied soon, whatever clients wait: while it lasts there is a leg less, and what is
 * written then can be lost with one more.
 */
#define RATE_SHORT (UINT64_C (2) << 30)
#define RATE_SHORT_SECONDS 15
void rate_round_begins (struct rate *rate, uint64_t bytes);

void rate_init (struct rate *rate);
void rate_free (struct rate *rate);

/* A client request comes in; returns the time.  It has its answer. */
uint64_t rate_client_begin (struct rate *rate);
void rate_client_end (struct mirror *m, enum client_kind kind,
                      uint64_t arrival);

static inline enum client_kind
client_kind_of (bool write, uint64_t count)
{
  if (count > CLIENT_SMALL)
    return write ? CLIENT_LARGE_WRITE : CLIENT_LARGE_READ;
  return write ? CLIENT_WRITE : CLIENT_READ;
}

/* A chunk of so many bytes may be copied now: 0, and it is under way until
 * rate_copy_end is told what was really moved.  Or nanoseconds after which to ask
 * again.  No lock is held.
 */
uint64_t rate_copy_begin (struct mirror *m, uint64_t bytes);
void rate_copy_end (struct mirror *m, uint64_t bytes, uint64_t moved);

void rate_view (struct mirror *m, struct rate_view *view);
const char *rate_why_name (enum rate_why why);

#endif /* NBDMIRROR_RATE_H */
