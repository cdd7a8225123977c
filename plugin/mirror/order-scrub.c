/* SPDX-License-Identifier: BSD-3-Clause */

/* Orders to the scrub.  They change what its thread looks at, and are kept like
 * that before they are answered (scrub-keep.h).
 */

#include "config.h"

#include <inttypes.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-impl.h"
#include "scrub-restart.h"
#include "scrub.h"

/* --- who is right --- */

/* 0, or -1 with the reason.  m->lock is held. */
static int
check_right (const struct mirror *m, unsigned from, struct outcome *out)
{
  if (from != SCRUB_NO_LEG)
    return m->in_sync & SLOT_BIT (from)
             ? 0
             : order_refuse (out, "leg %u (%.200s) is not in-sync",
                             m->member[from].index, m->member[from].name);
  if (__builtin_popcount (m->in_sync) >= 3 || atomic_load (&m->sums.on))
    return 0;
  return order_refuse (out,
                       "of two legs that differ the mirror can't tell which "
                       "is right, and does not guess: say which, with "
                       "--from LEG");
}

/* The slot, or SCRUB_NO_LEG. */
static int
find_from (struct mirror *m, const struct order *order, unsigned *from,
           struct outcome *out)
{
  *from = SCRUB_NO_LEG;
  return order->from ? order_find_leg (m, order->from, from, out) : 0;
}

/* --- start --- */

/* In whole blocks of all legs.  0, or -1 with the reason. */
static int
get_range (const struct mirror *m, const struct order *order, uint64_t *begin,
           uint64_t *end, struct outcome *out)
{
  uint64_t size = m->limits.size, mask = m->limits.min_block - 1;

  if (order->offset >= size || order->length > size - order->offset)
    return order_refuse (out,
                         "the range must lie within the mirror, which has "
                         "%" PRIu64 " bytes",
                         size);
  *begin = order->offset & ~mask;
  *end = order->length == 0 ? size : order->offset + order->length + mask;
  if (order->length != 0)
    *end &= ~mask;
  if (*end > size)
    *end = size;
  return 0;
}

static bool
is_under_way (const struct scrub *s)
{
  return s->now.phase == SCRUB_RUNNING || s->now.phase == SCRUB_PAUSED ||
         s->repairing;
}

static bool
is_the_same (const struct scrub *s, const struct order *order, unsigned from,
             uint64_t begin, uint64_t end)
{
  const struct scrub_kept *now = &s->now;

  return now->phase == SCRUB_RUNNING && now->begin == begin &&
         now->end == end && now->repair == order->repair &&
         now->repair_from == from &&
         (!order->has_rate || now->rate == order->rate);
}

/* m->lock is held. */
static int
start_locked (struct mirror *m, const struct order *order, unsigned from,
              struct outcome *out)
{
  struct scrub_kept *now = &m->scrub.now;
  uint64_t begin = 0, end = 0;

  if (get_range (m, order, &begin, &end, out) == -1)
    return -1;
  if (is_the_same (&m->scrub, order, from, begin, end))
    return order_unchanged (out, "such a scrub runs already");
  if (is_under_way (&m->scrub))
    return order_refuse (out, "another scrub or repair is under way: stop it "
                              "before");
  if (order->repair && check_right (m, from, out) == -1)
    return -1;
  if (!order->dry_run) {
    now->begin = begin;
    now->end = end;
    now->rate = order->has_rate ? order->rate : 0;
    now->repair = order->repair;
    now->repair_from = from;
    scrub_begin_locked (m);
  }
  return order_done (out,
                     "bytes %" PRIu64 " to %" PRIu64 " of all in-sync legs "
                     "are compared%s",
                     begin, end - 1,
                     order->repair ? ", and what differs is repaired" : "");
}

/* --- pause, resume, stop; m->lock is held --- */

static int
pause_locked (struct mirror *m, const struct order *order, struct outcome *out)
{
  struct scrub_kept *now = &m->scrub.now;

  if (now->phase == SCRUB_PAUSED)
    return order_unchanged (out, "the scrub is paused already");
  if (now->phase != SCRUB_RUNNING)
    return order_refuse (out, "no scrub runs");
  if (!order->dry_run) {
    now->phase = SCRUB_PAUSED;
    scrub_wake_locked (m);
  }
  return order_done (out, "the scrub is paused");
}

static int
resume_locked (struct mirror *m, const struct order *order,
               struct outcome *out)
{
  struct scrub_kept *now = &m->scrub.now;
  bool new_rate = order->has_rate && order->rate != now->rate;

  if (now->phase == SCRUB_RUNNING && !new_rate)
    return order_unchanged (out, "the scrub runs");
  if (now->phase == SCRUB_IDLE || now->phase == SCRUB_DONE)
    return order_refuse (out, "no scrub is paused or stopped");
  if (m->scrub.repairing && now->phase == SCRUB_STOPPED)
    return order_refuse (out, "a repair is under way: stop it before");
  if (!order->dry_run) {
    now->phase = SCRUB_RUNNING;
    if (order->has_rate)
      now->rate = order->rate;
    scrub_wake_locked (m);
  }
  return order_done (out, "the scrub goes on");
}

static int
stop_locked (struct mirror *m, const struct order *order, struct outcome *out)
{
  struct scrub *s = &m->scrub;

  if (!is_under_way (s))
    return order_unchanged (out, "no scrub and no repair is under way");
  if (!order->dry_run) {
    if (s->now.phase != SCRUB_DONE)
      s->now.phase = SCRUB_STOPPED;
    s->repairing = false;
    scrub_wake_locked (m);
  }
  return order_done (out, "the scrub is stopped");
}

/* --- repair; m->lock is held --- */

/* There was none: it repairs what it finds. */
static int
start_with_repair (struct mirror *m, const struct order *order, unsigned from,
                   struct outcome *out)
{
  const struct order start = {.repair = true, .dry_run = order->dry_run};

  return start_locked (m, &start, from, out);
}

static int
repair_locked (struct mirror *m, const struct order *order, unsigned from,
               struct outcome *out)
{
  struct scrub *s = &m->scrub;

  if (is_under_way (s))
    return order_refuse (out, "a scrub or repair is under way: wait, or stop "
                              "it before");
  if (s->now.phase == SCRUB_IDLE)
    return start_with_repair (m, order, from, out);
  if (s->now.differ.nr == 0)
    return order_unchanged (out, "the last scrub left nothing to repair");
  if (check_right (m, from, out) == -1)
    return -1;
  if (!order->dry_run) {
    s->repairing = true;
    s->repairing_from = from;
    s->repair_cursor = 0;
    scrub_wake_locked (m);
  }
  return order_done (out, "%zu ranges that differ are repaired",
                     s->now.differ.nr);
}

/* --- all of them --- */

static int
run_locked (struct mirror *m, const struct order *order, unsigned from,
            struct outcome *out)
{
  switch (order->verb) {
  case ORDER_SCRUB_START:
    return start_locked (m, order, from, out);
  case ORDER_SCRUB_PAUSE:
    return pause_locked (m, order, out);
  case ORDER_SCRUB_RESUME:
    return resume_locked (m, order, out);
  case ORDER_SCRUB_STOP:
    return stop_locked (m, order, out);
  default:
    return repair_locked (m, order, from, out);
  }
}

int
order_scrub (struct mirror *m, const struct order *order, struct outcome *out)
{
  unsigned from;
  int r;

  if (find_from (m, order, &from, out) == -1)
    return -1;
  {
    CLEANUP_LOCK (&m->lock);
    r = run_locked (m, order, from, out);
  }
  if (r == -1 || order->dry_run || !out->changed)
    return r;
  msg_note ("an operator's order: %s", out->text);
  if (!scrub_keep (m))
    return order_refuse (out, "done, but not recorded, so that a restart will "
                              "not know of it: see the server's messages");
  return 0;
}
