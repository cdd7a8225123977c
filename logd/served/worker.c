/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "msg.h"
#include "thread.h"
#include "worker.h"

#define STACK_SIZE ((size_t) 256 << 10)

struct worker {
  /* Read-only once worker_start returned. */
  struct completions *completions;
  pthread_t thread;

  pthread_mutex_t lock;
  pthread_cond_t cond;

  /* Protected by lock. */
  struct job_queue queue;
  bool stop;
};

static void
queue_init (struct job_queue *q)
{
  q->head = NULL;
  q->tail = &q->head;
}

static void
queue_put (struct job_queue *q, struct job *job)
{
  job->next = NULL;
  *q->tail = job;
  q->tail = &job->next;
}

/* The first job, and those that it gathers. */
static struct job *
queue_take (struct job_queue *q)
{
  struct job *batch = q->head, *last = batch;

  while (batch->gather && last->next && last->next->run == batch->run)
    last = last->next;
  q->head = last->next;
  if (!q->head)
    q->tail = &q->head;
  last->next = NULL;
  return batch;
}

/* --- completions --- */

static void
on_completions (struct ev_loop *loop, ev_async *w, int revents)
{
  struct completions *c = w->data;
  struct job *job, *next;

  (void) loop;
  (void) revents;
  {
    CLEANUP_LOCK (&c->lock);
    job = c->queue.head;
    queue_init (&c->queue);
  }
  for (; job; job = next) {
    next = job->next;
    job->done (job);
  }
}

int
completions_start (struct completions *c, struct ev_loop *loop)
{
  int err = pthread_mutex_init (&c->lock, NULL);

  if (err) {
    errno = err;
    msg_error ("mutex: %m");
    return -1;
  }
  queue_init (&c->queue);
  c->loop = loop;
  ev_async_init (&c->async, on_completions);
  c->async.data = c;
  ev_async_start (loop, &c->async);
  return 0;
}

void
completions_stop (struct completions *c)
{
  ev_async_stop (c->loop, &c->async);
  pthread_mutex_destroy (&c->lock);
}

void
job_finish (struct job *job)
{
  struct completions *c = job->worker->completions;

  {
    CLEANUP_LOCK (&c->lock);
    queue_put (&c->queue, job);
  }
  ev_async_send (c->loop, &c->async);
}

/* --- the thread --- */

static struct job *
next_batch (struct worker *w)
{
  CLEANUP_LOCK (&w->lock);

  while (!w->queue.head && !w->stop)
    pthread_cond_wait (&w->cond, &w->lock);
  return w->queue.head ? queue_take (&w->queue) : NULL;
}

static void *
worker_thread (void *arg)
{
  struct worker *w = arg;
  struct job *batch;

  while ((batch = next_batch (w)))
    batch->run (batch);
  return NULL;
}

struct worker *
worker_start (struct completions *c, const char *name)
{
  struct worker *w = calloc (1, sizeof *w);
  int err;

  if (!w)
    return NULL;
  w->completions = c;
  queue_init (&w->queue);
  pthread_mutex_init (&w->lock, NULL);
  pthread_cond_init (&w->cond, NULL);
  if (thread_start_small (&w->thread, name, worker_thread, w, STACK_SIZE) == 0)
    return w;
  err = errno;
  pthread_mutex_destroy (&w->lock);
  pthread_cond_destroy (&w->cond);
  free (w);
  errno = err;
  return NULL;
}

void
worker_queue (struct worker *w, struct job *job)
{
  CLEANUP_LOCK (&w->lock);

  job->worker = w;
  queue_put (&w->queue, job);
  pthread_cond_signal (&w->cond);
}

void
worker_end (struct worker *w)
{
  if (!w)
    return;
  {
    CLEANUP_LOCK (&w->lock);
    w->stop = true;
    pthread_cond_signal (&w->cond);
  }
  pthread_join (w->thread, NULL);
  pthread_mutex_destroy (&w->lock);
  pthread_cond_destroy (&w->cond);
  free (w);
}
