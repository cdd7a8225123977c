/* SPDX-License-Identifier: BSD-3-Clause */

/* The thread of the scrub: a chunk, a note of what it showed, a pause.
 *
 * It shares the budget of copies (rate.h), and has a ceiling of its own.  Where it
 * stands and what it has found goes together into the file of scrub-keep.h: when
 * an order changes it, when it ends, and every KEEP_NS; so a restart compares the
 * last few seconds again, and forgets nothing that was found before.
 *
 * It waits while fewer than two legs are in-sync, or while nothing may be read.
 * A leg that becomes in-sync later is compared from there on; what was before was
 * copied to it.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "rate.h"
#include "scrub-compare.h"
#include "scrub-keep.h"
#include "scrub-repair.h"
#include "scrub.h"
#include "suspend.h"
#include "thread.h"

#define KEEP_NS (5 * NSEC_PER_SEC)
#define AGAIN_NS (100 * NSEC_PER_MSEC) /* a leg is on its way out */
#define TICK_NS NSEC_PER_SEC

/* What the thread does next. */
enum step {
  STEP_NONE,
  STEP_COMPARE,
  STEP_REPAIR,
};

struct scrubber {
  struct mirror *m;
  struct scrub_work *work;
  uint64_t kept_ns; /* when */

  /* The step at hand. */
  enum step step;
  unsigned serial;
  uint64_t offset, count;
  struct scrub_range range; /* to be repaired */
  unsigned from;
};

/* --- kept --- */

static void
set_path (struct mirror *m)
{
  struct log_status ls;
  const char *name = dirty_log_info (m->log)->name;
  struct stat st;

  dirty_log_status (m->log, &ls);
  if (m->scrub.path || strcmp (ls.type, "disk") != 0 ||
      stat (name, &st) == -1 || !S_ISREG (st.st_mode))
    return;
  if (asprintf (&m->scrub.path, "%s.scrub", name) == -1)
    m->scrub.path = NULL;
}

static const uint8_t *
mirror_uuid (const struct mirror *m)
{
  return dirty_log_info (m->log)->uuid;
}

/* A restart may have brought legs with other blocks. */
static void
align (const struct mirror *m, struct scrub_kept *kept)
{
  uint64_t mask = m->limits.min_block - 1;

  kept->begin &= ~mask;
  kept->position &= ~mask;
  kept->end = (kept->end + mask) & ~mask;
  if (kept->end > m->limits.size)
    kept->end = m->limits.size;
}

static void
load (struct mirror *m)
{
  struct scrub *s = &m->scrub;
  struct scrub_kept *kept = malloc (sizeof *kept);
  int r = -1;

  if (s->path && kept)
    r = scrub_keep_load (s->path, mirror_uuid (m), m->limits.size, kept);
  if (s->path && r == -1) {
    msg_warning ("%s: is not the record of a scrub, or can't be read: a "
                 "scrub is kept in memory only: %m",
                 s->path);
    free (s->path);
    s->path = NULL;
  }
  if (r == 1) {
    CLEANUP_LOCK (&m->lock);
    align (m, kept);
    s->now = *kept;
    /* What was found just then may not be repaired. */
    s->repairing =
      kept->repair && kept->phase == SCRUB_RUNNING && kept->differ.nr > 0;
    s->repairing_from = kept->repair_from;
  }
  free (kept);
}

/* A copy of what is to be kept; NULL if all is. */
static struct scrub_kept *
take_changed (struct mirror *m)
{
  struct scrub_kept *kept = malloc (sizeof *kept);
  CLEANUP_LOCK (&m->lock);

  if (!kept || !m->scrub.path || !m->scrub.changed) {
    free (kept);
    return NULL;
  }
  m->scrub.changed = false;
  *kept = m->scrub.now;
  return kept;
}

static bool
note_kept (struct mirror *m, int r)
{
  CLEANUP_LOCK (&m->lock);
  bool first = r == -1 && !m->scrub.keep_failed;

  m->scrub.keep_failed = r == -1;
  if (r == -1)
    m->scrub.changed = true;
  return first;
}

bool
scrub_keep (struct mirror *m)
{
  struct scrub *s = &m->scrub;
  CLEANUP_LOCK (&s->keep_lock);
  CLEANUP_FREE struct scrub_kept *kept = take_changed (m);
  int r = 0;

  if (kept)
    r = scrub_keep_store (s->path, mirror_uuid (m), kept);
  if (kept && note_kept (m, r))
    msg_warning ("%s: can't be written, a restart would not know of the "
                 "scrub: %m",
                 s->path);
  return r == 0;
}

/* --- what is next; m->lock is held --- */

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

static void
end_repair (struct scrub *s)
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
    end_repair (s);
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

static void
end_compare (struct scrub *s)
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

  end_compare (s); /* a repair of the last chunk was cut short */
  if (left == 0)
    return;
  sc->step = STEP_COMPARE;
  sc->offset = s->now.position;
  sc->count = left < max ? left : max;
}

static void
next_step (struct scrubber *sc)
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

/* --- what came of it --- */

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
  end_compare (s);
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

static void
pause_after (struct scrubber *sc, uint64_t begin)
{
  uint64_t now = now_ns ();
  uint64_t ns = rate_pause (sc->m, sc->count, now - begin);
  uint64_t own = own_pause (sc, now);

  if (own > ns)
    ns = own;
  if (ns > 0)
    sleep_for (sc, ns);
}

static void
run_compare (struct scrubber *sc)
{
  uint64_t begin = now_ns ();
  bool last;

  if (!scrub_compare (sc->m, sc->work, sc->offset, sc->count)) {
    sleep_for (sc, AGAIN_NS);
    return;
  }
  say_found (sc);
  last = take_compared (sc);
  if (last) {
    sc->kept_ns = 0;
    say_end (sc->m);
  }
  else
    pause_after (sc, begin);
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
  end_repair (s);
  if (s->now.phase != SCRUB_RUNNING && s->now.phase != SCRUB_PAUSED)
    return true;
  end_compare (s);
  return s->now.phase == SCRUB_DONE;
}

static void
run_repair (struct scrubber *sc)
{
  uint64_t begin = now_ns (), written;
  bool last;

  sc->count = sc->range.length;
  scrub_repair (sc->m, sc->work, &sc->range, sc->from, &written);
  last = take_repaired (sc, written);
  if (last) {
    sc->kept_ns = 0;
    say_end (sc->m);
  }
  else
    pause_after (sc, begin);
}

/* --- the thread --- */

static void
run_step (struct scrubber *sc)
{
  if (sc->step == STEP_COMPARE)
    run_compare (sc);
  else if (sc->step == STEP_REPAIR)
    run_repair (sc);
}

/* Nothing rests in memory while there is nothing to do. */
static void
rest (struct scrubber *sc)
{
  struct scrub *s = &sc->m->scrub;
  uint64_t now = now_ns (), until;
  CLEANUP_LOCK (&sc->m->lock);

  if (s->now.phase != SCRUB_RUNNING && !s->repairing)
    scrub_look_free (&sc->work->look);
  next_step (sc);
  until = now + (s->waits ? AGAIN_NS : TICK_NS);
  if (s->sleep_until > now && s->sleep_until < until)
    until = s->sleep_until;
  if (!s->stop && sc->step == STEP_NONE)
    cond_wait_until (&s->wake, &sc->m->lock, until);
}

static bool
begin_step (struct scrubber *sc)
{
  CLEANUP_LOCK (&sc->m->lock);

  next_step (sc);
  return !sc->m->scrub.stop;
}

static void
keep_now_and_then (struct scrubber *sc)
{
  uint64_t now = now_ns ();

  if (sc->kept_ns != 0 && now - sc->kept_ns < KEEP_NS)
    return;
  scrub_keep (sc->m);
  sc->kept_ns = now;
}

static void *
scrub_thread (void *opaque)
{
  struct scrubber sc = {.m = opaque, .work = calloc (1, sizeof *sc.work)};

  if (!sc.work)
    msg_error ("scrub: out of memory");
  while (sc.work && begin_step (&sc)) {
    if (sc.step == STEP_NONE)
      rest (&sc);
    else
      run_step (&sc);
    keep_now_and_then (&sc);
  }
  if (sc.work)
    scrub_look_free (&sc.work->look);
  free (sc.work);
  scrub_keep (sc.m);
  CLEANUP_LOCK (&sc.m->lock);
  sc.m->scrub.exited = true;
  pthread_cond_broadcast (&sc.m->cond);
  return NULL;
}

/* --- life --- */

void
scrub_init (struct mirror *m)
{
  pthread_mutex_init (&m->scrub.keep_lock, NULL);
  cond_init_monotonic (&m->scrub.wake);
  m->scrub.now.repair_from = SCRUB_NO_LEG;
}

void
scrub_free (struct mirror *m)
{
  pthread_cond_destroy (&m->scrub.wake);
  pthread_mutex_destroy (&m->scrub.keep_lock);
  free (m->scrub.path);
}

int
scrub_start (struct mirror *m)
{
  set_path (m);
  load (m);
  if (thread_start (&m->scrub.thread, "mirror-scrub", scrub_thread, m) == -1) {
    msg_error ("scrub: cannot start a thread: %m");
    return -1;
  }
  m->scrub.started = true;
  return 0;
}

static bool
has_exited (struct mirror *m, uint64_t deadline)
{
  CLEANUP_LOCK (&m->lock);

  m->scrub.stop = true;
  pthread_cond_broadcast (&m->scrub.wake);
  while (!m->scrub.exited && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return m->scrub.exited;
}

bool
scrub_stop (struct mirror *m, uint64_t deadline)
{
  if (!m->scrub.started)
    return true;
  if (!has_exited (m, deadline))
    return false;
  pthread_join (m->scrub.thread, NULL);
  m->scrub.started = false;
  return true;
}

void
scrub_wake_locked (struct mirror *m)
{
  m->scrub.changed = true;
  m->scrub.sleep_until = m->scrub.next_ns = 0;
  pthread_cond_broadcast (&m->scrub.wake);
}

void
scrub_begin_locked (struct mirror *m)
{
  struct scrub_kept *now = &m->scrub.now;

  m->scrub.serial++;
  m->scrub.repairing = false;
  now->phase = SCRUB_RUNNING;
  now->position = now->begin;
  now->found_bytes = now->repaired_bytes = 0;
  now->differ.nr = now->unread.nr = 0;
  now->differ.cut = now->unread.cut = false;
  scrub_wake_locked (m);
}
