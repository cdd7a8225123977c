/* SPDX-License-Identifier: BSD-3-Clause */

/* Like a read repair (repair.c) this is a write that finds its data under its
 * lock:
 *
 *   0. a leg that is right becomes primary, durably: after a crash the marked
 *      regions are copied from the primary;
 *   1. the range is taken against all others, and marked (S1);
 *   2. the legs are flushed, and read once more.  What a client has written since
 *      it was found is equal;
 *   3. what differs still is written, block by block, to the legs that do not
 *      hold what the right ones do.  Where that is no more the leg of step 0, or
 *      there is no majority any more, nothing is written.
 *
 * Where checksums are known (sums.h) they say who is right, block by block, before any
 * majority.  Two legs have no majority: without a sum, who is right is for an operator
 * to say.
 */

#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "flush.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "msg.h"
#include "scrub-repair.h"
#include "write.h"

#define ALL_SLOTS (SLOT_BIT (LOG_MAX_LEGS) - 1)

struct fix {
  struct mirror *m;
  struct scrub_work *work;
  uint64_t offset, count, arrival;
  unsigned from;   /* as the operator, or a sum, said it */
  bool by_sum;     /* it is one block of sums, */
  unsigned source; /* slot */
  struct write_op op;
  struct request rq;
  unsigned failed, unsent; /* legs */
  uint64_t written;
};

/* --- who is right --- */

/* A leg of the mask that holds what the group does. */
static int
leg_of_group (scrub_groups groups, unsigned legs, int group)
{
  FOR_EACH_SLOT (slot, legs)
    if (group != -1 && scrub_group_of (groups, slot) == (unsigned) group)
      return (int) slot;
  return -1;
}

/* m->lock is held. */
static int
choose_source (const struct fix *fix, scrub_groups groups)
{
  const struct mirror *m = fix->m;
  unsigned legs = m->in_sync & usable_set (m);

  if (fix->from != SCRUB_NO_LEG)
    return legs & SLOT_BIT (fix->from) ? (int) fix->from : -1;
  return leg_of_group (groups, legs, scrub_majority (groups, legs));
}

/* Step 0. */
static bool
source_is_primary (struct fix *fix, scrub_groups groups)
{
  struct mirror *m = fix->m;
  bool changed;

  {
    CLEANUP_LOCK (&m->lock);
    int source = choose_source (fix, groups);

    if (source == -1)
      return false;
    fix->source = (unsigned) source;
    changed = m->primary != fix->source;
    if (changed) {
      member_set_primary_locked (m, fix->source);
      dirty_log_set_primary (m->log, m->primary);
    }
  }
  return !changed || log_flush (m, log_deadline (m, fix->arrival)) == 0;
}

/* --- the range is taken --- */

static unsigned
still_in_sync (struct fix *fix)
{
  CLEANUP_LOCK (&fix->m->lock);
  return fix->op.legs & fix->m->in_sync;
}

/* Step 2. */
static bool
look_again (struct fix *fix)
{
  struct mirror *m = fix->m;

  if (flush_legs (m, 0) == -1)
    return false;
  scrub_look (m, &fix->work->look, still_in_sync (fix), fix->offset,
              fix->count);
  return !fix->work->look.again && !fix->work->look.unread &&
         (fix->work->look.legs & SLOT_BIT (fix->source));
}

static bool
source_has_sum (const struct fix *fix)
{
  return sums_check (&fix->m->sums, fix->work->look.buf[fix->source],
                     fix->offset, fix->count) == SUMS_RIGHT;
}

/* The legs that do not hold what the source does; *known: it is right. */
static unsigned
wrong_legs (const struct fix *fix, size_t at, size_t len, bool *known)
{
  const struct scrub_look *look = &fix->work->look;
  scrub_groups groups = scrub_groups_make (look->buf, look->legs, at, len);
  unsigned right = scrub_group_of (groups, fix->source), wrong = 0;

  if (fix->by_sum)
    *known = groups == 0 || source_has_sum (fix);
  else
    *known = groups == 0 || fix->from != SCRUB_NO_LEG ||
             scrub_majority (groups, look->legs) == (int) right;
  if (groups == 0 || !*known)
    return 0;
  FOR_EACH_SLOT (slot, look->legs)
    if (scrub_group_of (groups, slot) != right)
      wrong |= SLOT_BIT (slot);
  return wrong;
}

static void
report (struct fix *fix, unsigned legs, uint64_t at, uint64_t len)
{
  const struct mirror *m = fix->m;

  if (legs == 0 || fix->work->said_repaired++ >= SCRUB_MAX_SAID)
    return;
  FOR_EACH_SLOT (slot, legs)
    msg_warning ("leg %s: scrub: %" PRIu64 " bytes at offset %" PRIu64
                 " written again from leg %s%s",
                 m->member[slot].name, len, fix->offset + at,
                 m->member[fix->source].name,
                 fix->work->said_repaired == SCRUB_MAX_SAID ? ", and so on"
                                                            : "");
}

/* The right data to these legs.  False: not all of them are sent any more. */
static bool
send_part (struct fix *fix, unsigned legs, size_t at, size_t len)
{
  unsigned in_sync = still_in_sync (fix), bad;

  if (legs & ~in_sync || !(in_sync & SLOT_BIT (fix->source)))
    return false;
  fix->rq.buf = fix->work->look.buf[fix->source] + at;
  fix->rq.offset = fix->offset + at;
  fix->rq.count = len;
  bad = fan_out (fix->m, &fix->op.fan, legs, &fix->rq);
  fix->failed |= bad;
  fix->unsent |= fix->op.fan.unsent;
  fix->written += len;
  report (fix, legs & ~bad, at, len);
  return bad == 0;
}

/* Blocks that follow one another and are wrong on the same legs. */
struct part {
  unsigned legs;
  size_t at, len;
};

static bool
end_part (struct fix *fix, struct part *part)
{
  bool done =
    part->legs == 0 || send_part (fix, part->legs, part->at, part->len);

  *part = (struct part){0};
  return done;
}

/* Whole blocks of all legs, and of sums if there are any. */
static uint64_t
unit_of (const struct mirror *m)
{
  uint64_t unit = atomic_load (&m->sums.on) ? SUMS_BLOCK : SCRUB_BLOCK;

  return m->limits.min_block > unit ? m->limits.min_block : unit;
}

/* Step 3. */
static bool
write_wrong (struct fix *fix)
{
  size_t unit = fix->by_sum ? (size_t) fix->count
                : fix->m->limits.min_block > SCRUB_BLOCK
                  ? fix->m->limits.min_block
                  : SCRUB_BLOCK;
  struct part part = {0};

  for (size_t at = 0; at < fix->count; at += unit) {
    size_t len = fix->count - at < unit ? (size_t) fix->count - at : unit;
    bool known;
    unsigned legs = wrong_legs (fix, at, len, &known);

    if (legs != part.legs && !end_part (fix, &part))
      return false;
    if (part.legs == 0)
      part = (struct part){.legs = legs, .at = at};
    part.len = at + len - part.at;
    if (known)
      scrub_list_add (&fix->work->differ, fix->offset + at, len, 0);
  }
  return end_part (fix, &part);
}

static bool
write_locked (struct fix *fix)
{
  bool done;

  if (write_begin (fix->m, &fix->op) == -1)
    return false;
  done = look_again (fix) && write_wrong (fix);
  if (fix->written > 0 && !fix->by_sum)
    sums_forget (&fix->m->sums, fix->offset, fix->count);
  fix->op.fan.unsent = fix->unsent;
  /* write_end looks at the request that was the range's. */
  fix->rq.offset = fix->offset;
  fix->rq.count = fix->count;
  return write_end (fix->m, &fix->op, fix->failed) == 0 && done;
}

/* --- one range --- */

/* False: it could not be tried; true also if nothing is known to be right. */
static bool
run_fix (struct fix *fix, scrub_groups groups)
{
  fix->rq = (struct request){.op = LEG_WRITE,
                             .offset = fix->offset,
                             .count = fix->count,
                             .arrival = fix->arrival};
  fix->op = (struct write_op){.rq = &fix->rq, .repair = ALL_SLOTS};
  fix->written = 0;
  fix->failed = fix->unsent = 0;
  if (!source_is_primary (fix, groups))
    return true;
  return write_locked (fix);
}

/* Whole blocks. */
static void
widen (struct fix *fix, const struct scrub_range *range)
{
  const struct mirror_limits *limits = &fix->m->limits;
  uint64_t unit = unit_of (fix->m);
  uint64_t end = (range->offset + range->length + unit - 1) & ~(unit - 1);

  fix->offset = range->offset & ~(unit - 1);
  fix->count = (end < limits->size ? end : limits->size) - fix->offset;
}

/* --- by sums --- */

/* The leg that holds what a client wrote; SCRUB_NO_LEG: it can't be told. */
static unsigned
leg_by_sum (struct fix *fix)
{
  struct scrub_look *look = &fix->work->look;
  struct sums *sums = &fix->m->sums;
  unsigned right = SCRUB_NO_LEG;

  scrub_look_in_sync (fix->m, look, fix->offset, fix->count);
  if (look->again)
    return SCRUB_NO_LEG;
  FOR_EACH_SLOT (slot, look->legs) {
    enum sums_verdict verdict =
      sums_check (sums, look->buf[slot], fix->offset, fix->count);

    if (verdict == SUMS_RIGHT && right == SCRUB_NO_LEG)
      right = slot;
    if (verdict == SUMS_WRONG)
      atomic_fetch_add (&sums->wrong, 1);
  }
  return right;
}

/* One after the other, for each has a leg of its own that is right. */
static bool
fix_by_sums (struct fix *fix, scrub_groups groups, uint64_t *written)
{
  uint64_t end = fix->offset + fix->count, unit = unit_of (fix->m);

  for (; fix->offset < end; fix->offset += fix->count) {
    fix->count = end - fix->offset < unit ? end - fix->offset : unit;
    fix->from = leg_by_sum (fix);
    fix->by_sum = fix->from != SCRUB_NO_LEG;
    if (!run_fix (fix, groups))
      return false;
    if (fix->by_sum && fix->written > 0)
      atomic_fetch_add (&fix->m->sums.repaired, 1);
    *written += fix->written;
  }
  return true;
}

bool
scrub_repair (struct mirror *m, struct scrub_work *work,
              const struct scrub_range *range, unsigned from,
              uint64_t *written)
{
  struct fix fix = {.m = m, .work = work, .from = from, .arrival = now_ns ()};
  bool done;

  work->differ.nr = 0;
  *written = 0;
  widen (&fix, range);
  if (from == SCRUB_NO_LEG && atomic_load (&m->sums.on))
    done = fix_by_sums (&fix, range->groups, written);
  else {
    done = run_fix (&fix, range->groups);
    *written = fix.written;
  }
  if (!done)
    work->differ.nr = 0;
  return done;
}
