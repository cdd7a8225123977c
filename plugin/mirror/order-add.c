/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs that come and go while the mirror runs.
 *
 * A leg is added by its record in the log: stale, it misses everything.  Until
 * then nothing is written to it; from then on it is a leg that is out, and comes
 * back as any other (rejoin.c).
 *
 * To remove one it is first parked and closed (order-legs.c), its threads end, and
 * then its record goes: from the log, then from the records of the others.  What it
 * holds, and its own record, stay as they are: that record says for ever of which
 * mirror it was, so that it is not taken for another leg.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beat.h"
#include "cleanup.h"
#include "extent-map.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "mirror-new.h"
#include "msg.h"
#include "order-add.h"
#include "order-impl.h"
#include "order-new.h"
#include "record-order.h"
#include "rejoin.h"

#define END_NS (10 * NSEC_PER_SEC) /* of a leg's threads */

/* --- places --- */

int
leg_of_name (const struct mirror *m, const char *name)
{
  FOR_EACH_SLOT (slot, m->configured)
    if (strcmp (m->member[slot].name, name) == 0)
      return (int) slot;
  return -1;
}

/* A place that was kept for a leg, or a free one. */
static int
find_place (const struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->configured)
    if (m->member[slot].name[0] == '\0')
      return (int) slot;
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    if (!(m->configured & SLOT_BIT (slot)))
      return (int) slot;
  return -1;
}

static unsigned
free_index (const struct mirror *m)
{
  unsigned used = 0, index = 0;

  FOR_EACH_SLOT (slot, m->configured)
    used |= 1u << m->member[slot].index;
  while (used & (1u << index))
    ++index;
  return index;
}

/* --- adding --- */

struct adding {
  struct mirror *m;
  unsigned slot;
  bool kept;  /* the place was kept, and is configured */
  bool other; /* its old record must go */
  unsigned replaces;
};

/* The place is as that of a new leg, whose name and leg are put there at once. m->lock
 * is held.
 */
static void
begin_member (struct adding *a, unsigned index, char *name, struct leg *leg)
{
  struct member *member = &a->m->member[a->slot];
  const size_t rest = offsetof (struct member, rejoiner);

  memset ((char *) member + rest, 0, sizeof *member - rest);
  member->mirror = a->m;
  member->slot = a->slot;
  member->index = index;
  member->name = name;
  if (leg)
    member_take_leg (member, leg);
  else
    member->leg = NULL;
}

/* The place has the leg; nobody sees that before it is configured. */
static int
take_place (struct adding *a, const char *name, struct leg *leg)
{
  struct mirror *m = a->m;
  struct member *member = &m->member[a->slot];
  char *copy = strdup (name);
  unsigned index = a->kept ? member->index : free_index (m);
  CLEANUP_LOCK (&m->lock);

  if (!copy)
    return -1;
  if (a->kept) {
    member_remove_locked (m, a->slot);
    member_retire_locked (member);
  }
  begin_member (a, index, copy, leg);
  return 0;
}

/* m->lock is held. */
static void
keep_place (struct adding *a)
{
  char *name = strdup ("");

  if (!name)
    return;
  begin_member (a, a->m->member[a->slot].index, name, NULL);
  member_add_locked (a->m, a->slot);
}

/* As it was before. */
static void
leave_place (struct adding *a)
{
  struct mirror *m = a->m;
  struct member *member = &m->member[a->slot];

  record_area_close (&m->records.area[a->slot]);
  leg_close (member->leg);
  CLEANUP_LOCK (&m->lock);
  member_retire_locked (member);
  if (a->kept)
    keep_place (a);
}

static void
name_in_records (struct mirror *m, unsigned slot, const char *name)
{
  struct records *rec = &m->records;
  CLEANUP_LOCK (&rec->lock);

  memset (rec->id[slot], 0, RECORD_ID_SIZE);
  rec->had[slot] = (struct record_had){.sequence = 0};
  rec->last.slots &= ~SLOT_BIT (slot);
  memset (rec->common.name[slot], 0, sizeof rec->common.name[slot]);
  strncpy (rec->common.name[slot], name, sizeof rec->common.name[slot] - 1);
}

/* The one step that counts. */
static bool
enter_log (struct adding *a, struct outcome *out)
{
  struct mirror *m = a->m;
  struct member *member = &m->member[a->slot];
  const struct leg *leg = member->leg;

  name_in_records (m, a->slot, member->name);
  {
    CLEANUP_LOCK (&m->lock);
    dirty_log_remove_leg (m->log, a->slot);
    dirty_log_set_leg (m->log, a->slot, (uint32_t) leg->kind, leg->id,
                       leg->size, member->name);
    extent_map_forget (&m->resync.extents, a->slot);
    member->parked = true; /* it gets nothing yet */
    member->replaces = a->replaces;
    dirty_log_set_orders (m->log, a->slot, false, a->replaces);
    member_add_locked (m, a->slot);
    m->failures++;
  }
  return order_record (m, out);
}

int
leg_begin_threads (struct member *member, struct outcome *out)
{
  member->leaves = false;
  if (rejoin_begin (member) == -1 || beat_thread_start (member) == -1)
    return order_refuse (out, "leg %s: %m: it waits for a restart",
                         member->name);
  return 0;
}

/* It comes back by itself from now on. */
static int
let_in (struct adding *a, struct outcome *out)
{
  struct mirror *m = a->m;
  struct member *member = &m->member[a->slot];
  int r = a->other ? record_area_remove (&m->records.area[a->slot]) : 0;

  if (r == -1)
    order_refuse (out, "%s: its old record can't be removed: %m",
                  member->name);
  record_area_close (&m->records.area[a->slot]);
  leg_close (member->leg);
  if (leg_begin_threads (member, out) == -1 || r == -1)
    return -1;
  CLEANUP_LOCK (&m->lock);
  member->parked = false;
  member->try_now = true;
  pthread_cond_broadcast (&m->rejoin_wake);
  return 0;
}

static int
add_checked (struct adding *a, const struct order *order, struct outcome *out)
{
  struct member *member = &a->m->member[a->slot];

  if (new_leg_look (member, order->overwrite, &a->other, out) == -1) {
    leave_place (a);
    return -1;
  }
  if (order->dry_run) {
    leave_place (a);
    return 0;
  }
  if (!enter_log (a, out)) {
    record_area_close (&a->m->records.area[a->slot]);
    leg_close (member->leg);
    leg_begin_threads (member, out);
    return -1;
  }
  return let_in (a, out);
}

int
leg_add (struct mirror *m, const struct order *order, unsigned replaces,
         struct outcome *out)
{
  int place = find_place (m);
  struct adding a = {.m = m, .replaces = replaces};
  struct leg *leg;

  if (place == -1)
    return order_refuse (out,
                         "the mirror has %d legs, the most that it can: "
                         "remove %s first",
                         LOG_MAX_LEGS,
                         replaces ? "the old one, and add the new one,"
                                  : "one");
  a.slot = (unsigned) place;
  a.kept = m->configured & SLOT_BIT (place);
  if (new_leg_shares_disk (m, order->new_leg, -1, out))
    return -1;
  leg = new_leg_make (m, order->new_leg, out);
  if (!leg)
    return -1;
  if (take_place (&a, order->new_leg, leg) == -1) {
    leg_free (leg);
    return order_refuse (out, "%m");
  }
  return add_checked (&a, order, out);
}

int
order_add (struct mirror *m, const struct order *order, struct outcome *out)
{
  int there = leg_of_name (m, order->new_leg);

  if (there != -1)
    return order_unchanged (out, "%s is leg %u already", order->new_leg,
                            m->member[there].index);
  if (leg_add (m, order, 0, out) == -1)
    return -1;
  if (!order->dry_run)
    msg_note ("leg %s: an operator added it", order->new_leg);
  return order_done (out, "%s becomes a leg, and gets a full copy",
                     order->new_leg);
}

/* --- removing --- */

/* The leg is parked and closed, or has never been open. */
bool
leg_end_threads (struct mirror *m, unsigned slot)
{
  struct member *member = &m->member[slot];
  uint64_t deadline = now_ns () + END_NS;

  {
    CLEANUP_LOCK (&m->lock);
    member->leaves = true;
  }
  return rejoin_end (member, deadline) && beat_thread_stop (member, deadline);
}

/* Another leg may take the place of the one that goes.  m->lock is held. */
static void
is_not_replaced (struct mirror *m, unsigned slot)
{
  FOR_EACH_SLOT (by, m->configured)
    if (m->member[by].replaces == slot + 1)
      m->member[by].replaces = 0;
}

static void
leave_log (struct mirror *m, unsigned slot)
{
  struct member *member = &m->member[slot];

  record_area_close (&m->records.area[slot]);
  name_in_records (m, slot, "");
  CLEANUP_LOCK (&m->lock);
  dirty_log_remove_leg (m->log, slot);
  member_remove_locked (m, slot);
  is_not_replaced (m, slot);
  if (m->config.write_mostly == (int) member->index)
    m->config.write_mostly = -1;
  m->failures++;
  member_retire_locked (member);
}

int
leg_take_out (struct mirror *m, unsigned slot, struct outcome *out)
{
  const struct order order = {.verb = ORDER_DETACH, .track = true};

  if (!m->member[slot].leg)
    return 0;
  return order_detach (m, slot, &order, out);
}

int
leg_remove (struct mirror *m, unsigned slot, struct outcome *out)
{
  const char *name = m->member[slot].name; /* stays: it is retired */

  if (leg_take_out (m, slot, out) == -1)
    return -1;
  if (!leg_end_threads (m, slot))
    return order_refuse (out,
                         "%s is out of use, but does not answer, so it "
                         "can't be removed yet",
                         name);
  leave_log (m, slot);
  msg_note ("leg %s: an operator removed it", name);
  return order_record (m, out) ? 0 : -1;
}

bool
leg_may_go (struct mirror *m, unsigned slot, struct outcome *out)
{
  char why[128];
  CLEANUP_LOCK (&m->lock);

  if (!order_needs_leg_locked (m, slot, why, sizeof why))
    return true;
  order_refuse (out, "%s stays: %s", m->member[slot].name, why);
  return false;
}

int
order_remove (struct mirror *m, unsigned slot, const struct order *order,
              struct outcome *out)
{
  char name[LOG_NAME_SIZE];

  snprintf (name, sizeof name, "%s", m->member[slot].name);
  if (!leg_may_go (m, slot, out))
    return -1;
  if (!order->dry_run && leg_remove (m, slot, out) == -1)
    return -1;
  return order_done (out, "%.300s is no leg any more", name);
}
