/* SPDX-License-Identifier: BSD-3-Clause */

/* Orders that take a leg out of use, and let it come back.
 *
 * A leg that an operator takes out is parked: it has failed, in the order of rule
 * S5, and its rejoiner leaves it alone.  To detach it is more: its cache is
 * flushed, so that it holds what a crash of the mirror's host would have left
 * now, and it is closed, so that others can use it.  If they may write to it
 * what it misses says nothing, and before it is given away the log says that it
 * misses everything.
 *
 * The log remembers that a leg is parked: a start does not open it, for it may be in
 * use elsewhere.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-impl.h"
#include "report.h"
#include "unstable.h"

#define CLOSE_NS (10 * NSEC_PER_SEC) /* a leg that does not answer may hang */

/* "leg 1 (/b.img)".  Names are fixed. */
#define LEG_FMT "leg %u (%s)"
#define LEG_ARGS(member) (member)->index, (member)->name

static bool
is_used (const struct mirror *m, unsigned slot)
{
  return writing_set (m) & SLOT_BIT (slot);
}

/* --- out of use --- */

/* True if there is something to do. */
static bool
may_park (struct mirror *m, unsigned slot, bool closes, struct outcome *out,
          int *r)
{
  const struct member *member = &m->member[slot];
  char why[128];
  CLEANUP_LOCK (&m->lock);

  *r = -1;
  if (order_needs_leg_locked (m, slot, why, sizeof why))
    order_refuse (out, LEG_FMT " stays in use: %s", LEG_ARGS (member), why);
  else if (!member->leg)
    *r = order_unchanged (out, LEG_FMT " is not in use: nobody has named it",
                          LEG_ARGS (member));
  else if (member->parked && (!closes || member->closed))
    *r = order_unchanged (out, LEG_FMT " is out of use already",
                          LEG_ARGS (member));
  else
    return true;
  return false;
}

/* False: it has become the last one. */
static bool
park (struct mirror *m, unsigned slot, bool closes, bool elsewhere)
{
  struct member *member = &m->member[slot];
  char why[128];
  bool failed;

  {
    CLEANUP_LOCK (&m->lock);
    if (order_needs_leg_locked (m, slot, why, sizeof why))
      return false;
    member->parked = true;
    member->to_close = closes;
    dirty_log_set_orders (m->log, slot, true, member->replaces);
    failed = member_fail_locked (m, slot);
    if (elsewhere)
      dirty_log_set_region_sync (m->log, slot, 0, m->nr_regions, false);
    m->failures++;
    pthread_cond_broadcast (&m->rejoin_wake);
    worker_wake_locked (m);
  }
  if (failed)
    msg_note ("leg %s: an operator took it out of use", member->name);
  return true;
}

int
order_fail (struct mirror *m, unsigned slot, const struct order *order,
            struct outcome *out)
{
  const struct member *member = &m->member[slot];
  int r;

  if (!may_park (m, slot, false, out, &r))
    return r;
  if (!order->dry_run) {
    if (!park (m, slot, false, false))
      return order_refuse (out, LEG_FMT " is the last in-sync leg now",
                           LEG_ARGS (member));
    if (!order_record (m, out))
      return -1;
  }
  return order_done (out, LEG_FMT " is out of use until it is attached",
                     LEG_ARGS (member));
}

/* Its rejoiner closes it. */
static bool
wait_closed (struct mirror *m, unsigned slot)
{
  uint64_t deadline = now_ns () + CLOSE_NS;
  CLEANUP_LOCK (&m->lock);

  while (!m->member[slot].closed && !m->orders_end && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return m->member[slot].closed;
}

int
order_detach (struct mirror *m, unsigned slot, const struct order *order,
              struct outcome *out)
{
  const struct member *member = &m->member[slot];
  int r;

  if (!may_park (m, slot, true, out, &r))
    return r;
  if (!order->dry_run) {
    if (!park (m, slot, true, !order->track))
      return order_refuse (out, LEG_FMT " is the last in-sync leg now",
                           LEG_ARGS (member));
    if (!order_record (m, out))
      return -1;
    if (!wait_closed (m, slot))
      return order_refuse (out,
                           LEG_FMT " is out of use, but does not answer, "
                                   "so it is not closed yet",
                           LEG_ARGS (member));
  }
  return order_done (
    out, LEG_FMT " is detached: %s", LEG_ARGS (member),
    order->track ? "it may be read elsewhere, and gets what it misses when it "
                   "is attached"
                 : "it may be used elsewhere, and gets everything when it is "
                   "attached");
}

/* --- in use again --- */

/* A flush of the last in-sync leg failed, and the operator knows what that
 * means.
 */
static bool
forgives_flush (struct mirror *m, unsigned slot)
{
  return m->in_sync == SLOT_BIT (slot) &&
         atomic_load (&m->member[slot].leg->flush_error) != 0;
}

static int
attach_used (struct mirror *m, unsigned slot, const struct order *order,
             struct outcome *out)
{
  struct member *member = &m->member[slot];

  if (!forgives_flush (m, slot))
    return order_unchanged (out, LEG_FMT " is in use", LEG_ARGS (member));
  if (!order->dry_run) {
    atomic_store (&member->leg->flush_error, 0);
    unstable_mended_locked (m);
  }
  return order_done (out,
                     LEG_FMT " is flushed again: what was written before "
                             "its flush failed may be lost",
                     LEG_ARGS (member));
}

static int
attach_parked (struct mirror *m, unsigned slot, const struct order *order,
               struct outcome *out)
{
  struct member *member = &m->member[slot];

  if (!order->dry_run) {
    member->parked = member->to_close = member->closed = false;
    member->try_now = true;
    dirty_log_set_orders (m->log, slot, false, member->replaces);
    m->failures++;
    worker_wake_locked (m);
    pthread_cond_broadcast (&m->rejoin_wake);
  }
  return order_done (out, LEG_FMT " may come back, and gets what it misses",
                     LEG_ARGS (member));
}

static int
attach (struct mirror *m, unsigned slot, const struct order *order,
        struct outcome *out)
{
  CLEANUP_LOCK (&m->lock);

  if (m->member[slot].leaves)
    return order_refuse (out,
                         LEG_FMT " was to go, and did not answer: remove or "
                                 "rename it again",
                         LEG_ARGS (&m->member[slot]));
  return is_used (m, slot) ? attach_used (m, slot, order, out)
                           : attach_parked (m, slot, order, out);
}

int
order_attach (struct mirror *m, unsigned slot, const struct order *order,
              struct outcome *out)
{
  struct outcome failed;

  if (attach (m, slot, order, out) == -1)
    return -1;
  if (order->dry_run || !out->changed || order_record (m, &failed))
    return 0;
  *out = failed;
  return -1;
}

/* --- may its server be stopped? --- */

int
order_may_stop (struct mirror *m, unsigned slot, const struct order *order,
                struct outcome *out)
{
  const struct member *member = &m->member[slot];
  char why[128];
  CLEANUP_LOCK (&m->lock);

  (void) order;
  if (order_needs_leg_locked (m, slot, why, sizeof why))
    return order_refuse (out, LEG_FMT " must stay: %s", LEG_ARGS (member),
                         why);
  return order_unchanged (out, LEG_FMT " may be stopped: %s",
                          LEG_ARGS (member),
                          is_used (m, slot) ? "another leg has all data"
                                            : "it is not in use");
}
