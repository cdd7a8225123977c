/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "depot.h"
#include "dirty-log.h"
#include "log-life.h"
#include "logd.h"
#include "msg-logd.h"
#include "msg.h"
#include "served-open.h"
#include "served.h"

/* --- open --- */

struct open_job {
  struct job job;
  struct served *served;
  struct depot *depot;
  char name[PROTO_MAX_NAME + 1];
  bool memory, read_lease;
  bool take; /* a seat, before anything else */
  struct seat *seat;
  unsigned flags;
  served_opened *opened;
  void *opaque;
  struct lease_record record;
  struct dirty_log *log;
  enum proto_error error;
  char text[TEXT_SIZE];
};

/* A name stands for one log: in memory, or on disk. */
static struct dirty_log *
open_memory (const struct open_job *o)
{
  int r = o->depot->ops->exists (o->depot, o->seat, o->name);

  if (r == 0)
    return dirty_log_open ("core", 0);
  if (r == 1)
    msg_error ("log %s: is on disk, not in memory", o->name);
  return NULL;
}

static struct dirty_log *
open_log (struct open_job *o)
{
  const struct depot_ops *ops = o->depot->ops;

  if (o->memory)
    return open_memory (o);
  if (o->read_lease &&
      ops->read_lease (o->depot, o->seat, o->name, &o->record) == -1)
    return NULL;
  return ops->open (o->depot, o->seat, o->name, o->flags);
}

/* Who only reads a log that has no server takes it from nobody. */
static int
get_seat (struct open_job *o)
{
  const struct depot_ops *ops = o->depot->ops;
  char server[DEPOT_SERVER_SIZE];
  int r;

  if (!o->take)
    return 0;
  r = o->flags & LOG_READ_ONLY
        ? ops->look (o->depot, o->name, server)
        : ops->take (o->depot, o->name, &o->seat, server);
  if (r == 0)
    return 0;
  o->error = errno == EREMOTE  ? PROTO_E_ELSEWHERE
             : errno == ENOSPC ? PROTO_E_NO_SPACE
                               : PROTO_E_BUSY;
  if (o->error == PROTO_E_ELSEWHERE)
    snprintf (o->text, sizeof o->text, "ask %s", server);
  return -1;
}

static void
open_run (struct job *job)
{
  struct open_job *o = (struct open_job *) job;

  msg_capture (o->text, sizeof o->text);
  if (get_seat (o) == 0)
    o->log = open_log (o);
  msg_capture_end ();
  job_finish (job);
}

static void
take_open (struct served *l, struct open_job *o)
{
  const struct log_info *info = dirty_log_info (o->log);

  l->log = o->log;
  l->usable =
    info->found == LOG_FOUND_OURS || info->found == LOG_FOUND_KERNEL_SINCE;
  l->created = false;
  l->grown_from = NOT_GROWN;
  l->version++;
  l->unclean = l->found_unclean = info->unclean;
  l->found_flush = dirty_log_flush_number (o->log);
  memcpy (l->uuid, info->uuid, sizeof l->uuid);
  if (o->read_lease)
    lease_restore (&l->lease, &o->record,
                   o->take ? now_boot_ns () : l->server->started);
  l->loaded = true;
}

static void
open_done (struct job *job)
{
  struct open_job *o = (struct open_job *) job;
  struct served *l = o->served;

  l->busy = false;
  if (o->seat)
    l->seat = o->seat;
  if (o->log)
    take_open (l, o);
  o->opened (l, o->opaque, o->error, o->text);
  free (o);
}

void
served_open (struct served *l, unsigned flags, served_opened *done,
             void *opaque)
{
  struct open_job *o = calloc (1, sizeof *o);

  if (!o) {
    done (l, opaque, PROTO_E_BUSY, "out of memory");
    return;
  }
  o->job = (struct job){.run = open_run, .done = open_done};
  o->served = l;
  o->depot = l->server->depot;
  memcpy (o->name, l->name, sizeof o->name);
  o->memory = l->memory;
  o->read_lease = !l->loaded;
  o->take = o->depot->ops->take && !l->seat;
  o->seat = l->seat;
  o->error = PROTO_E_IO;
  o->flags = flags;
  o->opened = done;
  o->opaque = opaque;
  l->busy = true;
  worker_queue (l->worker, &o->job);
}

/* --- close --- */

struct close_job {
  struct job job;
  struct served *served;
  struct dirty_log *log;
  served_closed *closed;
  void *opaque;
  char text[TEXT_SIZE];
};

static void
close_run (struct job *job)
{
  struct close_job *c = (struct close_job *) job;

  msg_capture (c->text, sizeof c->text);
  dirty_log_close (c->log, NO_DEADLINE);
  msg_capture_end ();
  job_finish (job);
}

static void
close_done (struct job *job)
{
  struct close_job *c = (struct close_job *) job;

  c->served->busy = false;
  c->closed (c->served, c->opaque, c->text);
  free (c);
}

int
served_close (struct served *l, served_closed *done, void *opaque)
{
  struct close_job *c = calloc (1, sizeof *c);

  if (!c)
    return -1;
  served_end_growth (l);
  c->job = (struct job){.run = close_run, .done = close_done};
  c->served = l;
  c->log = l->log;
  c->closed = done;
  c->opaque = opaque;
  l->log = NULL;
  l->usable = false;
  l->busy = true;
  worker_queue (l->worker, &c->job);
  return 0;
}

/* --- the seat --- */

struct leave_job {
  struct job job;
  struct served *served;
  const struct depot *depot;
  struct seat *seat;
};

static void
leave_run (struct job *job)
{
  struct leave_job *leave = (struct leave_job *) job;

  leave->depot->ops->leave (leave->seat);
  job_finish (job);
}

static void
leave_done (struct job *job)
{
  struct served *l = ((struct leave_job *) job)->served;

  l->busy = false;
  free (job);
  served_later (l);
}

void
served_leave (struct served *l)
{
  struct leave_job *leave = calloc (1, sizeof *leave);

  if (!leave)
    return;
  leave->job = (struct job){.run = leave_run, .done = leave_done};
  leave->served = l;
  leave->depot = l->server->depot;
  leave->seat = l->seat;
  l->seat = NULL;
  l->busy = true;
  worker_queue (l->worker, &leave->job);
}
