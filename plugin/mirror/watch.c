/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "thread.h"
#include "watch.h"

#define LOOK_NS NSEC_PER_SEC
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
  bool said;

  {
    CLEANUP_LOCK (&m->lock);
    seconds = watch_no_answer (m, slot);
    name = member->name;
    said = member->hang_said;
    member->hang_said = seconds > 0;
  }
  if (seconds > 0 && !said)
    msg_warning ("leg %s: has not answered for %u seconds, and all that is "
                 "written waits for it",
                 name, seconds);
  else if (seconds == 0 && said)
    msg_note ("leg %s: answers again", name);
}

/* False: the mirror stops. */
static bool
wait_for_next_look (struct mirror *m)
{
  uint64_t next = now_ns () + LOOK_NS;
  CLEANUP_LOCK (&m->lock);

  while (!m->stopping && now_ns () < next)
    cond_wait_until (&m->cond, &m->lock, next);
  return !m->stopping;
}

static void *
watch_thread (void *opaque)
{
  struct mirror *m = opaque;

  while (wait_for_next_look (m))
    FOR_EACH_SLOT (slot, m->configured)
      look_at (m, slot);
  return NULL;
}

int
watch_start (struct mirror *m)
{
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
