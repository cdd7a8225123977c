/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "slow.h"

/* Fewer are no measure.  Flushes are few, and long. */
static const unsigned least[NR_LATENCIES] = {
  [LATENCY_READ] = 10,
  [LATENCY_WRITE] = 10,
  [LATENCY_FLUSH] = 3,
};

static const char *const names[NR_LATENCIES] = {
  [LATENCY_READ] = "reads",
  [LATENCY_WRITE] = "writes",
  [LATENCY_FLUSH] = "flushes",
};

/* What the legs took in a window. */
struct window {
  unsigned legs; /* that are compared */
  uint64_t p99_ns[LOG_MAX_LEGS][NR_LATENCIES];
};

/* What it says of one leg. */
enum verdict {
  NOTHING,
  QUICK,
  BETWEEN,
  SLOW
};

/* m->lock is held. */
static void
measure_locked (struct mirror *m, struct window *w)
{
  struct latency_counts since;

  w->legs = m->in_sync & usable_set (m);

  FOR_EACH_SLOT (slot, m->configured) {
    struct member *member = &m->member[slot];
    struct leg *leg = member->leg;

    if (!leg)
      continue;
    leg_latency_since (&leg->latency, &member->slow.last, &since);
    for (enum latency_of of = 0; of < NR_LATENCIES; ++of)
      w->p99_ns[slot][of] = latency_p99_ns (&since, of, least[of]);
  }
}

/* 0: there is no other one. */
static uint64_t
fastest_other (const struct window *w, unsigned slot, enum latency_of of)
{
  uint64_t fastest = 0;

  FOR_EACH_SLOT (other, w->legs & ~SLOT_BIT (slot)) {
    uint64_t ns = w->p99_ns[other][of];

    if (ns > 0 && (fastest == 0 || ns < fastest))
      fastest = ns;
  }
  return fastest;
}

static enum verdict
compare (uint64_t ns, uint64_t fastest)
{
  if (ns == 0 || fastest == 0)
    return NOTHING;
  if (ns >= SLOW_NS && ns / SLOW_FACTOR >= fastest)
    return SLOW;
  return ns >= SLOW_NS / 2 && 2 * ns / SLOW_FACTOR >= fastest ? BETWEEN
                                                              : QUICK;
}

/* The worst of the three; *what: which that is. */
static enum verdict
judge (const struct window *w, unsigned slot, enum latency_of *what)
{
  enum verdict worst = NOTHING;

  for (enum latency_of of = 0; of < NR_LATENCIES; ++of) {
    enum verdict v =
      compare (w->p99_ns[slot][of], fastest_other (w, slot, of));

    if (v > worst) {
      worst = v;
      *what = of;
    }
  }
  return worst;
}

/* It is time to change is_slow. */
static bool
turns (struct slow *s, enum verdict v)
{
  s->empty = v == NOTHING ? s->empty + 1 : 0;
  if (s->is_slow && s->empty >= STALE_WINDOWS)
    return true;
  if (v == NOTHING)
    return false;
  s->against = v == (s->is_slow ? QUICK : SLOW) ? s->against + 1 : 0;
  return s->against >= SLOW_WINDOWS;
}

/* True if that is news.  m->lock is held. */
static bool
judge_locked (struct mirror *m, const struct window *w, unsigned slot)
{
  struct slow *s = &m->member[slot].slow;
  enum latency_of what = LATENCY_WRITE;
  enum verdict v =
    w->legs & SLOT_BIT (slot) ? judge (w, slot, &what) : NOTHING;
  bool news = turns (s, v);

  for (enum latency_of of = 0; of < NR_LATENCIES; ++of)
    s->p99_ns[of] = w->p99_ns[slot][of];
  if (news) {
    s->is_slow = !s->is_slow;
    s->against = s->empty = 0;
  }
  if (v == SLOW) {
    s->what = what;
    s->took_ns = w->p99_ns[slot][what];
    s->fastest_ns = fastest_other (w, slot, what);
  }
  return news;
}

static uint64_t
in_ms (uint64_t ns)
{
  return (ns + NSEC_PER_MSEC / 2) / NSEC_PER_MSEC;
}

void
slow_reason_locked (const struct mirror *m, unsigned slot, char *buf,
                    size_t size)
{
  const struct slow *s = &m->member[slot].slow;

  buf[0] = '\0';
  if (s->is_slow)
    snprintf (buf, size,
              "99 %% of its %s take up to %" PRIu64
              " ms, those of the fastest leg up to %" PRIu64 " ms",
              names[s->what], in_ms (s->took_ns), in_ms (s->fastest_ns));
}

static void
look_at (struct mirror *m, const struct window *w, unsigned slot)
{
  char why[LEG_ERROR_SIZE];
  const char *name;
  bool news;

  {
    CLEANUP_LOCK (&m->lock);
    name = m->member[slot].name;
    news = judge_locked (m, w, slot);
    slow_reason_locked (m, slot, why, sizeof why);
  }
  if (news && why[0])
    msg_warning ("leg %s: is slow: %s; what is written waits for it", name,
                 why);
  else if (news)
    msg_note ("leg %s: is not slow any more", name);
}

void
slow_look (struct mirror *m, uint64_t elapsed)
{
  struct window w = {.legs = 0};

  m->slow_window_ns += elapsed;
  if (m->slow_window_ns < SLOW_WINDOW_NS)
    return;
  m->slow_window_ns = 0;
  {
    CLEANUP_LOCK (&m->lock);
    measure_locked (m, &w);
  }
  FOR_EACH_SLOT (slot, m->configured)
    if (m->member[slot].leg)
      look_at (m, &w, slot);
}
