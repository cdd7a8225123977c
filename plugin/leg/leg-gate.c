/* SPDX-License-Identifier: BSD-3-Clause */

/* The flush gate (rule S8).  Of two overlapping fdatasync calls only one
 * sees a write-back error, and a retry succeeds, so:
 *  1. at most one flush is at the medium (flush_running);
 *  2. who comes while it runs waits for the next one (flush_waiters), since
 *     the running one may have begun before his writes ended;
 *  3. the result goes to all it was run for (flush_batch); an error also goes
 *     to everybody who waits for a later one, and to every FLUSH and FUA
 *     from then on (flush_error);
 *  4. a flush that succeeds on a leg that was lost meanwhile has failed.
 *
 * Locking: leg->lock guards the gate; it is not held while the medium or done
 * is called.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "cleanup.h"
#include "leg-base.h"
#include "leg-gate.h"
#include "leg-request.h"

/* Lock held.  True: the caller must call gate_send. */
static bool
gate_next_locked (struct leg *leg)
{
  if (leg->flush_running || !leg->flush_waiters)
    return false;
  leg->flush_running = true;
  leg->flush_batch = leg->flush_waiters;
  leg->flush_waiters = NULL;
  return true;
}

static void gate_answered (struct leg_io *flush, int err, uint64_t now);

static void
gate_send (struct leg *leg)
{
  leg->flush_io.leg = leg;
  leg->flush_io.op = LEG_FLUSH;
  atomic_fetch_add (&leg->counters.flushes, 1);
  leg_send (&leg->flush_io, gate_answered);
}

/* Whatever the medium says later, data may be gone: no FLUSH and no FUA
 * succeeds any more.
 */
static void
flush_failed (struct leg *leg, int err)
{
  char why[128];

  atomic_fetch_add (&leg->counters.flush_errors, 1);
  errno = err;
  snprintf (why, sizeof why, "flush failed: %m");
  leg_keep_error (leg, why);
  atomic_store (&leg->flush_error, err);
}

static void
gate_answered (struct leg_io *flush, int err, uint64_t now)
{
  struct leg *leg = flush->leg;
  struct leg_io *batch, *waiters = NULL;
  bool again = false;

  if (err != 0)
    flush_failed (leg, err);
  else
    leg_latency_note (&leg->latency, LATENCY_FLUSH, now - flush->start_ns);
  {
    CLEANUP_LOCK (&leg->lock);
    batch = leg->flush_batch;
    leg->flush_batch = NULL;
    leg->flush_running = false;
    if (err == 0)
      again = gate_next_locked (leg);
    else {
      waiters = leg->flush_waiters;
      leg->flush_waiters = NULL;
    }
  }
  leg_finish_list (batch, err);
  leg_finish_list (waiters, err);
  if (again)
    gate_send (leg);
}

void
leg_gate_enter (struct leg_io *io)
{
  struct leg *leg = io->leg;
  bool start = false;
  int err;

  {
    CLEANUP_LOCK (&leg->lock);
    err = leg_why_refused (io);
    if (err == 0) {
      io->next = leg->flush_waiters;
      leg->flush_waiters = io;
      start = gate_next_locked (leg);
    }
  }
  if (err != 0)
    leg_finish (io, err, 0);
  else if (start)
    gate_send (leg);
}

void
leg_gate_fail_waiters (struct leg *leg)
{
  struct leg_io *waiters;

  {
    CLEANUP_LOCK (&leg->lock);
    waiters = leg->flush_waiters;
    leg->flush_waiters = NULL;
  }
  leg_finish_list (waiters, atomic_load (&leg->refusal));
}
