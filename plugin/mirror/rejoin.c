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
#include <inttypes.h>
#include <string.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "extent-map.h"
#include "hold-return.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "msg.h"
#include "place.h"
#include "probe-zeroes.h"
#include "quarantine.h"
#include "records-return.h"
#include "recovery.h"
#include "rejoin-check.h"
#include "rejoin.h"
#include "thread.h"

#define MAX_FLAPS 10
#define LOOK_NS NSEC_PER_SEC /* between looks at a file in use */

/* Private to a thread. */
struct rejoin {
  struct mirror *m;
  struct member *member;
  struct leg *leg;
  unsigned flaps; /* times it was lost soon, in a row */
  uint64_t out_since;
  bool blank;     /* it holds nothing: all is to be copied */
  bool other;     /* another file than before, or an older state: the same */
  bool used_file; /* in this run, with this identity */
  uint8_t id[LEG_ID_SIZE];
  char reported[LEG_ERROR_SIZE];
};

/* What is in use now. */
static void
note_file (struct rejoin *r)
{
  r->used_file = r->leg->kind == LEG_FILE;
  memcpy (r->id, r->leg->id, sizeof r->id);
}

/* What has another name now is that file, or else another one. */
static void
note_renamed (struct rejoin *r)
{
  struct log_leg rec;

  dirty_log_get_leg (r->m->log, r->member->slot, &rec);
  r->used_file = true;
  if (rec.kind == LEG_FILE)
    memcpy (r->id, rec.id, sizeof r->id);
}

static bool
is_other_file (const struct rejoin *r)
{
  return r->used_file && r->leg->kind == LEG_FILE &&
         memcmp (r->id, r->leg->id, sizeof r->id) != 0;
}

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
  note_file (r);
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
  if (leg_run (r->leg, LEG_FLUSH, 0, NULL, 0, 0) == 0) /* else it is closed */
    beat_end (r->member);
  place_leave (r->member);
  leg_close (r->leg);
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

/* --- one try --- */

static const char *
what_it_is (const struct rejoin *r)
{
  if (r->blank)
    return "empty";
  if (!r->member->is_older)
    return "another file";
  return r->member->by_record ? "an older state of itself"
                              : "without its record";
}

/* What the log says of the leg becomes true of what is here now, in memory.
 * False if the mirror ends.
 */
static bool
record_leg (struct rejoin *r)
{
  struct mirror *m = r->m;
  unsigned slot = r->member->slot;
  CLEANUP_LOCK (&m->lock);

  if (m->stopping || r->member->leaves || r->member->parked)
    return false;
  dirty_log_set_leg (m->log, slot, (uint32_t) r->leg->kind, r->leg->id,
                     r->leg->size, r->member->name);
  if (r->blank || r->other)
    dirty_log_set_region_sync (m->log, slot, 0, m->nr_regions, false);
  return true;
}

/* As long as a leg is blank a start sees that it holds nothing.  It gets
 * nothing before the log says so, or a crash could leave a leg that looks
 * like the old one where it has been copied, and misses the rest unnoticed.
 * So could one that is another file.
 */
static bool
is_recorded (struct rejoin *r)
{
  struct mirror *m = r->m;
  uint64_t deadline = now_ns () + m->config.log_timeout * NSEC_PER_SEC;

  if (!record_leg (r))
    return false;
  if ((!r->blank && !r->other) || dirty_log_flush (m->log, deadline) == 0)
    return true;
  leg_report (r->leg, "is %s now, and the log can't note that: %m",
              what_it_is (r));
  return false;
}

/* False if the leg was lost again meanwhile, or the mirror ends. */
static bool
join (struct rejoin *r)
{
  struct mirror *m = r->m;
  struct member *member = r->member;

  records_give (member);
  beat_claim (member);
  CLEANUP_LOCK (&m->lock);

  if (m->stopping || member->leaves || member->parked ||
      atomic_load (&r->leg->lost))
    return false;
  dirty_log_leg_failed (m->log, member->slot);
  member_set_state_locked (m, SLOT_BIT (member->slot), MEMBER_RESYNCING);
  member->kind = r->leg->kind;
  member->joined_ns = now_ns ();
  extent_map_forget (&m->resync.extents, member->slot);
  m->hold.lost &= ~SLOT_BIT (member->slot);
  member->stalls = 0;
  member->stall_reported = false;
  quarantine_member_locked (member);
  resync_wake_locked (m);
  worker_wake_locked (m); /* it may miss nothing */
  return true;
}

static void
report_joined (struct rejoin *r)
{
  struct log_status status;

  dirty_log_status (r->m->log, &status);
  msg_note ("leg %s: is back%s%s%s, %" PRIu64 " regions to copy",
            r->member->name, r->blank || r->other ? " but " : "",
            r->blank || r->other ? what_it_is (r) : "",
            r->other && !r->blank ? ", which gets everything" : "",
            status.missed[r->member->slot]);
}

/* Once, as long as it stays the same. */
static void
report_failed (struct rejoin *r)
{
  char why[LEG_ERROR_SIZE];

  leg_last_error (r->leg, why, sizeof why);
  if (strcmp (why, r->reported) == 0)
    return;
  msg_warning ("leg %s: %s", r->member->name, why);
  memcpy (r->reported, why, sizeof why);
}

/* What is there is the leg, or may become it. */
static bool
is_usable (struct rejoin *r)
{
  if (!rejoin_fits (r->member) || !records_let_in (r->member) ||
      !beat_lets_in (r->member) || !rejoin_is_the_leg (r->member, &r->blank))
    return false;
  r->other = is_other_file (r) || r->member->is_older;
  return true;
}

/* What its block status says is looked at before it counts. */
static bool
open_again (struct leg *leg)
{
  leg_close (leg);
  if (leg_open (leg, 0) == -1 || leg_settle (leg) == -1)
    return false;
  probe_zeroes (leg);
  return true;
}

/* What can be opened may be something else now. */
static bool
is_right (struct rejoin *r)
{
  bool opened = open_again (r->leg);
  bool right = opened && is_usable (r);
  CLEANUP_LOCK (&r->m->lock);

  r->member->refused = opened && !right && !atomic_load (&r->leg->lost);
  return right;
}

static void
try_once (struct rejoin *r)
{
  place_leave (r->member);
  if (is_right (r) && is_recorded (r) && join (r)) {
    report_joined (r);
    records_renew (r->m, log_deadline (r->m, now_ns ()));
    r->reported[0] = '\0';
    return;
  }
  leg_close (r->leg);
  if (!atomic_load (&r->leg->cancelled))
    report_failed (r);
}

/* The same for the leg that the mirror waits for. */
static void
try_held (struct rejoin *r)
{
  struct hold *h = &r->m->hold;
  char why[LEG_ERROR_SIZE] = "";

  if (hold_return (r->member))
    r->reported[0] = '\0';
  else if (!atomic_load (&r->leg->cancelled)) {
    report_failed (r);
    leg_last_error (r->leg, why, sizeof why);
  }
  CLEANUP_LOCK (&r->m->lock);
  memcpy (h->trouble, why, sizeof why);
}

static void *
rejoin_thread (void *opaque)
{
  struct member *member = opaque;
  struct mirror *m = member->mirror;
  struct rejoin r = {
    .m = m, .member = member, .leg = member->leg, .out_since = now_ns ()};

  pthread_mutex_lock (&m->lock);
  if (member->renamed)
    note_renamed (&r);
  member->renamed = false;
  while (wait_until_out (&r) && wait_delay (&r)) {
    bool held = is_held (&r);

    pthread_mutex_unlock (&m->lock);
    if (held)
      try_held (&r);
    else
      try_once (&r);
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
