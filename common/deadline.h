/* SPDX-License-Identifier: BSD-3-Clause */

/* Deadlines: absolute times of CLOCK_MONOTONIC in nanoseconds.  All
 * condition variables that wait with one are made by cond_init_monotonic.
 */

#ifndef NBDMIRROR_DEADLINE_H
#define NBDMIRROR_DEADLINE_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC UINT64_C (1000000000)
#define NSEC_PER_MSEC UINT64_C (1000000)

/* Never. */
#define NO_DEADLINE UINT64_MAX

static inline uint64_t
now_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
}

/* CLOCK_BOOTTIME: also runs while the machine is suspended. */
static inline uint64_t
now_boot_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_BOOTTIME, &ts);
  return (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
}

static inline int
cond_init_monotonic (pthread_cond_t *cond)
{
  pthread_condattr_t attr;
  int err = pthread_condattr_init (&attr);

  if (err == 0) {
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    err = pthread_cond_init (cond, &attr);
    pthread_condattr_destroy (&attr);
  }
  return err;
}

/* pthread_cond_wait that ends at the deadline: 0, or ETIMEDOUT. */
static inline int
cond_wait_until (pthread_cond_t *cond, pthread_mutex_t *lock,
                 uint64_t deadline)
{
  struct timespec ts = {
    .tv_sec = (time_t) (deadline / NSEC_PER_SEC),
    .tv_nsec = (long) (deadline % NSEC_PER_SEC),
  };

  if (deadline == NO_DEADLINE)
    return pthread_cond_wait (cond, lock);
  return pthread_cond_timedwait (cond, lock, &ts);
}

#endif /* NBDMIRROR_DEADLINE_H */
