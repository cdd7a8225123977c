/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "mirror-impl.h"
#include "scrub-next.h"
#include "suspend.h"

static const char *
reason_to_wait (const struct mirror *m)
{
  if (m->hold.legs)
    return "the last in-sync leg is away";
  if (suspended_locked (m))
    return "the mirror is suspended";
  if (!dirty_log_valid (m->log))
    return "the lease of the log is over";
  if (__builtin_popcount (m->in_sync) < 2)
    return "fewer than two legs are in-sync";
  return NULL;
}

void
scrub_end_repair_locked (struct scrub *s)
{
  s->repairing = false;
  s->changed = true;
}

static void
next_repair (struct scrub *s, struct scrubber *sc)
{
  const struct scrub_range *r =
    scrub_list_find (&s->now.differ, s->repair_cursor);
  uint64_t max = SCRUB_CHUNK;

  if (!r) {
    scrub_end_repair_locked (s);
    return;
  }
  sc->step = STEP_REPAIR;
  sc->range = *r;
  sc->from = s->repairing_from;
  if (sc->range.offset < s->repair_cursor) {
    sc->range.length -= s->repair_cursor - sc->range.offset;
    sc->range.offset = s->repair_cursor;
  }
  /* It is widened to whole blocks of the legs. */
  max -= sc->range.offset % SCRUB_CHUNK;
  if (sc->range.length > max)
    sc->range.length = max;
}

void
scrub_end_compare_locked (struct scrub *s)
{
  if (s->now.position < s->now.end)
    return;
  s->now.phase = SCRUB_DONE;
  s->changed = true;
}

static void
next_compare (struct scrub *s, struct scrubber *sc)
{
  uint64_t left = s->now.end - s->now.position;
  uint64_t max = SCRUB_CHUNK - s->now.position % SCRUB_CHUNK;

  scrub_end_compare_locked (s); /* a repair of the last chunk was cut short */
  if (left == 0)
    return;
  sc->step = STEP_COMPARE;
  sc->offset = s->now.position;
  sc->count = left < max ? left : max;
}

void
scrub_next_step_locked (struct scrubber *sc)
{
  struct mirror *m = sc->m;
  struct scrub *s = &m->scrub;
  bool work = s->now.phase == SCRUB_RUNNING ||
              (s->repairing && s->now.phase != SCRUB_PAUSED);

  sc->step = STEP_NONE;
  s->waits = work ? reason_to_wait (m) : NULL;
  if (s->stop || !work || s->waits || s->sleep_until > now_ns ())
    return;
  if (sc->serial != s->serial)
    sc->work->said_found = sc->work->said_repaired = 0;
  sc->serial = s->serial;
  if (s->repairing)
    next_repair (s, sc);
  else
    next_compare (s, sc);
}
