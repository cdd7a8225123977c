/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "rate.h"

#define WINDOW_NS (100 * NSEC_PER_MSEC)     /* at least, */
#define MAX_WINDOW_NS (400 * NSEC_PER_MSEC) /* at most, and till then */
#define WINDOW_REQUESTS 100                 /* so many */
#define LEAST_REQUESTS 8 /* of a kind that prove something */
#define MAX_REST_NS NSEC_PER_SEC
#define MAX_PAUSE_NS \
  (100 * NSEC_PER_MSEC)               /* until things are looked at again */
#define LATE_NS (200 * NSEC_PER_MSEC) /* who waits may wake up so late */
#define SHOWN_NS NSEC_PER_SEC

void
rate_init (struct rate *rate)
{
  uint64_t now = now_ns ();

  memset (rate, 0, sizeof *rate);
  pthread_mutex_init (&rate->lock, NULL);
  rate_control_init (&rate->control);
  rate->begin_ns = rate->credit_ns = rate->shown_ns = now;
  rate->alone = true;
  atomic_init (&rate->look_ns, now + WINDOW_NS);
}

void
rate_free (struct rate *rate)
{
  pthread_mutex_destroy (&rate->lock);
}

void
rate_round_begins (struct rate *rate, uint64_t bytes)
{
  uint64_t time = bytes > RATE_SHORT ? 0 : 4 * RATE_SHORT_SECONDS;

  atomic_store (&rate->short_floor, bytes / RATE_SHORT_SECONDS);
  atomic_store (&rate->short_until_ns, now_ns () + time * NSEC_PER_SEC);
}

/* --- windows; rate->lock is held --- */

/* The times are for a round that its legs do not keep up with. */
static uint64_t
short_floor (const struct rate *rate)
{
  return now_ns () < atomic_load (&rate->short_until_ns)
           ? atomic_load (&rate->short_floor)
           : 0;
}

static struct rate_bounds
bounds_of (const struct mirror *m)
{
  struct rate_bounds bounds = {.min = short_floor (&m->rate),
                               .max = m->config.resync_rate};

  if (bounds.min < m->config.resync_min)
    bounds.min = m->config.resync_min;
  if (bounds.max > 0 && bounds.min > bounds.max)
    bounds.min = bounds.max;
  return bounds;
}

static void
begin_window (struct rate *rate, const struct client_counts *counts,
              uint64_t now)
{
  rate->last = *counts;
  rate->begin_ns = now;
  rate->moved = 0;
  rate->alone = rate->busy == 0;
  atomic_store (&rate->look_ns, now + WINDOW_NS);
}

static void
show (struct rate *rate, uint64_t now)
{
  uint64_t ns = now - rate->shown_ns;

  if (ns < SHOWN_NS)
    return;
  rate->shown = (uint64_t) ((double) rate->shown_moved *
                            (double) NSEC_PER_SEC / (double) ns);
  rate->shown_ns = now;
  rate->shown_moved = 0;
}

static void
end_window (struct mirror *m, const struct client_counts *counts,
            unsigned requests, uint64_t now)
{
  struct rate *rate = &m->rate;
  struct rate_bounds bounds = bounds_of (m);
  struct rate_window w = {
    .ns = now - rate->begin_ns,
    .moved = rate->moved,
    .alone = rate->alone,
    .stuck = requests == 0 && atomic_load (&rate->inside) > 0,
    .requests = requests,
  };

  for (enum client_kind kind = 0; kind < NR_CLIENT_KINDS; ++kind)
    w.p99_ns[kind] = client_p99_ns (&rate->last, counts, kind, LEAST_REQUESTS);
  rate_control_step (&rate->control, &w, &bounds);
  begin_window (rate, counts, now);
}

/* Whether copies rest, and for how long. */
static void
look_at_rest (struct rate *rate, uint64_t now)
{
  if (!rate->control.resting)
    rate->rest_ns = 0;
  else if (rate->rest_ns == 0)
    rate->rest_ns = now;
  else if (now - rate->rest_ns > MAX_REST_NS) {
    rate_control_no_rest (&rate->control);
    rate->rest_ns = 0;
  }
}

static void
look (struct mirror *m, uint64_t now)
{
  struct rate *rate = &m->rate;
  struct client_counts counts;
  unsigned requests;

  show (rate, now);
  if (now < atomic_load (&rate->look_ns))
    return;
  client_latency_get (&rate->latency, &counts);
  requests = client_counts_nr (&rate->last, &counts);
  if ((requests > 0 || atomic_load (&rate->inside) > 0) &&
      requests < WINDOW_REQUESTS && now - rate->begin_ns < MAX_WINDOW_NS)
    atomic_store (&rate->look_ns, now + WINDOW_NS / 4);
  else
    end_window (m, &counts, requests, now);
  look_at_rest (rate, now);
}

/* --- clients --- */

uint64_t
rate_client_begin (struct rate *rate)
{
  uint64_t now = now_ns ();

  atomic_store_explicit (&rate->client_ns, now, memory_order_relaxed);
  atomic_fetch_add_explicit (&rate->inside, 1, memory_order_relaxed);
  return now;
}

void
rate_client_end (struct mirror *m, enum client_kind kind, uint64_t arrival)
{
  struct rate *rate = &m->rate;
  uint64_t now = now_ns ();

  client_latency_note (&rate->latency, kind, now - arrival);
  atomic_fetch_sub_explicit (&rate->inside, 1, memory_order_relaxed);
  if (now < atomic_load_explicit (&rate->look_ns, memory_order_relaxed) ||
      pthread_mutex_trylock (&rate->lock) != 0)
    return;
  look (m, now);
  pthread_mutex_unlock (&rate->lock);
}

/* --- copies; rate->lock is held --- */

/* A client is there that no window has shown yet. */
static void
look_for_clients (struct mirror *m, uint64_t now)
{
  struct rate *rate = &m->rate;
  struct rate_bounds bounds = bounds_of (m);
  uint64_t client_ns = atomic_load (&rate->client_ns);

  if (!rate->control.busy && (atomic_load (&rate->inside) > 0 ||
                              (client_ns > 0 && now - client_ns < WINDOW_NS)))
    rate_control_wake (&rate->control, &bounds);
}

static uint64_t
allowed_now (const struct mirror *m)
{
  uint64_t allowed = m->rate.control.allowed;
  uint64_t limit = m->config.resync_rate;

  return limit > 0 && limit < allowed ? limit : allowed;
}

/* Nothing is saved up while nobody waits. */
static void
fill (struct rate *rate, uint64_t allowed, uint64_t now)
{
  double most = (double) allowed * LATE_NS / (double) NSEC_PER_SEC;
  double more = (double) allowed * (double) (now - rate->credit_ns) /
                (double) NSEC_PER_SEC;

  if (!rate->waits)
    most = rate->credit > 0 ? rate->credit : 0;
  rate->credit_ns = now;
  rate->credit = rate->credit + more < most ? rate->credit + more : most;
}

/* 0: now; or nanoseconds. */
static uint64_t
time_until_next (struct mirror *m, uint64_t now)
{
  struct rate *rate = &m->rate;
  uint64_t allowed = allowed_now (m);
  double ns;

  if (allowed == RATE_UNLIMITED) {
    rate->credit = 0;
    rate->credit_ns = now;
    return 0;
  }
  fill (rate, allowed, now);
  if (rate->control.resting)
    return WINDOW_NS / 10;
  if (rate->credit >= 0)
    return 0;
  ns = -rate->credit * (double) NSEC_PER_SEC / (double) allowed;
  return ns < MAX_PAUSE_NS ? (uint64_t) ns + 1 : MAX_PAUSE_NS;
}

uint64_t
rate_copy_begin (struct mirror *m, uint64_t bytes)
{
  struct rate *rate = &m->rate;
  uint64_t now = now_ns (), ns;
  CLEANUP_LOCK (&rate->lock);

  look (m, now);
  look_for_clients (m, now);
  ns = time_until_next (m, now);
  rate->waits = ns > 0;
  if (ns > 0)
    return ns;
  rate->credit -= (double) bytes;
  rate->busy++;
  rate->alone = false;
  return 0;
}

/* A window without copies begins when the last one ends. */
static void
end_last (struct rate *rate, uint64_t now)
{
  struct client_counts counts;

  if (!rate->control.resting)
    return;
  client_latency_get (&rate->latency, &counts);
  begin_window (rate, &counts, now);
}

void
rate_copy_end (struct mirror *m, uint64_t bytes, uint64_t moved)
{
  struct rate *rate = &m->rate;
  CLEANUP_LOCK (&rate->lock);

  rate->credit += (double) bytes - (double) moved;
  rate->moved += moved;
  rate->shown_moved += moved;
  if (--rate->busy == 0)
    end_last (rate, now_ns ());
}

/* --- what is shown --- */

void
rate_view (struct mirror *m, struct rate_view *view)
{
  struct rate *rate = &m->rate;
  CLEANUP_LOCK (&rate->lock);

  look (m, now_ns ());
  *view = (struct rate_view){
    .bytes_per_second = rate->shown,
    .allowed = allowed_now (m),
    .why = rate->control.why,
    .client_p99_us = rate->control.p99_ns / 1000,
    .alone_p99_us = rate->control.alone_ns / 1000,
  };
}

const char *
rate_why_name (enum rate_why why)
{
  static const char *const names[] = {
    [RATE_IDLE] = "idle",         [RATE_LEGS] = "legs",
    [RATE_YIELDING] = "yielding", [RATE_FLOOR] = "floor",
    [RATE_LIMIT] = "limit",
  };

  return names[why];
}
