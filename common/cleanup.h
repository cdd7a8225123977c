/* SPDX-License-Identifier: BSD-3-Clause */

/* Cleanup at the end of a scope. */

#ifndef NBDMIRROR_CLEANUP_H
#define NBDMIRROR_CLEANUP_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free (void *ptr)
{
  free (*(void **) ptr);
}

static inline void
cleanup_close (int *fd)
{
  int err = errno;

  if (*fd >= 0)
    close (*fd);
  errno = err;
}

static inline void
cleanup_unlock (pthread_mutex_t **lock)
{
  pthread_mutex_unlock (*lock);
}

static inline pthread_mutex_t *
cleanup_lock (pthread_mutex_t *lock)
{
  pthread_mutex_lock (lock);
  return lock;
}

#define CLEANUP_FREE __attribute__ ((cleanup (cleanup_free)))
#define CLEANUP_CLOSE __attribute__ ((cleanup (cleanup_close)))

/* Hold 'lock' from here to the end of the enclosing braces. */
#define CLEANUP_LOCK(lock) \
  __attribute__ ((cleanup (cleanup_unlock))) pthread_mutex_t *scope_lock = \
    cleanup_lock (lock); \
  (void) scope_lock

#endif /* NBDMIRROR_CLEANUP_H */
