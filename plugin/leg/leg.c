/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs: names, kinds and life cycle.  Requests are in leg-io.c. */

#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "msg.h"
#include "leg-base.h"
#include "leg-gate.h"
#include "leg-name.h"
#include "leg-ops.h"
#include "nbd-identity.h"

struct leg *
leg_new (const char *name, const struct leg_options *options)
{
  struct leg *leg;

  if (name[0] == '\0') {
    msg_error ("leg: the name is empty");
    errno = EINVAL;
    return NULL;
  }
  if (leg_name_has_scheme (name) && !leg_name_is_nbd (name)) {
    msg_error ("leg %s: unknown scheme; a leg is a path or a URI with one of "
               "these schemes: " LEG_NBD_SCHEMES,
               name);
    errno = EINVAL;
    return NULL;
  }
  leg = leg_name_is_nbd (name) ? leg_nbd_new (name, options)
                               : leg_file_new (name, options);
  if (!leg && errno == EINVAL)
    msg_error ("leg %s: names no export; see nbd_connect_uri(3)", name);
  else if (!leg)
    msg_error ("leg %s: %m", name);
  return leg;
}

static int
run_medium (struct leg *leg)
{
  if (leg->ops->run (leg) == -1)
    return -1;
  if (!atomic_load (&leg->cancelled))
    return 0;
  errno = ECANCELED;
  leg_report (leg, "%m");
  return -1;
}

/* Serve.  -1 with the error reported, and stopped again. */
static int
leg_serve (struct leg *leg)
{
  atomic_store (&leg->refusal, 0);
  if (run_medium (leg) == -1) {
    int err = errno;

    leg_quiesce (leg);
    errno = err;
    return -1;
  }
  return 0;
}

/* As leg_serve; nothing that was found out earlier counts. */
static int
serve_anew (struct leg *leg)
{
  atomic_store (&leg->no_zero, false);
  atomic_store (&leg->no_trim, false);
  atomic_store (&leg->lost, false);
  atomic_store (&leg->flush_error, 0);
  return leg_serve (leg);
}

int
leg_open (struct leg *leg, unsigned flags)
{
  if (leg->ops->open (leg, flags) == -1)
    return -1;
  atomic_store (&leg->distrusted, false);
  if (serve_anew (leg) == -1) {
    leg->ops->close (leg);
    return -1;
  }
  return 0;
}

void
leg_quiesce (struct leg *leg)
{
  leg_refuse (leg, ENOTCONN);
  leg_gate_fail_waiters (leg);
  leg->ops->stop (leg);
}

int
leg_start (struct leg *leg)
{
  if (atomic_load (&leg->lost)) {
    char why[LEG_ERROR_SIZE];

    leg_last_error (leg, why, sizeof why);
    leg_report (leg, "%s", why);
    errno = atomic_load (&leg->refusal);
    return -1;
  }
  if (leg->ops->reopen (leg) == -1)
    return -1;
  return leg_serve (leg);
}

int
leg_reconnect (struct leg *leg)
{
  leg_quiesce (leg);
  return leg->ops->reopen (leg) == -1 ? -1 : serve_anew (leg);
}

void
leg_look (struct leg *leg, struct leg_sight *sight)
{
  memset (sight, 0, sizeof *sight);
  if (leg->ops->look)
    leg->ops->look (leg, sight);
}

int
leg_measure (struct leg *leg, uint64_t *size)
{
  *size = leg->size;
  return leg->ops->measure ? leg->ops->measure (leg, size) : 0;
}

void
leg_close (struct leg *leg)
{
  leg_quiesce (leg);
  leg->ops->close (leg);
}

void
leg_cancel (struct leg *leg)
{
  atomic_store (&leg->cancelled, true);
  leg_lose (leg, ECANCELED, "not wanted any more");
}

void
leg_free (struct leg *leg)
{
  if (!leg)
    return;
  leg_close (leg);
  pthread_mutex_destroy (&leg->lock);
  free (leg->name);
  leg->ops->destroy (leg);
}

static void
leg_run_done (struct leg_io *io)
{
  sem_post (io->opaque);
}

int
leg_run (struct leg *leg, enum leg_op op, unsigned flags, void *buf,
         uint64_t offset, uint64_t count)
{
  sem_t done;
  struct leg_io io = {
    .op = op,
    .flags = flags,
    .buf = buf,
    .offset = offset,
    .count = count,
    .done = leg_run_done,
    .opaque = &done,
  };

  sem_init (&done, 0, 0);
  leg_submit (leg, &io);
  while (sem_wait (&done) == -1 && errno == EINTR)
    ;
  sem_destroy (&done);
  if (io.error != 0) {
    errno = io.error;
    return -1;
  }
  return 0;
}

int
leg_aside (struct leg *leg, int (*run) (void *arg), void *arg, size_t size)
{
  struct aside_job job = {.run = run, .arg = arg, .size = size};

  return leg->ops->aside ? leg->ops->aside (leg, &job) : run (arg);
}

int
leg_settle (struct leg *leg)
{
  if (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0) == 0)
    return 0;
  leg_report (leg, "flush: %m");
  return -1;
}

bool
leg_has_id (const struct leg *leg, uint32_t kind,
            const uint8_t id[LEG_ID_SIZE])
{
  uint8_t old[LEG_ID_SIZE];

  if (kind != (uint32_t) leg->kind)
    return false;
  if (memcmp (id, leg->id, LEG_ID_SIZE) == 0)
    return true;
  if (leg->kind != LEG_NBD)
    return false;
  nbd_identity_old_hash (leg->name, old);
  return memcmp (id, old, LEG_ID_SIZE) == 0;
}
