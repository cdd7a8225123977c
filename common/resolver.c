/* SPDX-License-Identifier: BSD-3-Clause */

/* A question is shared by the thread that asks it and its resolver, and who
 * leaves it second frees it.
 *
 * A process that was forked has no such thread, and the state of the lock that
 * it got is the state of that moment: it just forgets the question.
 */

#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "resolver.h"
#include "thread.h"

/* How soon stop is noticed. */
#define LOOK_NS (100 * NSEC_PER_MSEC)

struct answer {
  struct host_address found[RESOLVER_MAX];
  int nr;
  const char *why;
};

struct question {
  pid_t pid; /* whose thread it is */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Protected by lock. */
  bool answered, abandoned;
  struct answer answer;

  char host[];
};

struct resolver {
  struct question *question; /* NULL: none under way */
  char host[];
};

/* --- asking --- */

/* figures: without asking anybody; no address if it is a name. */
static void
look_up (const char *host, bool figures, struct answer *answer)
{
  const struct addrinfo hints = {.ai_flags = figures ? AI_NUMERICHOST : 0,
                                 .ai_socktype = SOCK_STREAM};
  struct addrinfo *list;
  int err = getaddrinfo (host, NULL, &hints, &list);

  answer->nr = 0;
  if (err == EAI_NONAME && figures)
    return;
  if (err != 0) {
    answer->nr = -1;
    answer->why = gai_strerror (err);
    return;
  }
  for (const struct addrinfo *ai = list; ai && answer->nr < RESOLVER_MAX;
       ai = ai->ai_next) {
    struct host_address *a = &answer->found[answer->nr++];

    memcpy (&a->addr, ai->ai_addr, ai->ai_addrlen);
    a->len = ai->ai_addrlen;
  }
  freeaddrinfo (list);
}

static void
question_free (struct question *q)
{
  pthread_cond_destroy (&q->changed);
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
  pthread_cond_signal (&q->changed);
  return q->abandoned;
}

static void *
ask (void *opaque)
{
  struct question *q = opaque;
  struct answer answer = {.nr = 0};

  look_up (q->host, false, &answer);
  if (put_answer (q, &answer))
    question_free (q);
  return NULL;
}

/* NULL with errno. */
static struct question *
question_new (const char *host)
{
  struct question *q = calloc (1, sizeof *q + strlen (host) + 1);
  int err;

  if (!q)
    return NULL;
  strcpy (q->host, host);
  q->pid = getpid ();
  err = pthread_mutex_init (&q->lock, NULL);
  if (err == 0)
    err = cond_init_monotonic (&q->changed);
  if (err == 0)
    return q;
  free (q);
  errno = err;
  return NULL;
}

/* NULL with errno. */
static struct question *
question_ask (const char *host)
{
  struct question *q = question_new (host);
  pthread_t thread;

  if (!q)
    return NULL;
  if (thread_start (&thread, "resolver", ask, q) == -1) {
    int err = errno;

    question_free (q);
    errno = err;
    return NULL;
  }
  pthread_detach (thread);
  return q;
}

/* --- waiting --- */

/* Returns true if there is an answer. */
static bool
question_wait (struct question *q, uint64_t deadline, const atomic_bool *stop)
{
  uint64_t now = now_ns ();

  CLEANUP_LOCK (&q->lock);
  while (!q->answered && now < deadline && !(stop && atomic_load (stop))) {
    cond_wait_until (&q->changed, &q->lock,
                     now + LOOK_NS < deadline ? now + LOOK_NS : deadline);
    now = now_ns ();
  }
  return q->answered;
}

/* Returns true if the thread has left it. */
static bool
question_abandon (struct question *q)
{
  CLEANUP_LOCK (&q->lock);
  q->abandoned = true;
  return q->answered;
}

static void
forget_parents_question (struct resolver *r)
{
  if (!r->question || r->question->pid == getpid ())
    return;
  free (r->question);
  r->question = NULL;
}

static void
ask_system (struct resolver *r, uint64_t deadline, const atomic_bool *stop,
            struct answer *answer)
{
  answer->nr = -1;
  answer->why = "out of memory, or of threads";
  if (!r->question)
    r->question = question_ask (r->host);
  if (!r->question)
    return;
  answer->why = "its address could not be looked up in time";
  if (!question_wait (r->question, deadline, stop))
    return;
  *answer = r->question->answer;
  question_free (r->question);
  r->question = NULL;
}

/* --- interface --- */

struct resolver *
resolver_new (const char *host)
{
  struct resolver *r = calloc (1, sizeof *r + strlen (host) + 1);

  if (r)
    strcpy (r->host, host);
  return r;
}

void
resolver_free (struct resolver *r)
{
  if (!r)
    return;
  forget_parents_question (r);
  if (r->question && question_abandon (r->question))
    question_free (r->question);
  free (r);
}

int
resolver_ask (struct resolver *r, uint64_t deadline, const atomic_bool *stop,
              struct host_address *found, const char **why)
{
  struct answer answer = {.nr = 0};

  forget_parents_question (r);
  look_up (r->host, true, &answer);
  if (answer.nr == 0)
    ask_system (r, deadline, stop, &answer);
  if (answer.nr == -1)
    *why = answer.why;
  else
    memcpy (found, answer.found, sizeof answer.found);
  return answer.nr;
}
