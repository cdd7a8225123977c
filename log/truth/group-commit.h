/* SPDX-License-Identifier: BSD-3-Clause */

/* Group commit: many callers of flush and commit share one write.
 *
 * Writes happen in numbered cycles, one at a time.  A caller asks for the
 * cycle after the last one that began, because that one will see its
 * changes, and sleeps until some cycle from that one on has succeeded, or
 * that one has ended.
 *
 * Whoever is served in a closed loop is back soon.  If the next cycle began
 * at once with the few who came meanwhile, two half groups would take turns
 * for ever; so group_hold says how long to gather: until as many wait as the
 * last cycle served and left waiting, or no more are coming, and never long.
 * A lone caller is not delayed.
 *
 * All functions are called with the lock held that guards the struct (that
 * of the log); group_wait gives it up while it sleeps.
 */

#ifndef NBDMIRROR_GROUP_COMMIT_H
#define NBDMIRROR_GROUP_COMMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct group_commit {
  uint64_t begun, ended;       /* cycles */
  uint64_t flushed, committed; /* the last cycle that succeeded */
  uint64_t requested, requested_commit;
  int error; /* of the last cycle that failed */
  pthread_cond_t done;
  uint64_t limit; /* nobody waits longer than this */

  unsigned callers;   /* who wait, in any cycle */
  unsigned in_cycle;  /* of these, who the present cycle will serve */
  unsigned expected;  /* so many will probably come before the next one */
  uint64_t joined_ns; /* when the last one came */
  uint64_t begun_ns, ended_ns, smoothed_ns; /* the last cycle; its length */

  uint64_t cycles, served; /* successful ones, and their callers */
};

/* Prepare a zeroed struct.  0, or an errno. */
int group_init (struct group_commit *g);
void group_destroy (struct group_commit *g);

/* --- for the callers --- */

/* Ask for a cycle.  Returns its number. */
uint64_t group_join (struct group_commit *g, bool commit);

/* Wait for what group_join asked for.  0, or -1 with errno: ETIMEDOUT, or
 * the error of the cycle.
 */
int group_wait (struct group_commit *g, pthread_mutex_t *lock, uint64_t cycle,
                bool commit, uint64_t deadline);

/* Nobody waits longer than this, whatever his own deadline. */
void group_hurry (struct group_commit *g, uint64_t deadline);

/* Has it come?  group_leave then says what group_wait would return. */
bool group_over (const struct group_commit *g, uint64_t cycle, bool commit);
int group_leave (struct group_commit *g, uint64_t cycle, bool commit);

/* --- for whoever writes --- */

/* Nobody writes; somebody waits for the next cycle. */
bool group_idle (const struct group_commit *g);
bool group_wanted (const struct group_commit *g);

/* When to begin the next cycle: 0 = now, else a time (CLOCK_MONOTONIC, ns)
 * until which to wait for further callers.
 */
uint64_t group_hold (const struct group_commit *g);

/* Begin the next cycle.  Returns its number, and whether someone wants it to
 * be a commit.
 */
uint64_t group_begin (struct group_commit *g, bool *commit);

/* The lowering part of the cycle is durable: callers of flush need not wait
 * for what commit does then.
 */
void group_flushed (struct group_commit *g);

/* The cycle ended: 0, or an errno. */
void group_end (struct group_commit *g, bool commit, int err);

/* Nobody knows how the cycle ended.  Its callers wait for the next one. */
void group_abort (struct group_commit *g, bool commit);

/* There will be no cycles any more: everyone who waits gets this error. */
void group_give_up (struct group_commit *g, int err);

#endif /* NBDMIRROR_GROUP_COMMIT_H */
