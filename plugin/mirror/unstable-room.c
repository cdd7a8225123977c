/* SPDX-License-Identifier: BSD-3-Clause */

/* Who finds no room flushes the legs itself: flushes that wait are served
 * together (S8).
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

/* Those who have the room may wait for something else. */
static void
wait_a_little (struct mirror *m)
{
  cond_wait_until (&m->cond, &m->lock, now_ns () + RETRY_NS);
}

static int
make_room (struct mirror *m, uint64_t arrival)
{
  uint64_t before = m->unstable.bytes;

  pthread_mutex_unlock (&m->lock);
  flush_legs (m, 0);
  pthread_mutex_lock (&m->lock);
  if (m->stopping) {
    errno = ESHUTDOWN;
    return -1;
  }
  if (hold_wait_locked (m) == -1 || lease_needed_locked (m, arrival) == -1)
    return -1;
  if (m->unstable.bytes >= before)
    wait_a_little (m);
  return 0;
}

int
unstable_room_locked (struct mirror *m, const struct unstable_write *w,
                      uint64_t arrival)
{
  while (!unstable_take_place_locked (m, w))
    if (make_room (m, arrival) == -1)
      return -1;
  return 0;
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
