/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg that failed, or was absent, comes back while the mirror runs.
 *
 * Each leg has a thread, which sleeps while the leg is in use.  When it is
 * not, the thread tries, ever less often, to
 *
 *   1. open the leg anew, when the last request that was sent to it is over,
 *      and its failure is recorded;
 *   2. see whether it still is that leg: size, block size, and samples that
 *      are compared with the source in regions that it does not miss, under
 *      the range lock.  If it is empty the log notes that it misses
 *      everything.  Its record and its heartbeat must let it in, too;
 *   3. let it in: under m->lock the regions marked now go into its missed
 *      map, for their writers may have chosen their legs without it (S5),
 *      and it is a resync target.
 *
 * From then on it gets writes, and what it missed is copied, no more: when
 * the quarantine of an NBD leg has passed (S21).
 *
 * A file that has taken the place of the one that was used in this run may be
 * an older copy of it, and samples would hardly tell: it gets everything.  So does
 * a leg whose record is older than the one that it had when it left, or is gone.
 *
 * While the leg is in use the thread looks after its file (place.h).
 *
 * The last in-sync leg is never out; if it is away it is brought back in another
 * way (hold-return.h), and the others wait for that.
 *
 * The delay between tries is a quarter of the time that the leg is out.  Flap
 * damping: it is at least twice as long each time that the leg is lost again
 * soon.
 */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "place.h"
#include "records-return.h"
#include "rejoin-try.h"
#include "rejoin.h"
#include "thread.h"

#define MAX_FLAPS 10
#define LOOK_NS NSEC_PER_SEC /* between looks at a file in use */

/* Private to a thread. */
struct rejoin {
  struct mirror *m;
  struct member *member;
  unsigned flaps; /* times it was lost soon, in a row */
  uint64_t out_since;
  struct rejoin_try try;
};

/* --- when; m->lock is held --- */

static bool
is_out (const struct rejoin *r)
{
  return !(usable_set (r->m) & SLOT_BIT (r->member->slot)) &&
         r->member->users == 0;
}

/* The mirror waits for this leg. */
static bool
is_held (const struct rejoin *r)
{
  return r->m->hold.legs & SLOT_BIT (r->member->slot);
}

/* An operator has taken it out; to be closed if that is left to do. */
static bool
is_parked (const struct rejoin *r)
{
  return r->member->parked;
}

/* The mirror ends; but a leg that it uses may yet be lost, and one that it waits
 * for come back (hold_stop).  Or the leg leaves.
 */
static bool
ends (const struct rejoin *r)
{
  bool is_used = writing_set (r->m) & SLOT_BIT (r->member->slot);

  return r->member->leaves ||
         (r->m->stopping && (!is_used || r->m->hold.given_up));
}

/* Another leg can't be compared with the one that is away.  And a leg whose
 * failure is not recorded is right after a crash, so nothing may be on the way
 * to it then but what clients wrote.
 */
static bool
must_wait (const struct rejoin *r)
{
  const struct mirror *m = r->m;

  return !is_held (r) && (m->hold.legs || m->failures_recorded < m->failures);
}

/* The leg is in use; m->lock is given up meanwhile. */
static void
look_after (struct rejoin *r)
{
  struct mirror *m = r->m;

  pthread_mutex_unlock (&m->lock);
  place_look (r->member);
  pthread_mutex_lock (&m->lock);
}

static void
use_until_out (struct rejoin *r)
{
  struct mirror *m = r->m;
  bool watched = place_is_watched (r->member);
  uint64_t look = now_ns () + LOOK_NS;

  while (!ends (r) && !is_out (r)) {
    if (cond_wait_until (&m->rejoin_wake, &m->lock,
                         watched ? look : NO_DEADLINE) != ETIMEDOUT)
      continue;
    if (!ends (r) && !is_out (r))
      look_after (r);
    look = now_ns () + LOOK_NS;
  }
}

/* False: the mirror ends. */
static bool
wait_until_out (struct rejoin *r)
{
  struct mirror *m = r->m;

  if (is_out (r))
    return !ends (r);
  rejoin_try_note_file (&r->try);
  use_until_out (r);
  r->out_since = now_ns ();
  if (r->out_since >= r->member->joined_ns + m->rejoin.steady_ns)
    r->flaps = 0;
  else if (r->member->joined_ns > 0 && r->flaps < MAX_FLAPS)
    r->flaps++;
  return !ends (r);
}

/* It holds all that was acknowledged, and others may use it.  What its cache
 * had not flushed it misses (S5), so an error does no harm.  m->lock is given up
 * meanwhile.
 */
static void
give_away (struct rejoin *r)
{
  struct mirror *m = r->m;

  pthread_mutex_unlock (&m->lock);
  if (leg_run (r->member->leg, LEG_FLUSH, 0, NULL, 0, 0) ==
      0) /* else it is closed */
    beat_end (r->member);
  place_leave (r->member);
  leg_close (r->member->leg);
  pthread_mutex_lock (&m->lock);
  r->member->closed = true;
  pthread_cond_broadcast (&m->cond);
}

static uint64_t
next_delay (struct rejoin *r)
{
  const struct rejoin_times *times = &r->m->rejoin;
  const struct hold *h = &r->m->hold;
  uint64_t least = is_held (r) ? h->first_ns : times->first_ns << r->flaps;
  uint64_t most = is_held (r) ? h->max_ns : times->max_ns;
  uint64_t ns = (now_ns () - r->out_since) / 4;

  if (ns < least)
    ns = least;
  return ns < most ? ns : most;
}

/* False: the mirror ends. */
static bool
wait_delay (struct rejoin *r)
{
  struct mirror *m = r->m;
  uint64_t until = now_ns () + next_delay (r);

  while (!ends (r) && !r->member->try_now && now_ns () < until)
    cond_wait_until (&m->rejoin_wake, &m->lock, until);
  while (!ends (r) && (must_wait (r) || is_parked (r))) {
    if (is_parked (r) && r->member->to_close && !r->member->closed)
      give_away (r);
    else
      pthread_cond_wait (&m->rejoin_wake, &m->lock);
  }
  r->member->try_now = false;
  return !ends (r);
}

static void *
rejoin_thread (void *opaque)
{
  struct member *member = opaque;
  struct mirror *m = member->mirror;
  struct rejoin r = {
    .m = m,
    .member = member,
    .out_since = now_ns (),
    .try = {.m = m, .member = member, .leg = member->leg},
  };

  pthread_mutex_lock (&m->lock);
  if (member->renamed)
    rejoin_try_note_renamed (&r.try);
  member->renamed = false;
  while (wait_until_out (&r) && wait_delay (&r)) {
    bool held = is_held (&r);

    pthread_mutex_unlock (&m->lock);
    if (held)
      rejoin_try_to_return (&r.try);
    else
      rejoin_try_to_join (&r.try);
    pthread_mutex_lock (&m->lock);
  }
  member->rejoiner_exited = true;
  pthread_cond_broadcast (&m->cond);
  pthread_mutex_unlock (&m->lock);
  return NULL;
}

/* --- start and stop --- */

int
rejoin_begin (struct member *member)
{
  member->rejoiner_exited = false;
  if (thread_start (&member->rejoiner, "mirror-rejoin", rejoin_thread,
                    member) == -1) {
    msg_error ("leg %s: cannot start a thread: %m", member->name);
    return -1;
  }
  member->has_rejoiner = true;
  return 0;
}

int
rejoin_start (struct mirror *m)
{
  unsigned legs = 0;

  FOR_EACH_SLOT (slot, m->configured)
    if (m->member[slot].leg) {
      legs |= SLOT_BIT (slot);
      m->member[slot].leg->quiet = true;
    }
  FOR_EACH_SLOT (slot, legs)
    if (rejoin_begin (&m->member[slot]) == -1)
      return -1;
  return 0;
}

/* Who is being opened or looked at must not take its time. */
static void
cancel_legs (struct mirror *m)
{
  unsigned out;

  {
    CLEANUP_LOCK (&m->lock);
    out = m->configured & ~usable_set (m);
    pthread_cond_broadcast (&m->rejoin_wake);
  }
  FOR_EACH_SLOT (slot, out)
    if (m->member[slot].leg)
      leg_cancel (m->member[slot].leg);
}

static bool
rejoiner_exited (struct member *member, uint64_t deadline)
{
  struct mirror *m = member->mirror;
  CLEANUP_LOCK (&m->lock);

  while (!member->rejoiner_exited && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return member->rejoiner_exited;
}

bool
rejoin_end (struct member *member, uint64_t deadline)
{
  if (!member->has_rejoiner)
    return true;
  {
    CLEANUP_LOCK (&member->mirror->lock);
    pthread_cond_broadcast (&member->mirror->rejoin_wake);
  }
  leg_cancel (member->leg);
  if (!rejoiner_exited (member, deadline))
    return false;
  pthread_join (member->rejoiner, NULL);
  member->has_rejoiner = false;
  return true;
}

bool
rejoin_stop (struct mirror *m, uint64_t deadline)
{
  bool ended = true;

  cancel_legs (m);
  FOR_EACH_SLOT (slot, m->configured) {
    struct member *member = &m->member[slot];

    if (!member->has_rejoiner)
      continue;
    if (!rejoiner_exited (member, deadline)) {
      ended = false;
      continue;
    }
    pthread_join (member->rejoiner, NULL);
    member->has_rejoiner = false;
  }
  return ended;
}
