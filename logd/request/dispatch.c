/* SPDX-License-Identifier: BSD-3-Clause */

/* What the owner of a log asks for.  Changes are made at once, in memory,
 * and a flush makes durable what came before it.  Numbers from outside are
 * compared with the log's before it is asked: the log asserts.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "logd.h"
#include "msg-logd.h"
#include "stream.h"

bool
request_of_owner (struct client *c, const struct proto_msg *msg,
                  uint64_t epoch)
{
  struct served *l = c->served;

  if (l && l->lease.record.epoch == epoch) {
    attach_alive (l);
    return true;
  }
  client_error (c, msg, PROTO_E_STALE, "%s",
                c->stale[0] ? c->stale
                            : "this connection has no log with this epoch");
  return false;
}

/* A change cannot be made: no flush may succeed after it. */
static void refuse_change (struct client *c, const struct proto_msg *msg,
                           const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

static void
refuse_change (struct client *c, const struct proto_msg *msg, const char *fmt,
               ...)
{
  char text[TEXT_SIZE];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  c->refused = true;
  client_error (c, msg, PROTO_E_INVALID, "%s: %s", proto_type_name (msg->type),
                text);
}

/* --- changes in memory --- */

static bool
runs_fit (const struct served *l, const struct proto_runs *runs)
{
  for (uint32_t i = 0; i < runs->nr; ++i) {
    struct proto_run run = proto_run_get (runs, i);

    if (run.first > l->log->geo.nr_regions ||
        run.nr > l->log->geo.nr_regions - run.first)
      return false;
  }
  return true;
}

static void
change_run (struct dirty_log *log, const struct proto_msg *msg,
            struct proto_run run)
{
  switch (msg->type) {
  case PROTO_MARK_REGION:
    dirty_log_mark_run (log, run.first, run.nr);
    break;
  case PROTO_CLEAR_REGION:
    dirty_log_clear_run (log, run.first, run.nr);
    break;
  default:
    dirty_log_put_resync_work (log, run.first, run.nr);
    dirty_log_set_region_sync (log, msg->change.slot, run.first, run.nr,
                               msg->change.in_sync);
  }
}

static void
run_change (struct client *c, const struct proto_msg *msg)
{
  const struct proto_runs *runs = &msg->change.runs;
  struct served *l = c->served;

  if (!request_of_owner (c, msg, msg->change.epoch))
    return;
  if (!l->usable || msg->change.slot >= LOG_MAX_LEGS || !runs_fit (l, runs)) {
    refuse_change (c, msg, "not regions of this log, which has %" PRIu64,
                   l->log->geo.nr_regions);
    return;
  }
  l->stats.changes++;
  for (uint32_t i = 0; i < runs->nr; ++i)
    change_run (l->log, msg, proto_run_get (runs, i));
}

static void
copy_leg (struct log_leg *to, const struct proto_leg *from)
{
  memset (to, 0, sizeof *to);
  to->state = (enum log_leg_state) from->state;
  to->kind = from->kind;
  memcpy (to->id, from->id, LOG_ID_SIZE);
  to->generation = from->generation;
  to->size = from->size;
  memcpy (to->name, from->name.s, from->name.len);
}

static void
run_set_record (struct client *c, const struct proto_msg *msg)
{
  CLEANUP_FREE struct log_record *record = malloc (sizeof *record);
  struct served *l = c->served;

  if (!request_of_owner (c, msg, msg->record.epoch))
    return;
  if (!record || !l->usable) {
    refuse_change (c, msg, "there is no log yet");
    return;
  }
  record->generation = msg->record.generation;
  record->primary = msg->record.primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    copy_leg (&record->leg[s], &msg->record.leg[s]);
  l->stats.changes++;
  if (dirty_log_set_record (l->log, record) == -1)
    refuse_change (c, msg,
                   "a leg that misses something is in-sync, or the "
                   "generation goes back");
}

/* --- create and grow: in the worker --- */

struct resize_job {
  struct job job;
  struct served *served;
  struct dirty_log *log;
  struct asker asker;
  bool create;
  struct log_geometry geo;
  uint64_t grown_from;
  uint64_t generation;
  uint8_t uuid[PROTO_ID_SIZE];
  int result;
  char text[TEXT_SIZE];
};

static void
resize_run (struct job *job)
{
  struct resize_job *r = (struct resize_job *) job;

  msg_capture (r->text, sizeof r->text);
  if (r->create)
    r->result = dirty_log_create_as (r->log, &r->geo, r->generation, r->uuid);
  else
    r->result = dirty_log_grow (r->log, r->geo.size);
  msg_capture_end ();
  job_finish (job);
}

static void
resize_done (struct job *job)
{
  struct resize_job *r = (struct resize_job *) job;
  struct served *l = r->served;
  struct client *c = r->asker.client;

  l->busy = l->resizing = false;
  l->version++;
  if (r->result == 0 && r->create) {
    l->usable = l->created = true;
    l->grown_from = NOT_GROWN;
    memcpy (l->uuid, r->uuid, sizeof l->uuid);
  }
  else if (r->result == 0 && r->grown_from < l->grown_from)
    l->grown_from = r->grown_from;
  else if (r->result == -1) {
    /* What is in memory may be half of it. */
    l->usable = false;
    if (c)
      c->refused = true;
    asker_error (&r->asker, PROTO_E_IO, "%s", r->text);
  }
  asker_end (&r->asker);
  if (c)
    client_unblock (c, BLOCK_JOB);
  free (r);
  served_pump (l);
}

static void
queue_resize (struct client *c, const struct proto_msg *msg,
              const struct resize_job *wanted)
{
  struct served *l = c->served;
  struct resize_job *r = malloc (sizeof *r);

  if (!r) {
    refuse_change (c, msg, "out of memory");
    return;
  }
  *r = *wanted;
  r->job = (struct job){.run = resize_run, .done = resize_done};
  r->served = l;
  r->log = l->log;
  asker_init (&r->asker, c, msg);
  l->busy = l->resizing = true;
  l->stats.changes++;
  client_block (c, BLOCK_JOB);
  worker_queue (l->worker, &r->job);
}

static uint64_t
regions_of (uint64_t size, uint32_t region_size)
{
  return size / region_size + (size % region_size != 0);
}

static void
run_create (struct client *c, const struct proto_msg *msg)
{
  const struct proto_create *create = &msg->create;
  struct resize_job r = {.create = true, .generation = create->generation};

  if (!request_of_owner (c, msg, create->epoch))
    return;
  r.geo.size = create->size;
  r.geo.region_size = create->region_size;
  r.geo.nr_regions = regions_of (create->size, create->region_size);
  memcpy (r.uuid, create->uuid, sizeof r.uuid);
  queue_resize (c, msg, &r);
}

static void
run_grow (struct client *c, const struct proto_msg *msg)
{
  struct resize_job r = {.geo.size = msg->grow.size};
  const struct log_geometry *geo;

  if (!request_of_owner (c, msg, msg->grow.epoch))
    return;
  geo = &c->served->log->geo;
  if (!c->served->usable)
    refuse_change (c, msg, "there is no log yet");
  else if (msg->grow.size < geo->size ||
           regions_of (msg->grow.size, geo->region_size) > LOG_MAX_REGIONS)
    refuse_change (c, msg,
                   "the size must be at least %" PRIu64
                   " and at most %" PRIu64,
                   geo->size, LOG_MAX_REGIONS * geo->region_size);
  else if (msg->grow.size > geo->size) {
    r.grown_from = geo->size / geo->region_size;
    queue_resize (c, msg, &r);
  }
}

/* --- replies that are kept --- */

static void
keep (struct served *l, struct proto_msg *reply)
{
  struct proto_buf *buf = &l->server->scratch;

  reply->flags |= PROTO_REPLY;
  buf->len = 0;
  if (proto_encode (buf, reply) == 0)
    replies_keep (&l->replies, reply->id, buf->data, buf->len);
}

/* A request that was answered is not run again. */
static bool
answer_kept (struct client *c, const struct proto_msg *msg)
{
  const struct kept_reply *kept;

  if (!c->served)
    return false;
  kept = replies_find (&c->served->replies, msg->id);
  if (!kept)
    return false;
  if (stream_write (c->stream, kept->frame, kept->len) == -1)
    client_close (c);
  return true;
}

/* --- flush: group commit --- */

struct flush_job {
  struct job job;
  struct served *served;
  struct dirty_log *log;
  struct asker asker;
  uint64_t epoch, asked; /* when, CLOCK_MONOTONIC */
  bool commit;
  unsigned cycles; /* of the worker, counted in one job of a batch */
  int error;
  uint64_t number;
};

static uint64_t
flush_number (struct dirty_log *log)
{
  CLEANUP_LOCK (&log->lock);

  return log->flush_number;
}

/* Finish those of the batch that asked for this; returns the others. */
static struct job *
finish (struct job *batch, bool commit, int error, unsigned cycles)
{
  struct job *others = NULL, *next;
  uint64_t number = flush_number (((struct flush_job *) batch)->log);

  for (; batch; batch = next) {
    struct flush_job *f = (struct flush_job *) batch;

    next = batch->next;
    if (f->commit && !commit) {
      batch->next = others;
      others = batch;
      continue;
    }
    f->error = error;
    f->number = number;
    f->cycles = cycles;
    cycles = 0;
    job_finish (batch);
  }
  return others;
}

static bool
any_flush (const struct job *batch, bool commit)
{
  for (; batch; batch = batch->next)
    if (((const struct flush_job *) batch)->commit == commit)
      return true;
  return false;
}

/* Those who need not wait for what commit does are answered first. */
static void
flush_run (struct job *batch)
{
  struct dirty_log *log = ((struct flush_job *) batch)->log;
  int err = 0;

  if (any_flush (batch, false)) {
    err = dirty_log_flush (log, NO_DEADLINE) == -1 ? errno : 0;
    batch = finish (batch, err != 0, err, 1);
  }
  if (batch) {
    err = dirty_log_commit (log, NO_DEADLINE) == -1 ? errno : 0;
    finish (batch, true, err, 1);
  }
}

static unsigned
latency_bucket (uint64_t microseconds)
{
  unsigned i = 0;

  while (i < NR_LATENCIES - 1 && microseconds >> i)
    ++i;
  return i;
}

static void
count_flush (struct served_stats *stats, const struct flush_job *f)
{
  uint64_t microseconds = (now_ns () - f->asked) / 1000;

  stats->flushes++;
  stats->batches += f->cycles;
  stats->latency[latency_bucket (microseconds)]++;
  stats->latency_sum += microseconds;
}

static void
answer_flush (struct flush_job *f)
{
  struct proto_msg reply = {.type = PROTO_FLUSH, .id = f->asker.id};
  char text[TEXT_SIZE];

  if (f->error) {
    snprintf (text, sizeof text, "log %s: flush: %s", f->served->name,
              strerror (f->error));
    reply.error = error_of_errno (f->error);
    reply.text = (struct proto_str){text, (uint32_t) strlen (text)};
  }
  else
    reply.flushed.flush_number = f->number;
  keep (f->served, &reply);
  asker_reply (&f->asker, &reply);
}

static void
flush_done (struct job *job)
{
  struct flush_job *f = (struct flush_job *) job;
  struct served *l = f->served;

  count_flush (&l->stats, f);
  if (l->lease.record.epoch == f->epoch)
    answer_flush (f);
  else
    asker_error (&f->asker, PROTO_E_STALE, "the epoch ended during the flush");
  free (f);
}

static void
queue_flush (struct client *c, const struct proto_msg *msg)
{
  struct flush_job *f = calloc (1, sizeof *f);

  if (!f) {
    client_error (c, msg, PROTO_E_BUSY, "out of memory");
    return;
  }
  f->job = (struct job){.run = flush_run, .gather = true, .done = flush_done};
  f->served = c->served;
  f->log = c->served->log;
  f->epoch = msg->flush.epoch;
  f->asked = now_ns ();
  f->commit = msg->flush.flags & PROTO_FLUSH_COMMIT;
  f->served->grown_from = NOT_GROWN; /* it said all before this */
  asker_init (&f->asker, c, msg);
  worker_queue (f->served->worker, &f->job);
}

static void
run_flush (struct client *c, const struct proto_msg *msg)
{
  if (!request_of_owner (c, msg, msg->flush.epoch))
    return;
  if (c->refused || !c->served->usable)
    client_error (c, msg, PROTO_E_INVALID, "log %s: %s", c->served->name,
                  c->refused ? "a change before this flush was refused"
                             : "there is no log yet");
  else
    queue_flush (c, msg);
}

/* --- questions --- */

static bool
query_fits (const struct served *l, const struct proto_msg *msg)
{
  const struct proto_query *q = &msg->query;
  uint64_t regions = l->log->geo.nr_regions;

  switch (msg->type) {
  case PROTO_IS_CLEAN:
  case PROTO_IS_REMOTE_RECOVERING:
    return q->first < regions;
  case PROTO_IN_SYNC:
    return q->slot < LOG_MAX_LEGS && q->first <= regions &&
           q->nr <= regions - q->first;
  default:
    return true;
  }
}

static void
answer_query (struct dirty_log *log, const struct proto_msg *msg,
              struct proto_answer *answer)
{
  const struct proto_query *q = &msg->query;

  switch (msg->type) {
  case PROTO_IS_CLEAN:
    answer->value = dirty_log_is_clean (log, q->first);
    break;
  case PROTO_IN_SYNC:
    answer->value = dirty_log_in_sync (log, q->slot, q->first, q->nr);
    break;
  case PROTO_GET_RESYNC_WORK:
    answer->value = dirty_log_get_resync_work (log, q->slot, q->first, q->nr,
                                               &answer->first, &answer->nr);
    break;
  case PROTO_GET_SYNC_COUNT:
    answer->value = dirty_log_get_sync_count (log);
    break;
  default:
    /* With one owner at a time, nobody else recovers anything. */
    answer->first = log->geo.nr_regions;
  }
}

static void
run_query (struct client *c, const struct proto_msg *msg)
{
  struct proto_msg reply = {.type = msg->type, .id = msg->id};
  struct served *l = c->served;

  if (!l) {
    client_error (c, msg, PROTO_E_STALE, "%s",
                  c->stale[0] ? c->stale : "this connection has no log");
    return;
  }
  attach_alive (l);
  if (!l->usable || !query_fits (l, msg)) {
    client_error (c, msg, PROTO_E_INVALID, "%s: not in this log",
                  proto_type_name (msg->type));
    return;
  }
  answer_query (l->log, msg, &reply.answer);
  keep (l, &reply);
  client_reply (c, &reply);
}

/* --- all --- */

static void
run_kept (struct client *c, const struct proto_msg *msg,
          void (*run) (struct client *c, const struct proto_msg *msg))
{
  if (!answer_kept (c, msg))
    run (c, msg);
}

void
request_run (struct client *c, const struct proto_msg *msg)
{
  switch (msg->type) {
  case PROTO_MARK_REGION:
  case PROTO_CLEAR_REGION:
  case PROTO_SET_REGION_SYNC:
    run_change (c, msg);
    break;
  case PROTO_FLUSH:
    run_kept (c, msg, run_flush);
    break;
  case PROTO_RENEW:
    attach_renew (c, msg);
    break;
  case PROTO_SET_RECORD:
    run_set_record (c, msg);
    break;
  case PROTO_CREATE:
    run_create (c, msg);
    break;
  case PROTO_GROW:
    run_grow (c, msg);
    break;
  case PROTO_ATTACH:
    attach_request (c, msg);
    break;
  case PROTO_DETACH:
    attach_detach (c, msg);
    break;
  case PROTO_IS_CLEAN:
  case PROTO_IN_SYNC:
  case PROTO_GET_RESYNC_WORK:
  case PROTO_GET_SYNC_COUNT:
  case PROTO_IS_REMOTE_RECOVERING:
    run_kept (c, msg, run_query);
    break;
  case PROTO_STATUS_INFO:
    list_request (c, msg);
    break;
  case PROTO_DELETE:
    remove_request (c, msg);
    break;
  case PROTO_TAKEOVER:
    takeover_request (c, msg);
    break;
  default:
    client_error (c, msg, PROTO_E_INVALID, "%s: not for clients",
                  proto_type_name (msg->type));
  }
}
