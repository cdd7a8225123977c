/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "beat.h"
#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "record-owner.h"
#include "records-return.h"
#include "thread.h"

/* Who began at the same moment is found soon. */
#define FIRST_LOOK_NS (200 * NSEC_PER_MSEC)

/* --- one beat --- */

static uint64_t
interval_ns (const struct mirror *m)
{
  return m->config.beat_ms * NSEC_PER_MSEC;
}

/* The same moment has the same number on all legs.  What it says of the log is
 * durable there, or a crash would make the log look like an old copy.
 */
static struct leg_beat
make_beat (struct mirror *m, bool used)
{
  struct leg_beat beat = {
    .count = 1 + (now_ns () - m->beats.began_ns) / interval_ns (m),
    .interval_ms = m->config.beat_ms,
    .used = used,
    .owner = m->records.common.owner,
    .generation = atomic_load (&m->records.generation),
    .flush_number = dirty_log_flush_number (m->log),
  };

  memcpy (beat.session, m->beats.session, RECORD_ID_SIZE);
  memcpy (beat.mirror, m->records.common.mirror, RECORD_ID_SIZE);
  return beat;
}

static bool
is_others (const struct mirror *m, const struct leg_beat *beat)
{
  return memcmp (beat->session, m->beats.session, RECORD_ID_SIZE) != 0;
}

static bool
is_foreign (const struct mirror *m, const struct leg_beat *beat)
{
  return beat->used && is_others (m, beat);
}

/* The leg is lost: nothing is sent to it any more, and what is under way ends
 * in an error.
 */
static void
give_up_leg (struct member *member, const struct leg_beat *beat)
{
  char why[LEG_ERROR_SIZE];

  snprintf (why, sizeof why,
            "another mirror %s it: process %" PRIu32
            " on host %s; this one stops",
            beat->used ? "writes to" : "has used", beat->owner.pid,
            beat->owner.host);
  leg_lose (member->leg, EBUSY, why);
}

/* What goes wrong is the leg's error.  True if it is there. */
static bool
write_beat (struct member *member, bool used, unsigned flags)
{
  struct mirror *m = member->mirror;
  struct leg_beat beat = make_beat (m, used);

  if (record_area_write_beat (&m->records.area[member->slot], &beat, flags) ==
      0) {
    atomic_store (&m->beats.of[member->slot].written, beat.count);
    return true;
  }
  msg_debug ("leg %s: heartbeat: %m", member->name);
  return false;
}

/* Somebody else has written his beat over ours, whether he still runs or has
 * ended meanwhile: while this host stood still, perhaps.
 */
static bool
was_taken (const struct member *member, const struct leg_beat *beat)
{
  const struct mirror *m = member->mirror;

  return is_foreign (m, beat) ||
         (is_others (m, beat) &&
          atomic_load (&m->beats.of[member->slot].claimed));
}

/* The leg is in use. */
static void
look_and_beat (struct member *member)
{
  struct mirror *m = member->mirror;
  enum record_verdict verdict;
  struct leg_beat beat;

  if (record_area_read_beat (&m->records.area[member->slot], &verdict,
                             &beat) == -1)
    return;
  if (verdict == RECORD_VALID && was_taken (member, &beat))
    give_up_leg (member, &beat);
  else
    write_beat (member, true, 0);
}

void
beat_claim (struct member *member)
{
  struct mirror *m = member->mirror;

  if (m->records.on && m->records.area[member->slot].in_use)
    atomic_store (&m->beats.of[member->slot].claimed,
                  write_beat (member, true, LEG_FUA));
}

void
beat_end (struct member *member)
{
  const struct mirror *m = member->mirror;

  if (m->records.on && m->records.area[member->slot].in_use)
    write_beat (member, false, LEG_FUA);
}

/* --- the threads --- */

/* m->lock is held. */
static bool
has_record_locked (const struct member *member)
{
  const struct mirror *m = member->mirror;

  return (usable_set (m) & SLOT_BIT (member->slot)) &&
         m->records.area[member->slot].in_use;
}

/* m->lock is held, and given up meanwhile. */
static void
beat_locked (struct member *member)
{
  struct mirror *m = member->mirror;

  if (!has_record_locked (member))
    return;
  members_use_locked (m, SLOT_BIT (member->slot));
  pthread_mutex_unlock (&m->lock);
  look_and_beat (member);
  records_keep (member);
  pthread_mutex_lock (&m->lock);
  members_unuse_locked (m, SLOT_BIT (member->slot));
}

static void *
beat_thread (void *opaque)
{
  struct member *member = opaque;
  struct mirror *m = member->mirror;
  uint64_t next = now_ns () + FIRST_LOOK_NS;

  pthread_mutex_lock (&m->lock);
  while (!m->stopping && !member->leaves) {
    if (cond_wait_until (&m->beats.wake, &m->lock, next) != ETIMEDOUT)
      continue;
    next = now_ns () + interval_ns (m);
    beat_locked (member);
  }
  m->beats.of[member->slot].exited = true;
  pthread_cond_broadcast (&m->cond);
  pthread_mutex_unlock (&m->lock);
  return NULL;
}

/* --- start and stop --- */

void
beats_init (struct mirror *m)
{
  uuid_generate (m->beats.session);
  cond_init_monotonic (&m->beats.wake);
}

void
beats_free (struct mirror *m)
{
  pthread_cond_destroy (&m->beats.wake);
}

int
beat_thread_start (struct member *member)
{
  struct mirror *m = member->mirror;
  struct beat *b = &m->beats.of[member->slot];

  if (!m->records.on)
    return 0;
  b->exited = false;
  b->seen = (struct leg_beat){.count = 0};
  if (thread_start (&b->thread, "mirror-beat", beat_thread, member) == -1) {
    msg_error ("leg %s: cannot start a thread: %m", member->name);
    return -1;
  }
  b->started = true;
  return 0;
}

int
beats_start (struct mirror *m)
{
  m->beats.began_ns = now_ns ();
  if (!m->records.on)
    return 0;
  FOR_EACH_SLOT (slot, m->configured) {
    struct member *member = &m->member[slot];

    if (!member->leg)
      continue;
    if (writing_set (m) & SLOT_BIT (slot))
      beat_claim (member);
    if (beat_thread_start (member) == -1)
      return -1;
  }
  return 0;
}

static bool
beat_exited (struct mirror *m, unsigned slot, uint64_t deadline)
{
  CLEANUP_LOCK (&m->lock);

  pthread_cond_broadcast (&m->beats.wake);
  while (!m->beats.of[slot].exited && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return m->beats.of[slot].exited;
}

bool
beat_thread_stop (struct member *member, uint64_t deadline)
{
  struct beat *b = &member->mirror->beats.of[member->slot];

  if (!b->started)
    return true;
  if (!beat_exited (member->mirror, member->slot, deadline))
    return false;
  pthread_join (b->thread, NULL);
  b->started = false;
  return true;
}

bool
beats_stop (struct mirror *m, uint64_t deadline)
{
  bool ended = true;

  FOR_EACH_SLOT (slot, m->configured)
    ended &= beat_thread_stop (&m->member[slot], deadline);
  return ended;
}

void
beats_close (struct mirror *m)
{
  if (!m->records.on)
    return;
  FOR_EACH_SLOT (slot, usable_set (m))
    if (m->records.area[slot].in_use)
      write_beat (&m->member[slot], false, 0);
}

/* --- a leg comes back --- */

static bool
has_moved (const struct beat *b, const struct leg_beat *beat)
{
  return b->seen.count != beat->count ||
         memcmp (b->seen.session, beat->session, RECORD_ID_SIZE) != 0;
}

/* Since it moved last, two beats have passed without another. */
static bool
has_stopped (struct beat *b, const struct leg_beat *beat)
{
  if (has_moved (b, beat)) {
    b->seen = *beat;
    b->seen_since = now_ns ();
    return false;
  }
  return now_ns () - b->seen_since > 2 * beat->interval_ms * NSEC_PER_MSEC;
}

bool
beat_lets_in (struct member *member)
{
  struct mirror *m = member->mirror;
  enum record_verdict verdict;
  struct leg_beat beat;

  if (!m->records.on)
    return true;
  if (record_area_read_beat (&m->records.area[member->slot], &verdict,
                             &beat) == -1) {
    leg_report (member->leg, "heartbeat: %m");
    return false;
  }
  if (verdict != RECORD_VALID || !is_foreign (m, &beat) ||
      record_owner_is_gone (&beat.owner) ||
      has_stopped (&m->beats.of[member->slot], &beat))
    return true;
  leg_report (member->leg,
              "another mirror uses it, or may: process %" PRIu32 " on host %s",
              beat.owner.pid, beat.owner.host);
  return false;
}

bool
beat_is_ours (struct member *member)
{
  struct mirror *m = member->mirror;
  enum record_verdict verdict;
  struct leg_beat beat;

  if (!records_has (member))
    return true;
  if (record_area_read_beat (&m->records.area[member->slot], &verdict,
                             &beat) == -1) {
    leg_report (member->leg, "heartbeat: %m");
    return false;
  }
  if (verdict != RECORD_VALID ||
      memcmp (beat.session, m->beats.session, RECORD_ID_SIZE) == 0)
    return true;
  leg_report (member->leg,
              "another mirror has used it meanwhile: process %" PRIu32
              " on host %s",
              beat.owner.pid, beat.owner.host);
  return false;
}
