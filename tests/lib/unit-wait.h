/* SPDX-License-Identifier: BSD-3-Clause */

/* For the tests of the mirror core: threads, and waiting for a state with a
 * deadline.  Nothing here sleeps for a fixed time.
 */

#ifndef NBDMIRROR_UNIT_WAIT_H
#define NBDMIRROR_UNIT_WAIT_H

#include <check.h>
#include <pthread.h>
#include <sched.h>

#include "deadline.h"

#define PATIENCE_NS (20 * NSEC_PER_SEC)

/* Poll until the condition holds.  For states that no condition variable of
 * the test announces.
 */
#define WAIT_FOR(condition) \
  do { \
    uint64_t wait_end = now_ns () + PATIENCE_NS; \
    while (!(condition)) { \
      struct timespec poll_ts = {.tv_nsec = 200000}; \
      ck_assert_msg (now_ns () < wait_end, "never: %s", #condition); \
      nanosleep (&poll_ts, NULL); \
    } \
  } while (0)

static inline pthread_t
thread_run (void *(*fn) (void *), void *arg)
{
  pthread_t thread;

  ck_assert_int_eq (pthread_create (&thread, NULL, fn, arg), 0);
  return thread;
}

/* A small random number generator, one for each thread: rand () takes a lock
 * that would order the threads.
 */
static inline uint64_t
random_next (uint64_t *state)
{
  *state = *state * UINT64_C (6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

#endif /* NBDMIRROR_UNIT_WAIT_H */
