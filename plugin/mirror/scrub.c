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

#include <stdlib.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "scrub-next.h"
#include "scrub-restart.h"
#include "scrub-step.h"
#include "scrub.h"
#include "thread.h"

#define KEEP_NS (5 * NSEC_PER_SEC)
#define AGAIN_NS (100 * NSEC_PER_MSEC) /* until it may go on */
#define TICK_NS NSEC_PER_SEC

/* --- the thread --- */

/* Nothing rests in memory while there is nothing to do. */
static void
rest (struct scrubber *sc)
{
  struct scrub *s = &sc->m->scrub;
  uint64_t now = now_ns (), until;
  CLEANUP_LOCK (&sc->m->lock);

  if (s->now.phase != SCRUB_RUNNING && !s->repairing)
    scrub_look_free (&sc->work->look);
  scrub_next_step_locked (sc);
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

  scrub_next_step_locked (sc);
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
      scrub_run_step (&sc);
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
  scrub_set_path (m);
  scrub_load (m);
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
