/* SPDX-License-Identifier: BSD-3-Clause */

/* Calls of the kernel that can be left behind.
 *
 * Nothing bounds the time of a call for a local leg, and nothing ends it.  So
 * that who waits for it can go on when the leg is lost, the thread in it works
 * on a copy: of the request, and of its data.
 *
 *  1. A request is here from aside_begin to aside_end.  aside_leave takes it
 *     away from the call meanwhile: the request is for the caller of that to
 *     answer, and the call has nothing of it any more, whenever it ends and
 *     whatever it does.
 *  2. A call that was left behind may still change the leg.  Who owns the leg
 *     keeps it, and opens it anew only when all its calls have ended: they
 *     are in threads that are joined before.
 */

#ifndef NBDMIRROR_ASIDE_H
#define NBDMIRROR_ASIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "leg.h"

/* What the buf of a LEG_CALL points to: see leg_aside. */
struct aside_job {
  int (*run) (void *arg);
  void *arg;
  size_t size;
};

struct aside_call {
  struct leg_io io; /* the copy that the kernel works on */

  /* Private. */
  struct leg_io *asked; /* NULL: it was left behind */
  struct aside_job job;
  char *data;
  struct aside_call *next, *prev;
};

struct aside {
  pthread_mutex_t lock;
  /* Protected by lock. */
  struct aside_call *first; /* calls under way */
  struct aside_call *idle;  /* kept with their memory */
  bool left;                /* since aside_start */
};

/* 0, or an errno. */
int aside_init (struct aside *a);
void aside_destroy (struct aside *a); /* no call is under way */

/* Requests may begin, until aside_leave. */
void aside_start (struct aside *a);

/* A request of at most LEG_ASIDE_MAX bytes of data.  NULL with errno: it can't
 * be done, and stays the caller's to answer.
 */
struct aside_call *aside_begin (struct aside *a, struct leg_io *io);

/* The call has ended.  Returns the request, with the data that it asked for if
 * done, and the arg of a LEG_CALL; NULL: it is answered already.  call is given
 * back.
 */
struct leg_io *aside_end (struct aside *a, struct aside_call *call, bool done);

/* Take away all requests, and let none begin.  Returns them as a list by
 * next.
 */
struct leg_io *aside_leave (struct aside *a);

/* Free what is idle. */
void aside_trim (struct aside *a);

#endif /* NBDMIRROR_ASIDE_H */
