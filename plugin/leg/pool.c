/* SPDX-License-Identifier: BSD-3-Clause */

/* Thread model: submitters queue, threads take from the head of the queue.
 * A new thread is made when more requests wait than threads are idle.
 * pool->lock protects the queue and the counts; run is called without it.
 */

#include "config.h"

#include "cleanup.h"
#include "deadline.h"
#include "pool.h"
#include "thread.h"

/* The next request, or NULL: the pool stops. */
static struct leg_io *
pool_take (struct pool *pool)
{
  struct leg_io *io;

  CLEANUP_LOCK (&pool->lock);
  pool->nr_idle++;
  while (pool->running && !pool->first)
    pthread_cond_wait (&pool->wake, &pool->lock);
  pool->nr_idle--;
  if (!pool->running)
    return NULL;
  io = pool->first;
  pool->first = io->next;
  if (!pool->first)
    pool->last = &pool->first;
  pool->nr_queued--;
  return io;
}

static void *
pool_worker (void *arg)
{
  struct pool *pool = arg;
  struct leg_io *io;

  while ((io = pool_take (pool)) != NULL)
    pool->run (io);
  return NULL;
}

/* Lock held.  A thread that was just made counts as idle only when it asks
 * for work, so a burst makes at most one thread for each request.
 */
static void
pool_grow (struct pool *pool)
{
  if (pool->nr_threads < POOL_MAX_THREADS &&
      thread_start (&pool->threads[pool->nr_threads], "leg-io", pool_worker,
                    pool) == 0)
    pool->nr_threads++;
}

int
pool_init (struct pool *pool, void (*run) (struct leg_io *io))
{
  int err;

  pool->run = run;
  pool->last = &pool->first;
  err = pthread_mutex_init (&pool->lock, NULL);
  if (err == 0)
    err = cond_init_monotonic (&pool->wake);
  return err;
}

void
pool_destroy (struct pool *pool)
{
  pthread_cond_destroy (&pool->wake);
  pthread_mutex_destroy (&pool->lock);
}

void
pool_start (struct pool *pool)
{
  CLEANUP_LOCK (&pool->lock);
  pool->running = true;
}

bool
pool_submit (struct pool *pool, struct leg_io *io)
{
  CLEANUP_LOCK (&pool->lock);
  if (!pool->running)
    return false;
  if (pool->nr_queued >= pool->nr_idle)
    pool_grow (pool);
  if (pool->nr_threads == 0)
    return false;
  io->next = NULL;
  *pool->last = io;
  pool->last = &io->next;
  pool->nr_queued++;
  pthread_cond_signal (&pool->wake);
  return true;
}

struct leg_io *
pool_halt (struct pool *pool)
{
  struct leg_io *left;
  CLEANUP_LOCK (&pool->lock);

  pool->running = false;
  left = pool->first;
  pool->first = NULL;
  pool->last = &pool->first;
  pool->nr_queued = 0;
  pthread_cond_broadcast (&pool->wake);
  return left;
}

struct leg_io *
pool_stop (struct pool *pool)
{
  struct leg_io *left = pool_halt (pool);

  for (size_t i = 0; i < pool->nr_threads; ++i)
    pthread_join (pool->threads[i], NULL);
  pool->nr_threads = 0;
  return left;
}
