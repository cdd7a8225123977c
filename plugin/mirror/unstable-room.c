/* SPDX-License-Identifier: BSD-3-Clause */

/* Who finds no room, and has waited longest, flushes the legs itself.  Nobody is
 * overtaken, or a large write would wait as long as there are small ones.
 */

#include "config.h"

#include <errno.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "flush.h"
#include "hold.h"
#include "mirror-impl.h"
#include "unstable-room.h"
#include "unstable.h"

struct room_waiter {
  struct room_waiter *next;
};

/* --- the queue --- */

static void
join_queue (struct mirror *m, struct room_waiter *who)
{
  struct room_waiter **p = &m->unstable.queue;

  while (*p)
    p = &(*p)->next;
  *p = who;
}

static void
leave_queue (struct mirror *m, struct room_waiter *who)
{
  struct room_waiter **p = &m->unstable.queue;

  while (*p != who)
    p = &(*p)->next;
  *p = who->next;
  if (m->unstable.queue) /* may be the first now */
    pthread_cond_broadcast (&m->cond);
}

/* --- waiting --- */

/* True if that made room. */
static bool
flush_now (struct mirror *m)
{
  uint64_t before = m->unstable.bytes;

  pthread_mutex_unlock (&m->lock);
  flush_legs (m, 0);
  pthread_mutex_lock (&m->lock);
  return m->unstable.bytes < before;
}

/* Until something has changed: those who have the room may wait for something
 * else.  -1 with errno if it is in vain.
 */
static int
wait_once (struct mirror *m, uint64_t arrival)
{
  if (m->stopping) {
    errno = ESHUTDOWN;
    return -1;
  }
  if (hold_wait_locked (m) == -1 || lease_needed_locked (m, arrival) == -1)
    return -1;
  cond_wait_until (&m->cond, &m->lock, now_ns () + RETRY_NS);
  return 0;
}

static int
wait_for_room (struct mirror *m, const struct unstable_write *w,
               uint64_t arrival)
{
  struct room_waiter who = {0};
  int r = 0;

  join_queue (m, &who);
  while (r == 0 &&
         !(m->unstable.queue == &who && unstable_take_place_locked (m, w)))
    if (m->unstable.queue != &who || !flush_now (m))
      r = wait_once (m, arrival);
  leave_queue (m, &who);
  return r;
}

int
unstable_room_locked (struct mirror *m, const struct unstable_write *w,
                      uint64_t arrival)
{
  if (!w || (!m->unstable.queue && unstable_take_place_locked (m, w)))
    return 0;
  return wait_for_room (m, w, arrival);
}

static bool
is_asked (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  bool asked = m->unstable.flush_requested;

  m->unstable.flush_requested = false;
  return asked;
}

void
unstable_flush_if_asked (struct mirror *m)
{
  if (is_asked (m))
    flush_legs (m, 0);
}
