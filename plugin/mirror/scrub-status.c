/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <stdio.h>

#include "mirror-impl.h"
#include "scrub-status.h"

static_assert (STATUS_MAX_SCRUB == SCRUB_MAX_RANGES, "all have room");

static const char *
state_name (const struct scrub *s)
{
  static const char *const names[] = {
    [SCRUB_IDLE] = "idle",     [SCRUB_RUNNING] = "running",
    [SCRUB_PAUSED] = "paused", [SCRUB_STOPPED] = "stopped",
    [SCRUB_DONE] = "done",
  };

  return s->repairing && s->now.phase != SCRUB_PAUSED ? "repairing"
                                                      : names[s->now.phase];
}

/* By the numbers that the user knows.  Those of two slots may be in another
 * order than the slots are.
 */
static unsigned
same_as (const struct mirror *m, const struct scrub_range *r, unsigned slot)
{
  unsigned lowest = m->member[slot].index;

  FOR_EACH_SLOT (s, m->configured)
    if (scrub_group_of (r->groups, s) == scrub_group_of (r->groups, slot) &&
        m->member[s].index < lowest)
      lowest = m->member[s].index;
  return lowest;
}

static void
differ_status (const struct mirror *m, const struct scrub_range *r,
               struct scrub_found *found)
{
  found->offset = r->offset;
  found->length = r->length;
  FOR_EACH_SLOT (slot, m->configured) {
    unsigned index = m->member[slot].index;

    if (scrub_group_of (r->groups, slot) == SCRUB_NOT_THERE)
      continue;
    found->legs |= 1u << index;
    found->same_as[index] = (uint8_t) same_as (m, r, slot);
  }
}

static void
unread_status (const struct mirror *m, const struct scrub_range *r,
               struct scrub_found *found)
{
  found->offset = r->offset;
  found->length = r->length;
  FOR_EACH_SLOT (slot, m->configured & r->groups)
    found->legs |= 1u << m->member[slot].index;
}

static void
lists_status (const struct mirror *m, struct scrub_status *st)
{
  const struct scrub_kept *now = &m->scrub.now;

  for (size_t i = 0; i < now->differ.nr; ++i)
    differ_status (m, &now->differ.range[i], &st->differ[st->nr_differ++]);
  for (size_t i = 0; i < now->unread.nr; ++i)
    unread_status (m, &now->unread.range[i], &st->unread[st->nr_unread++]);
  st->differ_cut = now->differ.cut;
  st->unread_cut = now->unread.cut;
}

void
scrub_status_locked (const struct mirror *m, struct scrub_status *st)
{
  const struct scrub *s = &m->scrub;

  st->state = state_name (s);
  st->waits = s->waits ? s->waits : "";
  st->begin = s->now.begin;
  st->end = s->now.end;
  st->done_bytes = s->now.position - s->now.begin;
  st->total_bytes = s->now.end - s->now.begin;
  st->rate = s->now.rate;
  st->found_bytes = s->now.found_bytes;
  st->repaired_bytes = s->now.repaired_bytes;
  if (s->path)
    snprintf (st->kept_in, sizeof st->kept_in, "%s", s->path);
  lists_status (m, st);
}
