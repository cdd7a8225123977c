/* SPDX-License-Identifier: BSD-3-Clause */

/* A few threads that run requests.  They are created when needed, up to a
 * maximum, and all gone after pool_stop.
 */

#ifndef NBDMIRROR_POOL_H
#define NBDMIRROR_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "leg.h"

#define POOL_MAX_THREADS 16

struct pool {
  /* Read-only once pool_init returns. */
  void (*run) (struct leg_io *io);

  pthread_mutex_t lock;
  pthread_cond_t wake;
  /* Protected by lock. */
  struct leg_io *first, **last; /* FIFO by io->next */
  size_t nr_threads, nr_idle, nr_queued;
  bool running;

  /* Written with lock held; pool_stop reads it when nobody writes. */
  pthread_t threads[POOL_MAX_THREADS];
};

/* run is called in a thread of the pool, without locks.  0, or an errno. */
int pool_init (struct pool *pool, void (*run) (struct leg_io *io));
void pool_destroy (struct pool *pool); /* after pool_stop */

/* From here to pool_stop requests are taken. */
void pool_start (struct pool *pool);

/* Queue a request.  False: the pool is stopped, or there is no thread and
 * none can be made.
 */
bool pool_submit (struct pool *pool, struct leg_io *io);

/* Take no more requests until pool_start.  Returns the list of requests that
 * were never run; those that run are not waited for.
 */
struct leg_io *pool_halt (struct pool *pool);

/* The same, wait for those that run, and end the threads. */
struct leg_io *pool_stop (struct pool *pool);

#endif /* NBDMIRROR_POOL_H */
