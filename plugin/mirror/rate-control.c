/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "rate-control.h"

/* What clients wait, in percent of what they wait alone: */
#define FAST_BELOW 120 /* a quarter more */
#define MORE_BELOW 155 /* a little more */
#define LESS_FROM 180  /* less; between it stays */
#define AIM 150
#define STUCK 400
#define LEAST_CUT 50 /* percent that are left */
#define MOST_CUT 95

#define NSEC_PER_SEC UINT64_C (1000000000)

void
rate_control_init (struct rate_control *rc)
{
  memset (rc, 0, sizeof *rc);
  rc->allowed = RATE_UNLIMITED;
}

/* --- what is normal --- */

static void
note_alone (struct rate_alone *a, uint64_t p99_ns)
{
  a->p99_ns[a->next] = p99_ns;
  a->next = (a->next + 1) % RATE_ALONE_WINDOWS;
  if (a->nr < RATE_ALONE_WINDOWS)
    a->nr++;
}

/* The lower one of two in the middle; 0: nothing is known. */
static uint64_t
median (const struct rate_alone *a)
{
  for (unsigned i = 0; i < a->nr; ++i) {
    unsigned below = 0, same = 0;

    for (unsigned j = 0; j < a->nr; ++j) {
      below += a->p99_ns[j] < a->p99_ns[i];
      same += a->p99_ns[j] == a->p99_ns[i];
    }
    if (below <= (a->nr - 1) / 2 && below + same > (a->nr - 1) / 2)
      return a->p99_ns[i];
  }
  return 0;
}

static void
learn (struct rate_control *rc, const struct rate_window *w)
{
  for (unsigned kind = 0; kind < NR_CLIENT_KINDS; ++kind) {
    uint64_t alone = median (&rc->alone[kind]);

    if (w->p99_ns[kind] == 0)
      continue;
    if (w->alone || (alone > 0 && w->p99_ns[kind] < alone))
      note_alone (&rc->alone[kind], w->p99_ns[kind]);
  }
}

/* What the kind that suffers most waits, in percent of what it waits alone; 0: it
 * can't be told.  *unknown: of some kind it can't.
 */
static uint64_t
suffering (struct rate_control *rc, const struct rate_window *w, bool *unknown)
{
  uint64_t most = 0;

  *unknown = false;
  for (unsigned kind = 0; kind < NR_CLIENT_KINDS; ++kind) {
    uint64_t p99 = w->p99_ns[kind], alone = median (&rc->alone[kind]);
    uint64_t percent = alone > 0 ? (p99 + RATE_ROUND_TRIP_NS) * 100 /
                                     (alone + RATE_ROUND_TRIP_NS)
                                 : 0;

    if (p99 > 0 && alone == 0)
      *unknown = true;
    if (p99 > 0 && percent > most) {
      most = percent;
      rc->p99_ns = p99;
      rc->alone_ns = alone;
    }
  }
  return w->stuck ? STUCK : most;
}

/* --- what is allowed --- */

/* What is lost while copies rest is made good. */
static uint64_t
floor_of (const struct rate_bounds *b)
{
  uint64_t floor = b->min < RATE_LEAST ? RATE_LEAST : b->min + b->min / 20;

  return b->max > 0 && floor > b->max ? b->max : floor;
}

static uint64_t
per_second (const struct rate_window *w)
{
  return w->ns > 0 ? (uint64_t) ((double) w->moved * (double) NSEC_PER_SEC /
                                 (double) w->ns)
                   : 0;
}

static uint64_t
percent_of (uint64_t n, uint64_t percent)
{
  return n / 100 * percent + n % 100 * percent / 100;
}

/* Where less is allowed than was used nothing changes by a cut. */
static void
cut (struct rate_control *rc, const struct rate_window *w, uint64_t suffer)
{
  uint64_t used = per_second (w);
  uint64_t left = AIM * 100 / suffer;

  if (w->alone)
    return;
  if (left < LEAST_CUT)
    left = LEAST_CUT;
  if (left > MOST_CUT)
    left = MOST_CUT;
  if (used > 0 && used < rc->allowed)
    rc->allowed = used;
  rc->allowed = percent_of (rc->allowed, left);
}

/* What nobody uses is not made more: it would have to be cut first. */
static void
grow (struct rate_control *rc, const struct rate_window *w, uint64_t percent)
{
  if (w->alone || rc->allowed / 2 > per_second (w))
    return;
  rc->allowed = percent_of (rc->allowed, percent);
}

static void
adjust (struct rate_control *rc, const struct rate_window *w)
{
  bool unknown;
  uint64_t suffer = suffering (rc, w, &unknown);

  if (unknown && !rc->rested)
    rc->resting = true;
  if (suffer >= LESS_FROM)
    cut (rc, w, suffer);
  else if (suffer < FAST_BELOW && !unknown)
    grow (rc, w, 125);
  else if (suffer < MORE_BELOW && !unknown)
    grow (rc, w, 108);
}

static void
stay_in_bounds (struct rate_control *rc, const struct rate_window *w,
                const struct rate_bounds *b)
{
  uint64_t floor = floor_of (b);

  if (rc->allowed < floor)
    rc->allowed = floor;
  if (b->max > 0 && rc->allowed > b->max)
    rc->allowed = b->max;
  if (b->max > 0 && rc->allowed == b->max)
    rc->why = RATE_LIMIT;
  else if (rc->allowed == floor)
    rc->why = RATE_FLOOR;
  else if (!w->alone)
    rc->why = per_second (w) < rc->allowed / 2 ? RATE_LEGS : RATE_YIELDING;
}

/* --- clients come and go --- */

void
rate_control_wake (struct rate_control *rc, const struct rate_bounds *bounds)
{
  uint64_t floor = floor_of (bounds);

  rc->idle_ns = 0;
  if (rc->busy)
    return;
  rc->busy = true;
  rc->rested = false;
  rc->allowed = rc->resume > floor ? rc->resume : floor;
  rc->why = rc->allowed > floor ? RATE_YIELDING : RATE_FLOOR;
}

static void
idle (struct rate_control *rc, const struct rate_window *w,
      const struct rate_bounds *b)
{
  rc->idle_ns += w->ns;
  if (rc->idle_ns < RATE_IDLE_NS)
    return;
  if (rc->busy)
    rc->resume = rc->allowed;
  rc->busy = rc->resting = false;
  rc->allowed = RATE_UNLIMITED;
  rc->why = b->max > 0 && per_second (w) > b->max / 2 ? RATE_LIMIT : RATE_IDLE;
  rc->p99_ns = rc->alone_ns = 0;
}

void
rate_control_no_rest (struct rate_control *rc)
{
  rc->resting = false;
  rc->rested = true;
  rc->since_rest_ns = 0;
}

static void
rest_now_and_then (struct rate_control *rc, const struct rate_window *w)
{
  if (w->alone) {
    rate_control_no_rest (rc);
    return;
  }
  rc->since_rest_ns += w->ns;
  if (rc->since_rest_ns >= RATE_REST_EVERY_NS)
    rc->resting = true;
}

void
rate_control_step (struct rate_control *rc, const struct rate_window *w,
                   const struct rate_bounds *bounds)
{
  if (w->requests == 0 && !w->stuck) {
    idle (rc, w, bounds);
    return;
  }
  learn (rc, w);
  if (rc->busy)
    adjust (rc, w);
  rate_control_wake (rc, bounds); /* what was copied before was unlimited */
  rest_now_and_then (rc, w);
  stay_in_bounds (rc, w, bounds);
}
