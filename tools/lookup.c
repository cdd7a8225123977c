/* SPDX-License-Identifier: BSD-3-Clause */

/* DNS has timeouts of its own, and no way to end a question: it is asked in
 * a thread, which is left behind when time is over.
 */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "lookup.h"

struct question {
  struct address address;

  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool answered, abandoned; /* who comes second frees it */
  struct resolved found[LOOKUP_MAX];
  int nr;
  const char *why;
};

static struct question *
question_new (const struct address *a)
{
  struct question *q = calloc (1, sizeof *q);

  if (q == NULL || cond_init_monotonic (&q->changed) != 0) {
    free (q);
    return NULL;
  }
  pthread_mutex_init (&q->lock, NULL);
  q->address = *a;
  return q;
}

static void
question_free (struct question *q)
{
  pthread_mutex_destroy (&q->lock);
  pthread_cond_destroy (&q->changed);
  free (q);
}

static void *
ask (void *arg)
{
  struct question *q = arg;
  struct resolved found[LOOKUP_MAX];
  const char *why = NULL;
  int nr = address_resolve (&q->address, false, found, LOOKUP_MAX, &why);
  bool abandoned;

  {
    CLEANUP_LOCK (&q->lock);
    abandoned = q->abandoned;
    q->answered = true;
    q->nr = nr;
    q->why = why;
    if (nr > 0)
      memcpy (q->found, found, (size_t) nr * sizeof found[0]);
    pthread_cond_signal (&q->changed);
  }
  if (abandoned)
    question_free (q);
  return NULL;
}

/* In time? */
static bool
wait_answer (struct question *q, uint64_t deadline)
{
  CLEANUP_LOCK (&q->lock);

  while (!q->answered &&
         cond_wait_until (&q->changed, &q->lock, deadline) != ETIMEDOUT)
    ;
  q->abandoned = !q->answered;
  return q->answered;
}

static int
take_answer (struct question *q, struct resolved out[LOOKUP_MAX],
             uint64_t deadline, const char **why)
{
  int nr;

  if (!wait_answer (q, deadline)) {
    *why = "its address could not be looked up in time";
    return -1;
  }
  nr = q->nr;
  *why = q->why;
  if (nr > 0)
    memcpy (out, q->found, (size_t) nr * sizeof out[0]);
  question_free (q);
  return nr;
}

int
lookup (const struct address *a, struct resolved out[LOOKUP_MAX],
        uint64_t deadline, const char **why)
{
  struct question *q = question_new (a);
  pthread_t thread;

  if (q == NULL || pthread_create (&thread, NULL, ask, q) != 0) {
    if (q)
      question_free (q);
    *why = "out of memory, or of threads";
    return -1;
  }
  pthread_detach (thread);
  return take_answer (q, out, deadline, why);
}
