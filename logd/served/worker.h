/* SPDX-License-Identifier: BSD-3-Clause */

/* A thread that does what blocks, in order, for the event loop: each open
 * log has one.
 *
 * A job's run is called in the worker's thread; it ends with job_finish,
 * and then done is called in the loop's thread, in the order of job_finish.
 * From worker_queue to done the job belongs to the worker.
 */

#ifndef NBDMIRROR_WORKER_H
#define NBDMIRROR_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

struct worker;

struct job {
  /* May block.  A job that gathers gets all jobs that directly follow it in
   * the queue and have the same run, linked by next; others come alone.
   * job_finish for each.
   */
  void (*run) (struct job *batch);
  bool gather;

  void (*done) (struct job *job); /* may free the job */

  /* The worker's. */
  struct job *next;
  struct worker *worker;
};

/* A list of jobs.  tail: where the next one is put. */
struct job_queue {
  struct job *head, **tail;
};

/* Jobs that are finished, on their way to the loop. */
struct completions {
  /* Read-only once completions_start returned. */
  struct ev_loop *loop;
  ev_async async;

  pthread_mutex_t lock;

  /* Protected by lock. */
  struct job_queue queue;
};

/* 0, or -1 with the error reported. */
int completions_start (struct completions *c, struct ev_loop *loop);
void completions_stop (struct completions *c);

/* NULL with errno. */
struct worker *worker_start (struct completions *c, const char *name);

/* Loop thread. */
void worker_queue (struct worker *w, struct job *job);

/* Any thread that runs a job. */
void job_finish (struct job *job);

/* End an idle worker, or do nothing if it is NULL. */
void worker_end (struct worker *w);

#endif /* NBDMIRROR_WORKER_H */
