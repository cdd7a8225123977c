/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "depot.h"
#include "dirty-log.h"
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
  unsigned flags;
  served_opened *opened;
  void *opaque;
  struct lease_record record;
  struct dirty_log *log;
  char text[TEXT_SIZE];
};

/* A name stands for one log: in memory, or on disk. */
static struct dirty_log *
open_memory (const struct open_job *o)
{
  int r = o->depot->ops->exists (o->depot, NULL, o->name);

  if (r == 0)
    return dirty_log_open ("core", 0);
  if (r == 1)
    msg_error ("log %s: is on disk, not in memory", o->name);
  return NULL;
}

static void
open_run (struct job *job)
{
  struct open_job *o = (struct open_job *) job;
  const struct depot_ops *ops = o->depot->ops;

  msg_capture (o->text, sizeof o->text);
  if (o->memory)
    o->log = open_memory (o);
  else if (!o->read_lease ||
           ops->read_lease (o->depot, NULL, o->name, &o->record) != -1)
    o->log = ops->open (o->depot, NULL, o->name, o->flags);
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
    lease_restore (&l->lease, &o->record, l->server->started);
  l->loaded = true;
}

static void
open_done (struct job *job)
{
  struct open_job *o = (struct open_job *) job;
  struct served *l = o->served;

  l->busy = false;
  if (o->log)
    take_open (l, o);
  o->opened (l, o->opaque, PROTO_E_IO, o->text);
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
