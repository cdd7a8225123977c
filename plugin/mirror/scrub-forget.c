/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "mirror-impl.h"
#include "scrub-forget.h"

/* The other legs of its group, if it was the lowest, are the next one's. */
static scrub_groups
without (scrub_groups groups, unsigned gone)
{
  unsigned heir = SCRUB_NOT_THERE;

  groups |= SCRUB_NOT_THERE << (4 * gone);
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) {
    if (scrub_group_of (groups, slot) != gone)
      continue;
    if (heir == SCRUB_NOT_THERE)
      heir = slot;
    groups &= ~(SCRUB_NOT_THERE << (4 * slot));
    groups |= heir << (4 * slot);
  }
  return groups;
}

static bool
still_differ (scrub_groups groups)
{
  unsigned first = SCRUB_NOT_THERE;

  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) {
    unsigned group = scrub_group_of (groups, slot);

    if (first == SCRUB_NOT_THERE)
      first = group;
    else if (group != SCRUB_NOT_THERE && group != first)
      return true;
  }
  return false;
}

static void
forget_differ (struct scrub_list *list, unsigned slot)
{
  size_t nr = 0;

  for (size_t i = 0; i < list->nr; ++i) {
    struct scrub_range r = list->range[i];

    r.groups = without (r.groups, slot);
    if (still_differ (r.groups))
      list->range[nr++] = r;
  }
  list->nr = nr;
}

static void
forget_unread (struct scrub_list *list, unsigned slot)
{
  size_t nr = 0;

  for (size_t i = 0; i < list->nr; ++i) {
    struct scrub_range r = list->range[i];

    r.groups &= ~SLOT_BIT (slot);
    if (r.groups)
      list->range[nr++] = r;
  }
  list->nr = nr;
}

void
scrub_forget_leg_locked (struct mirror *m, unsigned slot)
{
  struct scrub_kept *now = &m->scrub.now;

  forget_differ (&now->differ, slot);
  forget_unread (&now->unread, slot);
  if (now->repair_from == slot) { /* who is right instead is not known */
    now->repair = false;
    now->repair_from = SCRUB_NO_LEG;
  }
  if (m->scrub.repairing && m->scrub.repairing_from == slot)
    m->scrub.repairing = false;
  m->scrub.changed |= now->phase != SCRUB_IDLE;
}
