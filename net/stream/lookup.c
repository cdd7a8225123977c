/* SPDX-License-Identifier: BSD-3-Clause */

/* A question is shared by the loop and the thread that asks it, so it has a
 * lock, and who leaves it second frees it.  The thread touches the loop only
 * with this lock held, and only while the loop waits.
 *
 * A process that was forked has no such threads, and the state of the lock
 * that it got is the state of that moment: it just forgets the question.
 */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ev-util.h"
#include "lookup.h"
#include "thread.h"

struct answer {
  struct resolved found[LOOKUP_MAX];
  int nr;
  const char *why;
};

struct question {
  /* Read-only once the thread runs. */
  struct address address;
  struct ev_loop *loop;
  pid_t pid; /* whose thread it is */

  pthread_mutex_t lock;

  /* Protected by lock. */
  ev_async *waiter; /* NULL: the loop does not wait */
  bool answered, abandoned;
  struct answer answer;
};

struct lookup {
  struct ev_loop *loop;
  struct address address;
  lookup_fn *done;
  void *opaque;

  struct question *question; /* or NULL: none under way */
  ev_async answered;
  ev_timer timer;
  ev_prepare later; /* for what is known at once, in answer: see ev_later */
  struct answer answer;
};

/* --- the thread --- */

static void
question_free (struct question *q)
{
  pthread_mutex_destroy (&q->lock);
  free (q);
}

/* Returns true if nobody wants it. */
static bool
put_answer (struct question *q, const struct answer *answer)
{
  CLEANUP_LOCK (&q->lock);

  q->answer = *answer;
  q->answered = true;
  if (q->waiter)
    ev_async_send (q->loop, q->waiter);
  return q->abandoned;
}

static void *
ask (void *opaque)
{
  struct question *q = opaque;
  struct answer answer = {.nr = 0};

  answer.nr = address_resolve (&q->address, false, answer.found, LOOKUP_MAX,
                               &answer.why);
  if (put_answer (q, &answer))
    question_free (q);
  return NULL;
}

/* NULL with errno. */
static struct question *
question_ask (const struct lookup *l)
{
  struct question *q = calloc (1, sizeof *q);
  pthread_t thread;

  if (q == NULL)
    return NULL;
  q->address = l->address;
  q->loop = l->loop;
  q->pid = getpid ();
  pthread_mutex_init (&q->lock, NULL);
  if (thread_start (&thread, "lookup", ask, q) == -1) {
    question_free (q);
    return NULL;
  }
  pthread_detach (thread);
  return q;
}

/* --- the loop --- */

/* Wait, or do not any more.  Returns true if it is answered. */
static bool
question_wait (struct question *q, ev_async *waiter)
{
  CLEANUP_LOCK (&q->lock);

  q->waiter = q->answered ? NULL : waiter;
  return q->answered;
}

/* Returns true if the thread has left it. */
static bool
question_abandon (struct question *q)
{
  CLEANUP_LOCK (&q->lock);

  q->waiter = NULL;
  q->abandoned = true;
  return q->answered;
}

static void
forget_parents_question (struct lookup *l)
{
  if (l->question == NULL || l->question->pid == getpid ())
    return;
  free (l->question);
  l->question = NULL;
}

static void
stop_watchers (struct lookup *l)
{
  ev_async_stop (l->loop, &l->answered);
  ev_timer_stop (l->loop, &l->timer);
  ev_later_stop (l->loop, &l->later);
}

static void
lookup_finish (struct lookup *l, const struct answer *answer)
{
  const struct answer copy = *answer; /* the lookup may be freed */

  lookup_stop (l);
  l->done (l->opaque, copy.found, copy.nr, copy.why);
}

/* The question was answered. */
static void
take_answer (struct lookup *l)
{
  struct question *q = l->question;

  l->answer = q->answer;
  l->question = NULL;
  question_free (q);
  lookup_finish (l, &l->answer);
}

static void
on_answered (struct ev_loop *loop, ev_async *w, int revents)
{
  struct lookup *l = w->data;

  (void) loop;
  (void) revents;
  if (question_wait (l->question, &l->answered))
    take_answer (l);
}

static void
on_timer (struct ev_loop *loop, ev_timer *w, int revents)
{
  static const struct answer late = {
    .nr = -1,
    .why = "its address could not be looked up in time",
  };
  struct lookup *l = w->data;

  (void) loop;
  (void) revents;
  if (question_wait (l->question, NULL))
    take_answer (l);
  else
    lookup_finish (l, &late);
}

static void
on_later (struct ev_loop *loop, ev_prepare *w, int revents)
{
  struct lookup *l = w->data;

  (void) loop;
  (void) revents;
  if (l->question)
    take_answer (l);
  else
    lookup_finish (l, &l->answer);
}

/* --- interface --- */

struct lookup *
lookup_new (struct ev_loop *loop, const struct address *address,
            lookup_fn *done, void *opaque)
{
  struct lookup *l = calloc (1, sizeof *l);

  if (l == NULL)
    return NULL;
  l->loop = loop;
  l->address = *address;
  l->done = done;
  l->opaque = opaque;
  ev_async_init (&l->answered, on_answered);
  l->answered.data = l;
  ev_timer_setup (&l->timer, on_timer, l);
  ev_later_setup (&l->later, on_later, l);
  return l;
}

/* Returns true if the answer is known at once. */
static bool
lookup_begin (struct lookup *l)
{
  struct answer *a = &l->answer;

  if (l->question == NULL) {
    a->nr =
      address_resolve_figures (&l->address, a->found, LOOKUP_MAX, &a->why);
    if (a->nr != 0)
      return true;
    l->question = question_ask (l);
  }
  if (l->question == NULL) {
    *a = (struct answer){.nr = -1, .why = "out of memory, or of threads"};
    return true;
  }
  return false;
}

void
lookup_start (struct lookup *l, double seconds)
{
  forget_parents_question (l);
  lookup_stop (l);
  ev_async_start (l->loop, &l->answered);
  if (lookup_begin (l) || question_wait (l->question, &l->answered))
    ev_later (l->loop, &l->later);
  else
    ev_timer_in (l->loop, &l->timer, seconds);
}

void
lookup_stop (struct lookup *l)
{
  forget_parents_question (l);
  if (l->question)
    question_wait (l->question, NULL);
  stop_watchers (l);
}

void
lookup_free (struct lookup *l)
{
  if (l == NULL)
    return;
  lookup_stop (l);
  if (l->question && question_abandon (l->question))
    question_free (l->question);
  free (l);
}
