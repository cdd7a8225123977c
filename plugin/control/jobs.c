/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "control-commands.h"
#include "deadline.h"
#include "jobs.h"
#include "order.h"
#include "thread.h"

#define GO_ON_NS (500 * NSEC_PER_MSEC)

struct queue {
  struct job *first, **end;
};

struct jobs {
  struct mirror *m;
  void (*on_done) (void *opaque);
  void *opaque;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t cond;

  /* Protected by lock. */
  struct queue waiting, done;
  bool stop;
};

static void
queue_put (struct queue *q, struct job *job)
{
  job->next = NULL;
  *q->end = job;
  q->end = &job->next;
}

static struct job *
queue_take (struct queue *q)
{
  struct job *job = q->first;

  if (!job)
    return NULL;
  q->first = job->next;
  if (!q->first)
    q->end = &q->first;
  return job;
}

/* NULL at the end, or when it is time to look after what earlier ones left. */
static struct job *
next_job (struct jobs *j, bool pending, bool *stop)
{
  uint64_t until = pending ? now_ns () + GO_ON_NS : NO_DEADLINE;
  CLEANUP_LOCK (&j->lock);

  while (!j->stop && !j->waiting.first)
    if (cond_wait_until (&j->cond, &j->lock, until) == ETIMEDOUT)
      break;
  *stop = j->stop;
  return j->stop ? NULL : queue_take (&j->waiting);
}

static void
run_job (struct jobs *j, struct job *job)
{
  job->reply = control_order (j->m, job->request);
  {
    CLEANUP_LOCK (&j->lock);
    queue_put (&j->done, job);
  }
  j->on_done (j->opaque);
}

static void *
jobs_thread (void *opaque)
{
  struct jobs *j = opaque;
  bool pending = mirror_orders_go_on (j->m), stop;
  struct job *job;

  for (;;) {
    job = next_job (j, pending, &stop);
    if (stop)
      return NULL;
    if (job != NULL)
      run_job (j, job);
    pending = mirror_orders_go_on (j->m);
  }
}

struct jobs *
jobs_start (struct mirror *m, void (*on_done) (void *opaque), void *opaque)
{
  struct jobs *j = calloc (1, sizeof *j);

  if (!j)
    return NULL;
  j->m = m;
  j->on_done = on_done;
  j->opaque = opaque;
  j->waiting.end = &j->waiting.first;
  j->done.end = &j->done.first;
  pthread_mutex_init (&j->lock, NULL);
  cond_init_monotonic (&j->cond);
  if (thread_start (&j->thread, "mirror-orders", jobs_thread, j) == -1) {
    j->stop = true;
    jobs_free (j);
    return NULL;
  }
  return j;
}

void
jobs_stop (struct jobs *j)
{
  {
    CLEANUP_LOCK (&j->lock);
    j->stop = true;
    pthread_cond_broadcast (&j->cond);
  }
  pthread_join (j->thread, NULL);
}

void
job_free (struct job *job)
{
  json_object_put (job->request);
  json_object_put (job->reply);
  free (job);
}

void
jobs_free (struct jobs *j)
{
  struct job *job;

  if (!j)
    return;
  while ((job = queue_take (&j->waiting)) != NULL ||
         (job = queue_take (&j->done)) != NULL)
    job_free (job);
  pthread_cond_destroy (&j->cond);
  pthread_mutex_destroy (&j->lock);
  free (j);
}

struct job *
jobs_add (struct jobs *j, struct json_object *request, void *client)
{
  struct job *job = calloc (1, sizeof *job);

  if (!job) {
    json_object_put (request);
    return NULL;
  }
  job->request = request;
  job->client = client;
  CLEANUP_LOCK (&j->lock);
  queue_put (&j->waiting, job);
  pthread_cond_broadcast (&j->cond);
  return job;
}

void
jobs_forget (struct jobs *j, struct job *job)
{
  CLEANUP_LOCK (&j->lock);
  job->client = NULL;
}

struct job *
jobs_take_done (struct jobs *j)
{
  CLEANUP_LOCK (&j->lock);
  return queue_take (&j->done);
}
