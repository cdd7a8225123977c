/* SPDX-License-Identifier: BSD-3-Clause */

/* How fast copies may go beside clients: a feedback controller, without clock,
 * thread or lock.  rate.c tells it what happened in each window of time, and it
 * says how many bytes per second are allowed in the next one.
 *
 *   no clients        no limit of its own
 *   they wait little  more, as long as what is allowed is used
 *   they wait long    less, the more so the longer they wait
 *
 * Long is as compared with windows in which nothing was copied (RATE_GOAL times
 * their p99 is never to be reached); what is measured is the time within the mirror,
 * and what a client waits is a round trip more (RATE_ROUND_TRIP_NS).  The median of the last few of these counts,
 * for a p99 of a hundred requests is noisy.  While there is nothing to copy such
 * windows come by themselves.  Else copies rest now and then for one of them
 * (resting): at once if nothing is known, and every REST_EVERY_NS, for the load may
 * have become heavier.  That it has become lighter shows in any window: clients
 * that wait less than they did alone.
 *
 * The floor, resync-min, is kept whatever clients wait for; what it loses while
 * copies rest is made good beside.
 */

#ifndef NBDMIRROR_RATE_CONTROL_H
#define NBDMIRROR_RATE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "client-latency.h"

#define RATE_UNLIMITED UINT64_MAX
#define RATE_GOAL 2 /* times the p99 without copies */
#define RATE_ROUND_TRIP_NS (50 * UINT64_C (1000)) /* at least */
#define RATE_ALONE_WINDOWS 5
#define RATE_IDLE_NS (300 * UINT64_C (1000000))
#define RATE_REST_EVERY_NS (10 * UINT64_C (1000000000))
#define RATE_LEAST (UINT64_C (64) << 10) /* if the floor is lower */

/* Why copies are not faster. */
enum rate_why {
  RATE_IDLE,     /* no clients: the legs are not */
  RATE_LEGS,     /* the same, though there are clients */
  RATE_YIELDING, /* for clients */
  RATE_FLOOR,    /* the same, and this is the least */
  RATE_LIMIT,    /* resync-rate */
};

/* What happened in a window of time. */
struct rate_window {
  uint64_t ns;    /* its length */
  uint64_t moved; /* bytes copied */
  bool alone;     /* no copy was under way in it */
  bool stuck;     /* requests are, and none was answered */
  unsigned requests;
  uint64_t p99_ns[NR_CLIENT_KINDS]; /* 0: too few of that kind */
};

struct rate_bounds {
  uint64_t min, max; /* bytes/s; max 0: none */
};

/* The last windows in which nothing was copied. */
struct rate_alone {
  uint64_t p99_ns[RATE_ALONE_WINDOWS];
  unsigned nr, next;
};

/* All zeroes but for what rate_control_init sets. */
struct rate_control {
  uint64_t allowed; /* bytes/s, beside resync-rate */
  enum rate_why why;
  bool busy;       /* there are clients */
  bool resting;    /* no copy is to begin */
  bool rested;     /* once since clients are there */
  uint64_t resume; /* allowed when they were there last; 0: never */
  uint64_t idle_ns, since_rest_ns;
  struct rate_alone alone[NR_CLIENT_KINDS];

  /* Of the last window with clients, of the kind that suffers most; 0: not known. */
  uint64_t p99_ns, alone_ns;
};

void rate_control_init (struct rate_control *rc);

/* A window is over. */
void rate_control_step (struct rate_control *rc, const struct rate_window *w,
                        const struct rate_bounds *bounds);

/* Clients are there, before the window is over: no copy goes unlimited any more. */
void rate_control_wake (struct rate_control *rc,
                        const struct rate_bounds *bounds);

/* The rest takes too long: some copy does not end. */
void rate_control_no_rest (struct rate_control *rc);

#endif /* NBDMIRROR_RATE_CONTROL_H */
