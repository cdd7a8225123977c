/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>

#include "nbd-pace.h"

/* Shorter pauses are none. */
#define SILENCE_NS (500 * NSEC_PER_MSEC)

void
pace_init (struct pace *p, const struct leg_options *options,
           atomic_uint *slow)
{
  *p = (struct pace){.options = options, .slow = slow};
}

static bool
is_slow (const struct leg_io *io)
{
  return io->op == LEG_FLUSH || ((io->flags & LEG_FUA) && io->leg->can_fua);
}

void
pace_sent (struct pace *p, struct leg_io *io, bool only, uint64_t now)
{
  if (only) {
    p->looked_ns = now;
    p->moved_ns = p->first_ns = p->clock_ns;
  }
  p->used_ns = now;
  io->sent_ns = p->clock_ns;
  if (is_slow (io))
    atomic_fetch_add (p->slow, 1);
}

void
pace_ended (struct pace *p, const struct leg_io *io, bool oldest)
{
  p->moved_ns = p->clock_ns;
  if (oldest)
    p->first_ns = p->clock_ns;
  if (is_slow (io))
    atomic_fetch_sub (p->slow, 1);
}

uint64_t
pace_silence (const struct pace *p)
{
  return p->clock_ns - p->moved_ns;
}

void
pace_look (struct pace *p, bool owed, bool moved, uint64_t now)
{
  uint64_t step = now - p->looked_ns;
  bool slow = atomic_load (p->slow) > 0;

  p->looked_ns = now;
  if (moved)
    p->used_ns = now;
  if (owed)
    p->clock_ns += step < 2 * PACE_TICK_NS ? step : 2 * PACE_TICK_NS;
  /* Who waited for a flush to end waits for his own answer only now. */
  if (moved || (p->patient && !slow))
    p->moved_ns = p->clock_ns;
  p->patient = slow && (p->patient || pace_silence (p) < SILENCE_NS);
}

static uint64_t
flush_limit (const struct pace *p)
{
  const struct leg_options *o = p->options;

  return o->flush_timeout_ns > 0 ? o->flush_timeout_ns : o->timeout_ns;
}

static uint64_t
silence_limit (const struct pace *p)
{
  uint64_t limit = p->options->timeout_ns;

  if (!p->parallel && p->patient && flush_limit (p) > limit)
    limit = flush_limit (p);
  return limit;
}

bool
pace_should_ask (const struct pace *p, bool owed, uint64_t now)
{
  if (owed)
    return p->parallel && pace_silence (p) >= p->options->timeout_ns / 2;
  return now >= p->used_ns + PACE_IDLE_NS;
}

static double
seconds (uint64_t ns)
{
  return (double) ns / NSEC_PER_SEC;
}

bool
pace_is_late (const struct pace *p, const struct leg_io *oldest, char *why,
              size_t size)
{
  const struct leg_options *o = p->options;
  uint64_t limit = silence_limit (p);
  bool silent = pace_silence (p) > limit;

  if (!oldest)
    return false;
  if (silent && limit == o->timeout_ns)
    snprintf (why, size, "no answer for %g s", seconds (limit));
  else if (silent ||
           (is_slow (oldest) && p->clock_ns - p->first_ns > flush_limit (p)))
    snprintf (why, size, "no answer to a flush for %g s",
              seconds (flush_limit (p)));
  else if (o->fail_after_ns > 0 &&
           p->clock_ns - oldest->sent_ns > o->fail_after_ns)
    snprintf (why, size, "a request was not answered in %g s",
              seconds (o->fail_after_ns));
  else
    return false;
  return true;
}
