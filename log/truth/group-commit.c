/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>

#include "deadline.h"
#include "group-commit.h"

#define MAX_CYCLE_NS NSEC_PER_MSEC /* as far as waiting is concerned */

static uint64_t
earlier (uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

int
group_init (struct group_commit *g)
{
  g->limit = NO_DEADLINE;
  return cond_init_monotonic (&g->done);
}

void
group_destroy (struct group_commit *g)
{
  pthread_cond_destroy (&g->done);
}

/* --- callers --- */

uint64_t
group_join (struct group_commit *g, bool commit)
{
  g->requested = g->begun + 1;
  if (commit)
    g->requested_commit = g->requested;
  g->callers++;
  g->joined_ns = now_ns ();
  return g->requested;
}

static bool
is_served (const struct group_commit *g, uint64_t cycle, bool commit)
{
  return (commit ? g->committed : g->flushed) >= cycle;
}

bool
group_over (const struct group_commit *g, uint64_t cycle, bool commit)
{
  return is_served (g, cycle, commit) || g->ended >= cycle;
}

/* Who gives up, or was served by the first half of a commit, is not one of
 * those any more whom the end of the cycle will count.
 */
static void
stop_waiting (struct group_commit *g, uint64_t cycle)
{
  if (g->ended >= cycle)
    return;
  g->callers--;
  if (cycle <= g->begun && g->in_cycle > 0)
    g->in_cycle--;
}

int
group_leave (struct group_commit *g, uint64_t cycle, bool commit)
{
  if (is_served (g, cycle, commit)) {
    if (g->ended < cycle)
      g->served++;
    stop_waiting (g, cycle);
    return 0;
  }
  stop_waiting (g, cycle);
  errno = g->ended >= cycle ? g->error : ETIMEDOUT;
  return -1;
}

int
group_wait (struct group_commit *g, pthread_mutex_t *lock, uint64_t cycle,
            bool commit, uint64_t deadline)
{
  while (!group_over (g, cycle, commit))
    if (cond_wait_until (&g->done, lock, earlier (deadline, g->limit)) ==
        ETIMEDOUT)
      break;
  return group_leave (g, cycle, commit);
}

void
group_hurry (struct group_commit *g, uint64_t deadline)
{
  g->limit = deadline;
  pthread_cond_broadcast (&g->done);
}

/* --- cycles --- */

bool
group_idle (const struct group_commit *g)
{
  return g->begun == g->ended;
}

bool
group_wanted (const struct group_commit *g)
{
  return g->requested > g->begun;
}

static uint64_t
later (uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

/* Until nobody came for half a cycle, and at most two cycles. */
uint64_t
group_hold (const struct group_commit *g)
{
  uint64_t cycle = earlier (g->smoothed_ns, MAX_CYCLE_NS);
  uint64_t until = earlier (later (g->ended_ns, g->joined_ns) + cycle / 2,
                            g->ended_ns + 2 * cycle);

  if (g->callers >= g->expected || now_ns () >= until)
    return 0;
  return until;
}

uint64_t
group_begin (struct group_commit *g, bool *commit)
{
  uint64_t cycle = ++g->begun;

  *commit = g->requested_commit >= cycle;
  g->in_cycle = g->callers;
  g->begun_ns = now_ns ();
  return cycle;
}

void
group_flushed (struct group_commit *g)
{
  g->flushed = g->begun;
  pthread_cond_broadcast (&g->done);
}

static void
note_time (struct group_commit *g)
{
  uint64_t took;

  g->ended_ns = now_ns ();
  took = g->ended_ns - g->begun_ns;
  g->smoothed_ns = g->smoothed_ns ? (g->smoothed_ns * 7 + took) / 8 : took;
}

void
group_end (struct group_commit *g, bool commit, int err)
{
  g->ended = g->begun;
  if (err)
    g->error = err;
  else {
    g->flushed = g->begun;
    if (commit)
      g->committed = g->begun;
    g->cycles++;
    g->served += g->in_cycle;
  }
  g->expected = g->callers;
  g->callers -= g->in_cycle;
  g->in_cycle = 0;
  note_time (g);
  pthread_cond_broadcast (&g->done);
}

void
group_abort (struct group_commit *g, bool commit)
{
  g->requested = g->begun + 1;
  if (commit)
    g->requested_commit = g->requested;
  g->in_cycle = 0;
}

void
group_give_up (struct group_commit *g, int err)
{
  g->ended = ++g->begun;
  g->error = err;
  g->callers = g->in_cycle = g->expected = 0;
  pthread_cond_broadcast (&g->done);
}
