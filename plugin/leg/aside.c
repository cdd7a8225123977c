/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aside.h"
#include "cleanup.h"

int
aside_init (struct aside *a)
{
  return pthread_mutex_init (&a->lock, NULL);
}

void
aside_trim (struct aside *a)
{
  CLEANUP_LOCK (&a->lock);

  while (a->idle) {
    struct aside_call *call = a->idle;

    a->idle = call->next;
    free (call->data);
    free (call);
  }
}

void
aside_destroy (struct aside *a)
{
  aside_trim (a);
  pthread_mutex_destroy (&a->lock);
}

void
aside_start (struct aside *a)
{
  CLEANUP_LOCK (&a->lock);
  a->left = false;
}

static struct aside_call *
new_call (void)
{
  struct aside_call *call = calloc (1, sizeof *call);

  if (call)
    call->data = malloc (LEG_ASIDE_MAX);
  if (call && call->data)
    return call;
  free (call);
  return NULL;
}

static struct aside_call *
take_idle (struct aside *a)
{
  struct aside_call *call;
  CLEANUP_LOCK (&a->lock);

  call = a->idle;
  if (call)
    a->idle = call->next;
  return call;
}

static void
give_back_locked (struct aside *a, struct aside_call *call)
{
  call->next = a->idle;
  a->idle = call;
}

/* Data that go to the kernel. */
static void
copy_in (struct aside_call *call, const struct leg_io *io)
{
  call->io = *io;
  call->asked = (struct leg_io *) io;
  if (io->op == LEG_CALL) {
    call->job = *(const struct aside_job *) io->buf;
    memcpy (call->data, call->job.arg, call->job.size);
    call->job.arg = call->data;
    call->io.buf = &call->job;
  }
  else {
    call->io.buf = call->data;
    if (io->op == LEG_WRITE)
      memcpy (call->data, io->buf, io->count);
  }
}

static void
copy_out (const struct aside_call *call, const struct leg_io *io)
{
  if (io->op == LEG_CALL)
    memcpy (((struct aside_job *) io->buf)->arg, call->data, call->job.size);
  else if (io->op == LEG_READ)
    memcpy (io->buf, call->data, io->count);
}

/* False: it is too late. */
static bool
enter (struct aside *a, struct aside_call *call)
{
  CLEANUP_LOCK (&a->lock);

  if (a->left) {
    give_back_locked (a, call);
    return false;
  }
  call->prev = NULL;
  call->next = a->first;
  if (a->first)
    a->first->prev = call;
  a->first = call;
  return true;
}

static void
unlink_locked (struct aside *a, struct aside_call *call)
{
  if (call->prev)
    call->prev->next = call->next;
  else
    a->first = call->next;
  if (call->next)
    call->next->prev = call->prev;
}

struct aside_call *
aside_begin (struct aside *a, struct leg_io *io)
{
  struct aside_call *call = take_idle (a);

  if (!call)
    call = new_call ();
  if (!call) {
    errno = ENOMEM;
    return NULL;
  }
  copy_in (call, io);
  if (enter (a, call))
    return call;
  errno = ENOTCONN;
  return NULL;
}

struct leg_io *
aside_end (struct aside *a, struct aside_call *call, bool done)
{
  struct leg_io *io;

  {
    CLEANUP_LOCK (&a->lock);
    io = call->asked;
    if (io)
      unlink_locked (a, call);
  }
  if (io && (done || io->op == LEG_CALL))
    copy_out (call, io);
  CLEANUP_LOCK (&a->lock);
  give_back_locked (a, call);
  return io;
}

struct leg_io *
aside_leave (struct aside *a)
{
  struct leg_io *list = NULL;
  CLEANUP_LOCK (&a->lock);

  a->left = true;
  while (a->first) {
    struct aside_call *call = a->first;

    unlink_locked (a, call);
    call->asked->next = list;
    list = call->asked;
    call->asked = NULL;
  }
  return list;
}
