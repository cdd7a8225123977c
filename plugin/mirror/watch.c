/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "cleanup.h"
#include "hold.h"
#include "mirror-impl.h"
#include "msg.h"
#include "thread.h"
#include "watch.h"

#define HANG_NS (5 * NSEC_PER_SEC) /* a flush may take some */

unsigned
watch_no_answer (const struct mirror *m, unsigned slot)
{
  struct leg *leg = m->member[slot].leg;
  uint64_t oldest = leg ? leg_call_oldest (&leg->calls) : 0;
  uint64_t now = now_ns ();

  if (oldest == 0 || now < oldest + HANG_NS)
    return 0;
  return (unsigned) ((now - oldest) / NSEC_PER_SEC);
}

/* Each change is said once. */
static void
look_at (struct mirror *m, unsigned slot)
{
  struct member *member = &m->member[slot];
  unsigned seconds;
  const char *name;
  bool said, used;

  {
    CLEANUP_LOCK (&m->lock);
    seconds = watch_no_answer (m, slot);
    name = member->name;
    used = usable_set (m) & SLOT_BIT (slot);
    said = member->hang_said;
    member->hang_said = seconds > 0;
  }
  if (seconds > 0 && !said)
    msg_warning ("leg %s: has not answered for %u seconds%s", name, seconds,
                 used ? ", and all that is written waits for it" : "");
  else if (seconds == 0 && said)
    msg_note ("leg %s: answers again", name);
}

/* A leg that has all data, and answers.  m->lock is held. */
static bool
has_other_locked (const struct mirror *m, unsigned slot)
{
  FOR_EACH_SLOT (other, m->in_sync & usable_set (m) & ~SLOT_BIT (slot))
    if (!atomic_load (&m->member[other].leg->lost) &&
        watch_no_answer (m, other) == 0)
      return true;
  return false;
}

/* For how long its oldest call has been seen, elapsed since the last look.
 * Time in which this process did not run does not count, for then the call
 * may not have either.  m->lock is held.
 */
static uint64_t
hangs_for (struct member *member, uint64_t elapsed)
{
  uint64_t most = 2 * member->mirror->watch_ns;
  uint64_t oldest = leg_call_oldest (&member->leg->calls);

  if (oldest == 0 || oldest != member->hang_began)
    member->hang_ns = 0;
  else
    member->hang_ns += elapsed < most ? elapsed : most;
  member->hang_began = oldest;
  return member->hang_ns;
}

/* NULL: it does not hang, or nobody else can go on.  Whoever leaves is freed with
 * the mirror only.
 */
static struct leg *
find_hanging (struct mirror *m, unsigned slot, uint64_t elapsed)
{
  struct member *member = &m->member[slot];
  CLEANUP_LOCK (&m->lock);

  if (!member->leg || hangs_for (member, elapsed) < m->local_timeout_ns ||
      !has_other_locked (m, slot))
    return NULL;
  return member->leg;
}

static void
give_up_if_hanging (struct mirror *m, unsigned slot, uint64_t elapsed)
{
  struct leg *leg =
    m->local_timeout_ns > 0 ? find_hanging (m, slot, elapsed) : NULL;
  char why[LEG_ERROR_SIZE];

  if (!leg)
    return;
  snprintf (why, sizeof why, "no answer for %u seconds",
            (unsigned) (m->local_timeout_ns / NSEC_PER_SEC));
  leg_lose (leg, ETIMEDOUT, why);
}

void
watch_look (struct mirror *m, uint64_t elapsed)
{
  FOR_EACH_SLOT (slot, m->configured) {
    look_at (m, slot);
    give_up_if_hanging (m, slot, elapsed);
  }
  slow_look (m, elapsed);
}

/* False: the mirror stops. */
static bool
wait_for_next_look (struct mirror *m)
{
  uint64_t next = now_ns () + m->watch_ns;
  CLEANUP_LOCK (&m->lock);

  while (!m->stopping && now_ns () < next)
    cond_wait_until (&m->cond, &m->lock, next);
  return !m->stopping;
}

static void *
watch_thread (void *opaque)
{
  struct mirror *m = opaque;
  uint64_t last = now_ns ();

  while (wait_for_next_look (m)) {
    uint64_t now = now_ns ();

    hold_look (m);
    watch_look (m, now - last);
    last = now;
  }
  return NULL;
}

int
watch_start (struct mirror *m)
{
  hold_look (m);
  if (thread_start (&m->watcher, "mirror-watch", watch_thread, m) == -1) {
    msg_error ("cannot start the thread that watches legs: %m");
    return -1;
  }
  m->watching = true;
  return 0;
}

void
watch_stop (struct mirror *m)
{
  if (m->watching)
    pthread_join (m->watcher, NULL);
  m->watching = false;
}
