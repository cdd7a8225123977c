/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of a log that is served: it is opened when somebody asks for it,
 * stays open as long as it has an owner, alive or dead, and is closed when
 * its owner gives it up.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "lease-file.h"
#include "logd.h"
#include "msg.h"
#include "msg-logd.h"

enum proto_error
error_of_errno (int err)
{
  return err == ENOSPC || err == EDQUOT || err == EFBIG ? PROTO_E_NO_SPACE
                                                        : PROTO_E_IO;
}

const char *
served_holder (const struct served *l, char *buf, size_t size)
{
  const struct lease_holder *holder = &l->lease.record.holder;

  snprintf (buf, size, "%s (pid %" PRIu32 ", %s)",
            holder->host[0] ? holder->host : "?", holder->pid,
            holder->address);
  return buf;
}

/* --- the list --- */

struct served *
served_find (struct server *s, struct proto_str name)
{
  for (struct served *l = s->logs; l; l = l->next)
    if (strlen (l->name) == name.len &&
        memcmp (l->name, name.s, name.len) == 0)
      return l;
  return NULL;
}

static struct served *
served_new (struct server *s, struct proto_str name)
{
  struct served *l = calloc (1, sizeof *l);

  if (!l)
    return NULL;
  l->server = s;
  memcpy (l->name, name.s, name.len);
  l->worker = worker_start (&s->completions, "log");
  if (!l->worker) {
    free (l);
    return NULL;
  }
  s->nr_served++;
  return l;
}

struct served *
served_get (struct server *s, struct proto_str name, bool memory)
{
  struct served *l = served_find (s, name);

  if (l)
    return l;
  l = served_new (s, name);
  if (!l)
    return NULL;
  l->memory = l->loaded = memory;
  l->next = s->logs;
  s->logs = l;
  return l;
}

struct served *
served_private (struct server *s, struct proto_str name)
{
  struct served *l = served_new (s, name);

  if (l)
    l->private = l->loaded = true;
  return l;
}

static void
unlist (struct served *l)
{
  struct served **p = &l->server->logs;

  while (*p && *p != l)
    p = &(*p)->next;
  if (*p)
    *p = l->next;
}

void
served_free (struct served *l)
{
  struct server *s = l->server;

  if (l->owner) /* the server ends; the owner stays recorded */
    l->owner->served = NULL;
  unlist (l);
  served_drop_owner (l, "log %s: the server ends", l->name);
  worker_end (l->worker);
  replies_free (&l->replies);
  free (l);
  s->nr_served--;
  server_check_end (s);
}

void
served_drop_owner (struct served *l, const char *fmt, ...)
{
  struct client *c = l->owner;
  va_list args;

  if (!c)
    return;
  va_start (args, fmt);
  vsnprintf (c->stale, sizeof c->stale, fmt, args);
  va_end (args);
  l->owner = NULL;
  c->served = NULL;
  client_unblock (c, BLOCK_GRANT);
}

void
served_end_growth (struct served *l)
{
  uint64_t nr = l->log->geo.nr_regions;

  if (l->grown_from < nr)
    dirty_log_mark_run (l->log, l->grown_from, nr - l->grown_from);
  l->grown_from = NOT_GROWN;
}

/* --- open --- */

struct open_job {
  struct job job;
  struct served *served;
  const char *dir_name;
  int dir;
  char name[PROTO_MAX_NAME + 1];
  bool memory, read_lease;
  unsigned flags;
  struct lease_record record;
  struct dirty_log *log;
  char text[TEXT_SIZE];
};

/* A name stands for one log: in memory, or on disk. */
static struct dirty_log *
open_memory (const struct open_job *o)
{
  char file[PROTO_MAX_NAME + 8];

  snprintf (file, sizeof file, "%s.log", o->name);
  if (faccessat (o->dir, file, F_OK, 0) == -1 && errno == ENOENT)
    return dirty_log_open ("core", 0);
  msg_error ("log %s: is on disk, not in memory", o->name);
  return NULL;
}

static struct dirty_log *
open_disk (const struct open_job *o)
{
  CLEANUP_FREE char *spec = NULL;

  if (asprintf (&spec, "disk:%s/%s.log", o->dir_name, o->name) == -1) {
    spec = NULL;
    msg_error ("log %s: %m", o->name);
    return NULL;
  }
  return dirty_log_open (spec, o->flags);
}

static void
open_run (struct job *job)
{
  struct open_job *o = (struct open_job *) job;

  msg_capture (o->text, sizeof o->text);
  if (o->memory)
    o->log = open_memory (o);
  else if (!o->read_lease ||
           lease_file_read (o->dir, o->dir_name, o->name, &o->record) != -1)
    o->log = open_disk (o);
  msg_capture_end ();
  job_finish (job);
}

static void
opened (struct served *l, struct open_job *o)
{
  l->log = o->log;
  l->usable =
    o->log->found == LOG_FOUND_OURS || o->log->found == LOG_FOUND_KERNEL_SINCE;
  l->created = false;
  l->grown_from = NOT_GROWN;
  l->version++;
  l->unclean = l->found_unclean = o->log->unclean;
  l->found_flush = o->log->flush_number;
  memcpy (l->uuid, o->log->uuid, sizeof l->uuid);
  if (o->read_lease)
    lease_restore (&l->lease, &o->record, l->server->started);
  l->loaded = true;
}

static void
refuse_all (struct served *l, enum proto_error error, const char *text)
{
  attach_refuse_all (l, error, text);
  takeover_refuse_all (l, error, text);
  remove_refuse_all (l, error, text);
}

static void
open_done (struct job *job)
{
  struct open_job *o = (struct open_job *) job;
  struct served *l = o->served;

  l->busy = false;
  if (o->log)
    opened (l, o);
  else
    refuse_all (l, PROTO_E_IO, o->text);
  free (o);
  if (l->private)
    attach_private_opened (l);
  else
    served_pump (l);
}

void
served_open (struct served *l, unsigned flags)
{
  struct open_job *o = calloc (1, sizeof *o);

  if (!o) {
    refuse_all (l, PROTO_E_BUSY, "out of memory");
    if (l->private)
      served_free (l);
    return;
  }
  o->job = (struct job){.run = open_run, .done = open_done};
  o->served = l;
  o->dir = l->server->dir;
  o->dir_name = l->server->options->dir;
  memcpy (o->name, l->name, sizeof o->name);
  o->memory = l->memory;
  o->read_lease = !l->loaded;
  o->flags = flags;
  l->busy = true;
  worker_queue (l->worker, &o->job);
}

/* --- a durable lease record --- */

struct lease_job {
  struct job job;
  struct served *served;
  const char *dir_name;
  int dir;
  char name[PROTO_MAX_NAME + 1];
  bool memory;
  struct lease_record record;
  uint8_t uuid[PROTO_ID_SIZE];
  lease_done done;
  void *opaque;
  int error;
  char text[TEXT_SIZE];
};

static void
lease_run (struct job *job)
{
  struct lease_job *w = (struct lease_job *) job;

  msg_capture (w->text, sizeof w->text);
  if (!w->memory && lease_file_write (w->dir, w->dir_name, w->name, &w->record,
                                      w->uuid) == -1)
    w->error = errno;
  msg_capture_end ();
  job_finish (job);
}

static void
lease_job_done (struct job *job)
{
  struct lease_job *w = (struct lease_job *) job;
  struct served *l = w->served;

  l->busy = false;
  w->done (l, w->opaque, &w->record, w->error, w->text);
  free (w);
  served_pump (l);
}

void
lease_write (struct served *l, const struct lease_record *record,
             lease_done done, void *opaque)
{
  struct lease_job *w = calloc (1, sizeof *w);

  if (!w) {
    done (l, opaque, record, ENOMEM, "out of memory");
    return;
  }
  w->job = (struct job){.run = lease_run, .done = lease_job_done};
  w->served = l;
  w->dir = l->server->dir;
  w->dir_name = l->server->options->dir;
  memcpy (w->name, l->name, sizeof w->name);
  w->memory = l->memory;
  w->record = *record;
  memcpy (w->uuid, l->uuid, sizeof w->uuid);
  w->done = done;
  w->opaque = opaque;
  l->busy = true;
  worker_queue (l->worker, &w->job);
}

/* --- close --- */

struct close_job {
  struct job job;
  struct served *served;
  struct dirty_log *log;
  struct detach *detach; /* or NULL */
  char text[TEXT_SIZE];
};

/* The owner gives the log up. */
struct detach {
  struct asker asker;
  char text[TEXT_SIZE]; /* what went wrong when the log was closed */
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
detached (struct served *l, void *opaque, const struct lease_record *record,
          int err, const char *text)
{
  struct proto_msg reply = {.id = 0};
  struct detach *d = opaque;
  struct client *c = l->owner;

  lease_set (&l->lease, record, now_boot_ns ());
  replies_free (&l->replies);
  served_drop_owner (l, "log %s: was detached", l->name);
  if (c)
    client_unblock (c, BLOCK_JOB);
  if (err || d->text[0])
    asker_error (&d->asker, error_of_errno (err), "%s",
                 d->text[0] ? d->text : text);
  else
    asker_reply (&d->asker, &reply);
  free (d);
}

static void
write_detached (struct served *l, struct detach *d)
{
  struct lease_record record = lease_released (&l->lease);

  lease_write (l, &record, detached, d);
}

static void
close_done (struct job *job)
{
  struct close_job *c = (struct close_job *) job;
  struct served *l = c->served;

  l->busy = false;
  if (c->detach) {
    memcpy (c->detach->text, c->text, sizeof c->text);
    write_detached (l, c->detach);
  }
  else if (l->private)
    served_free (l);
  else
    served_pump (l);
  free (c);
}

/* 0, or -1: out of memory, and the log stays open. */
static int
queue_close (struct served *l, struct detach *d)
{
  struct close_job *c = calloc (1, sizeof *c);

  if (!c)
    return -1;
  served_end_growth (l);
  c->job = (struct job){.run = close_run, .done = close_done};
  c->served = l;
  c->log = l->log;
  c->detach = d;
  l->log = NULL;
  l->usable = false;
  l->busy = true;
  worker_queue (l->worker, &c->job);
  return 0;
}

void
served_close (struct served *l)
{
  (void) queue_close (l, NULL);
}

/* Whether it will be found unclean, if it stays as it is. */
static bool
leave (struct dirty_log *log, bool clean)
{
  CLEANUP_LOCK (&log->lock);

  log->stay_unclean = !clean;
  return !clean || log->marked.count > 0;
}

void
served_detach (struct served *l, const struct proto_msg *msg)
{
  struct client *c = l->owner;
  struct detach *d = calloc (1, sizeof *d);

  if (d)
    l->found_unclean = leave (l->log, msg->flush.flags & PROTO_DETACH_CLEAN);
  if (d && !l->memory && queue_close (l, d) == -1) {
    free (d);
    d = NULL;
  }
  if (!d) {
    client_error (c, msg, PROTO_E_BUSY, "out of memory");
    return;
  }
  asker_init (&d->asker, c, msg);
  client_block (c, BLOCK_JOB);
  if (l->memory)
    write_detached (l, d);
}

/* --- what is to be done --- */

/* Nobody needs it open, and what it says is on disk. */
static void
settle (struct served *l)
{
  if (l->lease.record.held || l->readers || l->attaches || l->takeovers ||
      l->removals)
    return;
  if (l->memory && l->usable)
    return;
  if (l->log)
    served_close (l);
  else
    served_free (l);
}

static void
wind_up (struct served *l)
{
  if (l->readers)
    return;
  refuse_all (l, PROTO_E_BUSY, "the server ends");
  if (l->log)
    served_close (l);
  else
    served_free (l);
}

void
served_pump (struct served *l)
{
  bool wanted = l->attaches || l->removals || l->takeovers;

  if (l->busy || l->private)
    return;
  if (l->server->ending)
    wind_up (l);
  else if (!l->log && wanted)
    served_open (l, 0);
  else if (!takeover_pump (l, now_boot_ns ()) && !remove_pump (l) &&
           !attach_pump (l))
    settle (l);
}

void
served_later (struct served *l)
{
  l->later = l->server->later = true;
}

void
served_tick (struct served *l, uint64_t now)
{
  lease_tick (&l->lease, now);
  if (l->attaches || l->takeovers || l->removals)
    served_pump (l);
}
