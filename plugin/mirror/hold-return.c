/* SPDX-License-Identifier: BSD-3-Clause */

/* One try to bring the last in-sync leg back:
 *
 *   1. connect it.  It stays ours meanwhile;
 *   2. it must be the same leg: its size; what it holds of witness.h; its own
 *      record and heartbeat, which must be the last ones that this mirror wrote.
 *      A leg that shows nothing of that may be any disk, and is not used;
 *   3. wait for the quarantine (S21): what was sent earlier and not answered may
 *      still land, and must do so before step 4;
 *   4. write again what is in memory (replay.h), writes that wait for an
 *      answer included; and flush;
 *   5. put our heartbeat on it, and go on.
 *
 * A loss at any step starts all of it again: nothing leaves the memory, and
 * nothing else is sent, before the flush of step 4 has succeeded.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "beat.h"
#include "cleanup.h"
#include "extent-map.h"
#include "hold-return.h"
#include "hold.h"
#include "mirror-impl.h"
#include "msg.h"
#include "records-return.h"
#include "replay.h"
#include "unstable.h"
#include "witness.h"

/* --- is it the same leg --- */

static bool
has_its_size (struct member *member)
{
  const struct hold *h = &member->mirror->hold;
  struct leg *leg = member->leg;

  if (leg->size == h->leg_size && leg->min_block == h->leg_min_block)
    return true;
  leg_report (leg,
              "has %" PRIu64 " bytes in blocks of %" PRIu32
              " now, and had %" PRIu64 " in blocks of %" PRIu32,
              leg->size, leg->min_block, h->leg_size, h->leg_min_block);
  return false;
}

static bool
is_proven (struct member *member)
{
  struct leg *leg = member->leg;
  int answer = witness_check (member->mirror, leg);

  if (answer == -1)
    leg_report (leg, "read: %m");
  else if (answer == WITNESS_OTHER)
    leg_report (leg, "does not hold what it had flushed: it is another disk, "
                     "or an older state of it");
  else if (!records_same (member) || !beat_is_ours (member))
    ; /* reported */
  else if (answer == WITNESS_NONE && !records_has (member))
    leg_report (leg, "nothing shows that it is the disk that it was");
  else
    return true;
  return false;
}

/* --- the quarantine --- */

/* False if it is in vain. */
static bool
wait_quarantine (struct member *member)
{
  struct mirror *m = member->mirror;
  uint64_t until = now_ns () + m->quarantine_ns;
  CLEANUP_LOCK (&m->lock);

  while (now_ns () < until && !m->hold.given_up &&
         !atomic_load (&member->leg->lost))
    cond_wait_until (&m->rejoin_wake, &m->lock, until);
  return !m->hold.given_up && !atomic_load (&member->leg->lost);
}

/* --- writing again --- */

static bool
replay (struct member *member, uint64_t *bytes)
{
  if (replay_writes (member->mirror, member->leg, bytes) == -1) {
    leg_report (member->leg, "write again: %m");
    return false;
  }
  return leg_settle (member->leg) == 0;
}

/* --- the end --- */

/* False if it was lost again meanwhile.  The memory stays as it is: resync
 * targets have not been flushed, so the worker does that.
 */
static bool
go_on (struct member *member, uint64_t *held_ns)
{
  struct mirror *m = member->mirror;
  CLEANUP_LOCK (&m->lock);

  if (atomic_load (&member->leg->lost) || m->hold.given_up)
    return false;
  *held_ns = now_ns () - m->hold.since_ns;
  extent_map_forget (&m->resync.extents, member->slot);
  m->unstable.flush_requested = true;
  hold_end_locked (m);
  return true;
}

bool
hold_return (struct member *member)
{
  uint64_t bytes = 0, held_ns;

  if (leg_reconnect (member->leg) == -1)
    return false;
  if (!has_its_size (member) || !is_proven (member) ||
      !wait_quarantine (member) || !beat_is_ours (member) ||
      !replay (member, &bytes)) {
    leg_quiesce (member->leg);
    return false;
  }
  beat_claim (member);
  if (!go_on (member, &held_ns)) {
    leg_quiesce (member->leg);
    return false;
  }
  msg_note ("leg %s: is back after %.1f s, %" PRIu64
            " bytes were written to it again: the mirror goes on",
            member->name, (double) held_ns / NSEC_PER_SEC, bytes);
  return true;
}
