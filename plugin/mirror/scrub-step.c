/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "rate.h"
#include "scrub-compare.h"
#include "scrub-repair.h"
#include "scrub-step.h"

#define AGAIN_NS (100 * NSEC_PER_MSEC) /* a leg is on its way out */

/* --- what was found --- */

static void
say_range (struct mirror *m, const struct scrub_range *r)
{
  char text[LOG_MAX_LEGS * 4 + 1];
  size_t len = 0;

  text[0] = '\0';
  FOR_EACH_SLOT (slot, m->configured)
    if (scrub_group_of (r->groups, slot) != SCRUB_NOT_THERE)
      len +=
        (size_t) snprintf (text + len, sizeof text - len, " %u%c",
                           m->member[slot].index,
                           (char) ('a' + scrub_group_of (r->groups, slot)));
  msg_warning ("scrub: legs differ: %" PRIu64 " bytes at offset %" PRIu64
               " (same letter, same content:%s)",
               r->length, r->offset, text);
}

static void
say_found (struct scrubber *sc)
{
  struct scrub_work *work = sc->work;

  for (size_t i = 0; i < work->differ.nr && work->said_found < SCRUB_MAX_SAID;
       ++i) {
    say_range (sc->m, &work->differ.range[i]);
    if (++work->said_found == SCRUB_MAX_SAID)
      msg_warning ("scrub: and so on: `nbdmirror scrub --list' shows more");
  }
}

static void
add_all (struct scrub_list *to, const struct scrub_list *from)
{
  for (size_t i = 0; i < from->nr; ++i)
    scrub_list_add (to, from->range[i].offset, from->range[i].length,
                    from->range[i].groups);
  to->cut |= from->cut;
}

/* Of this scrub, and it was not stopped.  m->lock is held. */
static bool
is_current (const struct scrubber *sc)
{
  const struct scrub *s = &sc->m->scrub;

  return s->serial == sc->serial &&
         (s->now.phase == SCRUB_RUNNING || s->now.phase == SCRUB_PAUSED);
}

/* True: that was the last chunk. */
static bool
take_compared (struct scrubber *sc)
{
  struct scrub *s = &sc->m->scrub;
  CLEANUP_LOCK (&sc->m->lock);

  if (!is_current (sc))
    return false;
  add_all (&s->now.differ, &sc->work->differ);
  add_all (&s->now.unread, &sc->work->unread);
  s->now.found_bytes += sc->work->found_bytes;
  s->now.position = sc->offset + sc->count;
  s->changed = true;
  if (s->now.repair && sc->work->differ.nr > 0) {
    s->repairing = true;
    s->repairing_from = s->now.repair_from;
    s->repair_cursor = sc->offset;
    return false;
  }
  scrub_end_compare_locked (s);
  return s->now.phase == SCRUB_DONE;
}

static void
say_end (struct mirror *m)
{
  uint64_t found, unread, repaired, bytes;

  {
    CLEANUP_LOCK (&m->lock);
    found = m->scrub.now.found_bytes;
    repaired = m->scrub.now.repaired_bytes;
    unread = scrub_list_bytes (&m->scrub.now.unread);
    bytes = m->scrub.now.end - m->scrub.now.begin;
  }
  msg_note ("scrub: %" PRIu64 " bytes compared: %" PRIu64 " differed, %" PRIu64
            " could not be read, %" PRIu64 " repaired",
            bytes, found, unread, repaired);
}

/* --- how fast --- */

static void
sleep_for (struct scrubber *sc, uint64_t ns)
{
  CLEANUP_LOCK (&sc->m->lock);

  if (sc->m->scrub.serial == sc->serial)
    sc->m->scrub.sleep_until = now_ns () + ns;
}

/* The ceiling of its own. */
static uint64_t
own_pause (struct scrubber *sc, uint64_t now)
{
  struct scrub *s = &sc->m->scrub;
  CLEANUP_LOCK (&sc->m->lock);

  if (s->now.rate == 0)
    return 0;
  if (s->next_ns < now)
    s->next_ns = now;
  s->next_ns += sc->count * NSEC_PER_SEC / s->now.rate;
  return s->next_ns - now;
}

/* False: not yet. */
static bool
may_begin (struct scrubber *sc)
{
  uint64_t ns = rate_copy_begin (sc->m, sc->count);

  if (ns > 0)
    sleep_for (sc, ns);
  return ns == 0;
}

static void
note_moved (struct scrubber *sc)
{
  uint64_t own = own_pause (sc, now_ns ());

  rate_copy_end (sc->m, sc->count, sc->count);
  if (own > 0)
    sleep_for (sc, own);
}

/* --- a comparison --- */

static void
run_compare (struct scrubber *sc)
{
  bool known, last;

  if (!may_begin (sc))
    return;
  known = scrub_compare (sc->m, sc->work, sc->offset, sc->count);
  note_moved (sc);
  if (!known) {
    sleep_for (sc, AGAIN_NS);
    return;
  }
  say_found (sc);
  last = take_compared (sc);
  if (last) {
    sc->kept_ns = 0;
    say_end (sc->m);
  }
}

/* --- repair --- */

/* Left in the list is what could not be told, or not be written.  True: it was the
 * last of a scrub that repairs.
 */
static bool
take_repaired (struct scrubber *sc, uint64_t written)
{
  struct scrub *s = &sc->m->scrub;
  const struct scrub_list *same = &sc->work->differ;
  CLEANUP_LOCK (&sc->m->lock);

  if (s->serial != sc->serial || !s->repairing)
    return false;
  for (size_t i = 0; i < same->nr; ++i)
    scrub_list_remove (&s->now.differ, same->range[i].offset,
                       same->range[i].length);
  s->now.repaired_bytes += written;
  s->repair_cursor = sc->range.offset + sc->range.length;
  s->changed = true;
  if (scrub_list_find (&s->now.differ, s->repair_cursor))
    return false;
  scrub_end_repair_locked (s);
  if (s->now.phase != SCRUB_RUNNING && s->now.phase != SCRUB_PAUSED)
    return true;
  scrub_end_compare_locked (s);
  return s->now.phase == SCRUB_DONE;
}

static void
run_repair (struct scrubber *sc)
{
  uint64_t written;
  bool last;

  sc->count = sc->range.length;
  if (!may_begin (sc))
    return;
  scrub_repair (sc->m, sc->work, &sc->range, sc->from, &written);
  note_moved (sc);
  last = take_repaired (sc, written);
  if (last) {
    sc->kept_ns = 0;
    say_end (sc->m);
  }
}

/* --- a step --- */

void
scrub_run_step (struct scrubber *sc)
{
  if (sc->step == STEP_COMPARE)
    run_compare (sc);
  else if (sc->step == STEP_REPAIR)
    run_repair (sc);
}
