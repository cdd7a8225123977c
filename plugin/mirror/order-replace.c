/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs that take another one's place, or another name.
 *
 * To replace a leg is to add another, and to remove it when that is in-sync
 * (mirror_orders_go_on).  Until then the old one stays as it is.  The log remembers
 * which that is, so a restart in between goes on.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "mirror-new.h"
#include "msg.h"
#include "order-add.h"
#include "order-grow.h"
#include "order-impl.h"
#include "order-new.h"
#include "record-beside.h"

/* --- replacing --- */

static bool
is_in_sync (struct mirror *m, unsigned slot)
{
  CLEANUP_LOCK (&m->lock);
  return m->in_sync & SLOT_BIT (slot);
}

static void
set_replaces (struct mirror *m, unsigned slot, unsigned replaces)
{
  CLEANUP_LOCK (&m->lock);
  m->member[slot].replaces = replaces;
  dirty_log_set_orders (m->log, slot, m->member[slot].parked, replaces);
  m->failures++;
  worker_wake_locked (m);
}

/* The new leg has the number of the old one from now on.  If the old one can't go
 * it is tried again; that it went may yet have to be recorded.
 */
static void
end_replace (struct mirror *m, unsigned slot, unsigned old)
{
  unsigned index = m->member[old].index;
  struct outcome out;

  if (leg_remove (m, old, &out) == -1)
    msg_debug ("replace: %s", out.text);
  CLEANUP_LOCK (&m->lock);
  if (m->member[slot].replaces == 0)
    m->member[slot].index = index;
}

bool
mirror_orders_go_on (struct mirror *m)
{
  unsigned pending = 0;

  FOR_EACH_SLOT (slot, m->configured) {
    unsigned old = m->member[slot].replaces;

    if (old > 0 && is_in_sync (m, slot))
      end_replace (m, slot, old - 1);
    pending |= m->member[slot].replaces;
  }
  return grow_go_on (m) || pending > 0;
}

/* The new one is a leg already: that it is not in-sync shows that it was added for
 * this, before a restart perhaps.
 */
static int
replace_by_leg (struct mirror *m, unsigned slot, unsigned by,
                const struct order *order, struct outcome *out)
{
  if (by == slot)
    return order_refuse (out,
                         "%s can't replace itself: rename it, or take it "
                         "out and put an empty disk in its place",
                         order->new_leg);
  if (m->member[by].replaces == slot + 1)
    return order_unchanged (out, "%s replaces leg %u already", order->new_leg,
                            m->member[slot].index);
  if (is_in_sync (m, by))
    return order_refuse (out,
                         "%s is a leg already, and in-sync: remove leg %u "
                         "if it is to go",
                         order->new_leg, m->member[slot].index);
  if (!order->dry_run) {
    set_replaces (m, by, slot + 1);
    if (!order_record (m, out))
      return -1;
  }
  return order_done (out, "%s replaces leg %u when it is in-sync",
                     order->new_leg, m->member[slot].index);
}

int
order_replace (struct mirror *m, unsigned slot, const struct order *order,
               struct outcome *out)
{
  int there = leg_of_name (m, order->new_leg);

  if (there != -1)
    return replace_by_leg (m, slot, (unsigned) there, order, out);
  if (leg_add (m, order, slot + 1, out) == -1)
    return -1;
  if (!order->dry_run)
    msg_note ("leg %s: an operator added it, to replace leg %s",
              order->new_leg, m->member[slot].name);
  return order_done (out,
                     "%s gets a full copy, and replaces leg %u when it is "
                     "in-sync",
                     order->new_leg, m->member[slot].index);
}

/* --- another name for the same disk --- */

static int
put_name (struct mirror *m, unsigned slot, const char *name, struct leg *leg,
          struct outcome *out)
{
  struct member *member = &m->member[slot];
  char *copy = strdup (name);
  struct log_leg rec;

  if (!copy) {
    leg_free (leg);
    return order_refuse (out, "%m");
  }
  {
    CLEANUP_LOCK (&m->lock);
    member_retire_locked (member);
    member->retired = false;
    member->renamed = true;
    member->name = copy;
    member_take_leg (member, leg);
    dirty_log_get_leg (m->log, slot, &rec);
    dirty_log_set_leg (m->log, slot, rec.kind, rec.id, rec.size, copy);
    dirty_log_set_orders (m->log, slot, false, member->replaces);
    m->failures++;
  }
  {
    CLEANUP_LOCK (&m->records.lock);
    memset (m->records.common.name[slot], 0,
            sizeof m->records.common.name[slot]);
    strncpy (m->records.common.name[slot], name,
             sizeof m->records.common.name[slot] - 1);
  }
  return order_record (m, out) ? 0 : -1;
}

static int
let_go (struct mirror *m, unsigned slot, struct outcome *out)
{
  if (leg_take_out (m, slot, out) == -1)
    return -1;
  if (!leg_end_threads (m, slot))
    return order_refuse (out,
                         "%s is out of use, but does not answer, so it "
                         "can't be renamed yet",
                         m->member[slot].name);
  return 0;
}

/* Without it the leg gets a new one: the log knows it by other signs, too. */
static void
take_record_along (const struct member *member, const char *new_name)
{
  if (member->leg && member->leg->kind == LEG_FILE &&
      beside_follow (member->name, new_name) == -1)
    msg_note ("leg %s: the record beside it can't go along to %s: %m",
              member->name, new_name);
}

/* Its leg is another one; it is tried at once, and looked at as any leg that comes
 * back: whether it is that disk is decided there.
 */
static int
rename_leg (struct mirror *m, unsigned slot, const struct order *order,
            struct leg *leg, struct outcome *out)
{
  struct member *member = &m->member[slot];
  int r;

  if (let_go (m, slot, out) == -1) {
    leg_free (leg);
    return -1;
  }
  record_area_close (&m->records.area[slot]);
  take_record_along (member, order->new_leg);
  r = put_name (m, slot, order->new_leg, leg, out);
  if (leg_begin_threads (member, out) == -1)
    return -1;
  CLEANUP_LOCK (&m->lock);
  member->parked = member->to_close = member->closed = false;
  member->try_now = true;
  pthread_cond_broadcast (&m->rejoin_wake);
  return r;
}

int
order_rename (struct mirror *m, unsigned slot, const struct order *order,
              struct outcome *out)
{
  struct leg *leg;
  int there = leg_of_name (m, order->new_leg);

  if (there == (int) slot)
    return order_unchanged (out, "it has that name");
  if (there != -1)
    return order_refuse (out, "%s is leg %u", order->new_leg,
                         m->member[there].index);
  if (!leg_may_go (m, slot, out) ||
      new_leg_shares_disk (m, order->new_leg, (int) slot, out))
    return -1;
  leg = new_leg_make (m, order->new_leg, out);
  if (!leg)
    return -1;
  if (order->dry_run)
    leg_free (leg);
  else if (rename_leg (m, slot, order, leg, out) == -1)
    return -1;
  return order_done (out, "leg %u is %s now, if that is the same disk",
                     m->member[slot].index, order->new_leg);
}

/* --- a leg that the log knows, and nobody named --- */

int
order_name_leg (struct mirror *m, unsigned slot, const struct order *order,
                struct outcome *out)
{
  struct member *member = &m->member[slot];
  struct leg *leg;

  if (member->name[0] == '\0')
    return order_refuse (out, "the place of leg %u is empty: add a leg",
                         member->index);
  if (new_leg_shares_disk (m, member->name, (int) slot, out))
    return -1;
  leg = new_leg_make (m, member->name, out);
  if (!leg)
    return -1;
  if (order->dry_run)
    leg_free (leg);
  else {
    {
      CLEANUP_LOCK (&m->lock);
      member_take_leg (member, leg);
      member->try_now = true;
      dirty_log_set_orders (m->log, slot, false, member->replaces);
    }
    if (leg_begin_threads (member, out) == -1)
      return -1;
  }
  return order_done (out, "leg %u (%s) may come back, and gets what it misses",
                     member->index, member->name);
}
