/* SPDX-License-Identifier: BSD-3-Clause */

/* Another log takes the place of one that is used.
 *
 *   1. The new one is made in memory.
 *   2. The gate: no flush of the old one is begun, those under way end.  So from here
 *      on nothing is promised on the strength of the old one: a write that needs
 *      a new mark waits, all others go on.
 *   3. The new one takes over all that the old one has, with a higher generation, by
 *      which the two can be told apart, and is started: it is durable, as a whole or
 *      not at all.  Both are right now.
 *   4. The legs' own records get the new generation (the caller does that), and the
 *      old log says that it was moved.  From here on only the new one is right.
 *   5. What changed in memory meanwhile is taken over, and the old one's successor
 *      is set, in one section of both locks; the gate is open.
 *
 * A crash before 4 finds either log, after it the new one.  If 3 fails the old one
 * goes on, with a generation above that of what may have been made.  If 4 fails the
 * move goes on: the new one is no less right, and the old one, on a store that fails,
 * is what is left behind.
 *
 * Who still has the old log (a mirror has the first one for ever) is led to the new
 * one by each call (truth.h); it is freed with that.
 */

#include "config.h"

#include "log-life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "truth.h"

/* --- what is taken over; both logs' locks are held --- */

static void
copy_map (struct dirty_log *to, const struct dirty_log *from, unsigned map)
{
  struct bitset *dst = truth_map (to, map);
  const struct bitset *src = truth_map ((struct dirty_log *) from, map);

  for (uint64_t w = 0; w < bitset_words (src->nr); ++w)
    bitset_put_word (dst, w, src->words[w]);
  if (map >= LOG_NR_MAPS)
    return;
  to->ops->map_changed (to, map, 0, src->nr, true);
  to->ops->map_changed (to, map, 0, src->nr, false);
}

static void
copy_record (struct dirty_log *to, const struct dirty_log *from,
             uint64_t generation)
{
  to->record = from->record;
  to->record.generation = generation;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (to->record.leg[s].state == LOG_LEG_IN_SYNC)
      to->record.leg[s].generation = generation;
  to->recent = from->recent;
  to->stay_unclean = from->stay_unclean;
  to->ops->record_changed (to, true);
}

static void
copy_locked (struct dirty_log *to, const struct dirty_log *from,
             unsigned generations)
{
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    copy_map (to, from, map);
  copy_map (to, from, LOG_MAP_OUT_OF_SYNC);
  copy_record (to, from, from->record.generation + generations);
}

static void
copy (struct dirty_log *to, struct dirty_log *from)
{
  CLEANUP_LOCK (&from->lock);
  pthread_mutex_lock (&to->lock);
  copy_locked (to, from, 1);
  pthread_mutex_unlock (&to->lock);
}

/* --- the gate --- */

static void
open_gate (struct dirty_log *log)
{
  CLEANUP_LOCK (&log->lock);

  log->gated = false;
  pthread_cond_broadcast (&log->gate);
}

/* False if a call does not end. */
static bool
close_gate (struct dirty_log *log, uint64_t deadline)
{
  CLEANUP_LOCK (&log->lock);

  log->gated = true;
  while (log->inside > 0)
    if (cond_wait_until (&log->gate, &log->lock, deadline) == ETIMEDOUT)
      break;
  return log->inside == 0;
}

static void
hand_over (struct dirty_log *from, struct dirty_log *to)
{
  CLEANUP_LOCK (&from->lock);

  pthread_mutex_lock (&to->lock);
  copy_locked (to, from,
               2); /* a beat may have the first with another number */
  for (uint64_t w = 0; w < bitset_words (from->recovering.nr); ++w)
    bitset_put_word (&to->recovering, w, from->recovering.words[w]);
  atomic_store (&from->successor, to);
  pthread_mutex_unlock (&to->lock);
  from->gated = false;
  pthread_cond_broadcast (&from->gate);
}

/* --- the whole --- */

static uint64_t
generation_of (struct dirty_log *log)
{
  CLEANUP_LOCK (&log->lock);
  return log->record.generation;
}

static void
say (const char *what, char *why, size_t size)
{
  snprintf (why, size, "%s: %s", what, strerror (errno));
}

static int
make (struct dirty_log *to, struct dirty_log *from)
{
  {
    CLEANUP_LOCK (&from->lock);
    to->flush_number = from->flush_number;
  }
  to->on_release = from->on_release;
  to->opaque = from->opaque;
  return dirty_log_create_as (to, &from->info.geo, generation_of (from) + 1,
                              from->info.uuid);
}

/* Whatever was made of the new one is older than the old one from here on, and is
 * not written any more.
 */
static void
give_up (struct dirty_log *from, struct dirty_log *to, const char *old_spec)
{
  dirty_log_set_generation (from, generation_of (from) + 2);
  if (to->ops->moved)
    to->ops->moved (to, old_spec);
  open_gate (from);
}

static void
leave_old (struct dirty_log *from, const char *spec)
{
  if (from->ops->moved && from->ops->moved (from, spec) == -1 &&
      errno != EOPNOTSUPP)
    msg_error ("log %s:%s: can't be marked as moved: %m: never start with it "
               "again",
               from->ops->type, from->info.name);
}

int
dirty_log_move (struct dirty_log *log, struct dirty_log *to,
                const struct log_move *how, char *why, size_t size)
{
  struct dirty_log *from = truth_current (log);

  if (make (to, from) == -1) {
    say ("the new log can't be made", why, size);
    return -1;
  }
  if (!close_gate (from, how->deadline)) {
    errno = ETIMEDOUT;
    say ("the log does not answer", why, size);
    give_up (from, to, how->old_spec);
    return -1;
  }
  copy (to, from);
  if (dirty_log_start (to) == -1) {
    say ("the new log can't be written", why, size);
    give_up (from, to, how->old_spec);
    return -1;
  }
  how->prove (how->opaque, generation_of (to));
  leave_old (from, how->spec);
  hand_over (from, to);
  from->over = from->ops->close (from, how->deadline);
  return 0;
}
