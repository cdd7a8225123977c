/* SPDX-License-Identifier: BSD-3-Clause */

/* The mirror becomes larger while it runs.
 *
 * In what is new the legs must be equal before anybody can read it, and no leg is to
 * be out of sync for it, for then there is one copy less of all that was there
 * before.  Nobody reads or writes there yet, so it needs no marks: it is zeroed on
 * all in-sync legs, piece by piece, and they are flushed.  A crash until then
 * leaves the mirror as it was.  Then, in one section in which no request and no
 * copy is under way (the last region may have been short), the log becomes longer:
 * whoever was not zeroed misses what is new.  When that is durable, in the log and
 * then in the legs' own records, clients that connect hear of it.
 *
 * A leg that leaves and comes back meanwhile may have lost zeroes, or get late ones
 * (S21): all is zeroed again, and the end waits until its quarantine is over.
 *
 * An order begins it, and goes on for a while; the rest is done by those who carry
 * out orders, now and then (mirror_orders_go_on).
 */

#include "config.h"

#include "log-life.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-grow.h"
#include "order-impl.h"
#include "suspend.h"

#define PIECE (UINT64_C (64) << 20)
#define ORDER_NS (2 * NSEC_PER_SEC) /* of the order itself */
#define STEP_NS (400 * NSEC_PER_MSEC)
#define STILL_SECONDS 5 /* for requests under way to end */

/* m->lock is held. */
static void
set (struct grow *g, uint64_t to, uint64_t done, unsigned equal)
{
  g->to = to;
  g->done = done;
  g->equal = equal;
  g->longer = false;
}

/* --- how large it can be --- */

/* Behind its trailer there is nothing for clients. */
static uint64_t
room_of (struct mirror *m, unsigned slot, uint64_t size)
{
  const struct record_area *area = &m->records.area[slot];
  CLEANUP_LOCK (&m->records.lock);

  return area->in_use && !area->path ? area->trailer : size;
}

static int
refuse_small (struct mirror *m, unsigned slot, uint64_t room,
              struct outcome *out)
{
  const struct member *member = &m->member[slot];
  bool reopen =
    member->leg->kind == LEG_NBD || room < (uint64_t) member->leg->size;

  return order_refuse (out, "leg %u (%.300s) has room for %" PRIu64 " bytes%s",
                       member->index, member->name, room,
                       reopen ? ", as it was opened: if it is larger now, "
                                "take it out and back before: `nbdmirror "
                                "detach --track', `nbdmirror attach --wait'"
                              : "");
}

/* Every leg is here, so that each is known to be large enough. */
static int
check_legs (struct mirror *m, struct outcome *out)
{
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (slot, m->configured & ~usable_set (m))
    if (m->member[slot].name[0] != '\0')
      return order_refuse (out,
                           "leg %u (%.300s) is out of use, so that its size "
                           "is not known: attach or remove it first",
                           m->member[slot].index, m->member[slot].name);
  if (m->hold.legs)
    return order_refuse (out, "the last in-sync leg is away");
  return suspended_locked (m)
           ? order_refuse (out, "requests are suspended: resume them first")
           : 0;
}

/* The sizes of local legs that are in use may have changed. */
static int
measure (struct mirror *m, uint64_t size[LOG_MAX_LEGS], struct outcome *out)
{
  FOR_EACH_SLOT (slot, m->configured) {
    struct leg *leg = m->member[slot].leg;

    if (leg && leg_measure (leg, &size[slot]) == -1)
      return order_refuse (out, "leg %u (%.300s): size: %s",
                           m->member[slot].index, m->member[slot].name,
                           strerror (errno));
  }
  return 0;
}

/* *smallest: the slot of the leg with the least room. */
static uint64_t
most (struct mirror *m, const uint64_t size[LOG_MAX_LEGS], unsigned *smallest)
{
  uint64_t least = UINT64_MAX;

  FOR_EACH_SLOT (slot, m->configured) {
    uint64_t room =
      m->member[slot].leg ? room_of (m, slot, size[slot]) : UINT64_MAX;

    if (room < least) {
      least = room;
      *smallest = slot;
    }
  }
  return least & ~(uint64_t) (m->limits.min_block - 1);
}

static int
check_size (struct mirror *m, uint64_t to, uint64_t room, unsigned smallest,
            bool ask, struct outcome *out)
{
  char why[256];

  if (to < m->limits.size)
    return order_refuse (out,
                         "the mirror has %" PRIu64
                         " bytes, and can't become smaller",
                         (uint64_t) m->limits.size);
  if (to % m->limits.min_block != 0)
    return order_refuse (out, "the size must be a multiple of %" PRIu32,
                         m->limits.min_block);
  if (to > room)
    return refuse_small (m, smallest, room, out);
  if (dirty_log_reserve (m->log, to, ask, why, sizeof why) == 0)
    return 0;
  return order_refuse (out, "the log can't become longer: %s", why);
}

/* --- zeroes --- */

/* The legs that get the next piece, which are in use then; 0: it has to wait. */
static unsigned
begin_piece (struct mirror *m, uint64_t *offset, uint64_t *count)
{
  struct grow *g = &m->grow;
  CLEANUP_LOCK (&m->lock);

  if (m->hold.legs)
    return 0;
  if (m->in_sync & ~g->equal) {
    g->equal = m->in_sync;
    g->done = m->limits.size;
  }
  *offset = g->done;
  *count = g->to - g->done < PIECE ? g->to - g->done : PIECE;
  members_use_locked (m, g->equal);
  return g->equal;
}

/* A leg that gets lost meanwhile is another matter, and so is the lease. */
static bool
is_error (struct leg *leg, int err)
{
  return !leg_is_lost (leg) && err != ESTALE;
}

static int
zero_piece (struct mirror *m, unsigned legs, uint64_t offset, uint64_t count,
            unsigned *bad, struct outcome *out)
{
  FOR_EACH_SLOT (slot, legs) {
    struct leg *leg = m->member[slot].leg;
    int r = count > 0 ? leg_run (leg, LEG_ZERO, LEG_MAY_TRIM | LEG_UNCOUNTED,
                                 NULL, offset, count)
                      : leg_run (leg, LEG_FLUSH, LEG_UNCOUNTED, NULL, 0, 0);
    int err = errno;

    if (r == 0)
      continue;
    *bad |= SLOT_BIT (slot);
    if (is_error (leg, err))
      return order_refuse (out, "leg %u (%.300s): the mirror can't grow: %s",
                           m->member[slot].index, m->member[slot].name,
                           strerror (err));
  }
  return 0;
}

/* At the end, with no more to zero, the legs are flushed. */
static int
one_piece (struct mirror *m, bool *all, bool *waits, struct outcome *out)
{
  struct grow *g = &m->grow;
  uint64_t offset, count;
  unsigned bad = 0, legs = begin_piece (m, &offset, &count);
  int r;

  *waits = legs == 0;
  if (*waits)
    return 0;
  r = zero_piece (m, legs, offset, count, &bad, out);
  CLEANUP_LOCK (&m->lock);
  members_unuse_locked (m, legs);
  members_lost_locked (m, bad);
  if (count == 0) /* S8 */
    members_fail_locked (m, bad);
  g->equal &= ~bad;
  if (g->done == offset)
    g->done = offset + count;
  *all = count == 0 && (m->in_sync & ~g->equal) == 0;
  *waits = bad != 0;
  return r;
}

/* --- the log becomes longer --- */

/* A write to a leg may still land. */
static bool
may_land (const struct mirror *m)
{
  uint64_t now = now_ns ();

  FOR_EACH_SLOT (slot, m->in_sync)
    if (m->member[slot].stalled_until > now)
      return true;
  return false;
}

static void
note_sizes (struct mirror *m)
{
  struct log_leg rec;

  FOR_EACH_SLOT (slot, writing_set (m)) {
    const struct leg *leg = m->member[slot].leg;

    dirty_log_get_leg (m->log, slot, &rec);
    dirty_log_set_leg (m->log, slot, rec.kind, rec.id, leg->size, rec.name);
  }
}

/* m->lock is held, and nothing is under way. */
static int
lengthen_locked (struct mirror *m)
{
  struct grow *g = &m->grow;
  uint64_t first = m->limits.size >> m->region_shift;

  if (dirty_log_grow (m->log, g->to, m->configured & ~g->equal) == -1)
    return -1;
  m->nr_regions = dirty_log_info (m->log)->geo.nr_regions;
  resync_spoil_locked (m, first, m->nr_regions - first);
  note_sizes (m);
  g->longer = true;
  m->failures++;
  worker_wake_locked (m);
  resync_wake_locked (m);
  return 0;
}

/* 1: it is; 0: not now; -1: it can't be. */
static int
lengthen (struct mirror *m)
{
  int r = 0;

  if (suspend_begin (m, STILL_SECONDS)) {
    CLEANUP_LOCK (&m->lock);
    if (suspend_is_still_locked (m) && !m->hold.legs && !may_land (m) &&
        (m->in_sync & ~m->grow.equal) == 0)
      r = lengthen_locked (m) == 0 ? 1 : -1;
  }
  suspend_end (m);
  return r;
}

/* --- and all hear of it --- */

static int
renew_records (struct mirror *m)
{
  {
    CLEANUP_LOCK (&m->records.lock);
    m->records.common.size = m->grow.to;
    m->records.last.slots = 0;
  }
  return records_renew (m, log_deadline (m, now_ns ()));
}

static void
announce (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);

  m->limits.size = m->grow.to;
  set (&m->grow, 0, 0, 0);
}

static void
give_up (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);

  set (&m->grow, 0, 0, 0);
}

/* --- the whole --- */

static int
zero_for (struct mirror *m, uint64_t until, bool *all, struct outcome *out)
{
  bool waits = false;

  *all = false;
  while (!*all && !waits && !m->orders_end && now_ns () < until)
    if (one_piece (m, all, &waits, out) == -1)
      return -1;
  return 0;
}

/* Work on it until then.  1: it is done, 0: not yet, -1 with the reason: given
 * up.
 */
static int
go_on (struct mirror *m, uint64_t until, struct outcome *out)
{
  struct grow *g = &m->grow;
  uint64_t to = g->to;
  bool all;
  int r = 1;

  if (!g->longer) {
    if (zero_for (m, until, &all, out) == -1)
      return -1;
    r = all ? lengthen (m) : 0;
  }
  if (r == -1)
    return order_refuse (out, "the log can't become longer: %s",
                         strerror (errno));
  if (r == 0 || !order_record (m, out) || renew_records (m) == -1)
    return 0;
  announce (m);
  msg_note ("the mirror has %" PRIu64 " bytes now", to);
  return 1;
}

bool
grow_go_on (struct mirror *m)
{
  struct outcome out;
  int r;

  if (m->grow.to == 0)
    return false;
  r = go_on (m, now_ns () + STEP_NS, &out);
  if (r == -1) {
    msg_error ("%s", out.text);
    give_up (m);
  }
  return r == 0;
}

uint64_t
grow_least_size (const struct mirror *m)
{
  uint64_t to = m->grow.to, size = m->limits.size;

  return to > size ? to : size;
}

/* --- the order --- */

static void
begin (struct mirror *m, uint64_t to, const uint64_t size[LOG_MAX_LEGS])
{
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (slot, writing_set (m))
    if (m->member[slot].leg->kind != LEG_NBD)
      m->member[slot].leg->size = size[slot];
  set (&m->grow, to, m->limits.size, m->in_sync);
}

static int
say_begun (uint64_t to, struct outcome *out)
{
  return order_done (out,
                     "the mirror gets %" PRIu64 " bytes when what is new has "
                     "been zeroed on all legs",
                     to);
}

static int
say_done (uint64_t to, struct outcome *out)
{
  return order_done (out,
                     "the mirror has %" PRIu64 " bytes; a client sees that "
                     "when it connects again; size= of a start, if there is "
                     "one, must be that, too",
                     to);
}

/* What was begun is given up if it has not gone too far. */
static int
stay (struct mirror *m, const struct order *order, struct outcome *out)
{
  if (m->grow.to == 0)
    return order_unchanged (out, "the mirror has %" PRIu64 " bytes already",
                            (uint64_t) m->limits.size);
  if (m->grow.longer)
    return order_refuse (out,
                         "the mirror has grown, in the log, to %" PRIu64
                         " bytes",
                         (uint64_t) m->grow.to);
  if (!order->dry_run)
    give_up (m);
  return order_done (out, "the mirror keeps its size");
}

static int
grow_to (struct mirror *m, uint64_t to, const uint64_t size[LOG_MAX_LEGS],
         const struct order *order, struct outcome *out)
{
  int r;

  if (m->grow.to == to)
    return order_unchanged (out, "the mirror is growing to that size");
  if (m->grow.longer)
    return order_refuse (out, "the mirror is growing: wait");
  if (order->dry_run)
    return say_begun (to, out);
  begin (m, to, size);
  msg_note ("an operator lets the mirror grow to %" PRIu64 " bytes", to);
  r = go_on (m, now_ns () + ORDER_NS, out);
  if (r == -1)
    give_up (m);
  return r == -1 ? -1 : r == 0 ? say_begun (to, out) : say_done (to, out);
}

int
order_grow (struct mirror *m, const struct order *order, struct outcome *out)
{
  uint64_t size[LOG_MAX_LEGS], room, to = 0;
  unsigned smallest = 0;

  if (order->value && (!order_parse_bytes (order->value, &to) || to == 0))
    return order_refuse (out, "the size must be a number of bytes, for "
                              "example 10G");
  if (to == m->limits.size)
    return stay (m, order, out);
  if (check_legs (m, out) == -1 || measure (m, size, out) == -1)
    return -1;
  room = most (m, size, &smallest);
  if (to == 0 && room == m->limits.size)
    return order_unchanged (out,
                            "the mirror has %" PRIu64
                            " bytes already, all that leg %u (%.300s) has "
                            "room for",
                            room, m->member[smallest].index,
                            m->member[smallest].name);
  if (to == 0)
    to = room;
  if (check_size (m, to, room, smallest, order->dry_run, out) == -1)
    return -1;
  return grow_to (m, to, size, order, out);
}
