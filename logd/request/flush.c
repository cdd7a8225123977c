/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "asker.h"
#include "cleanup.h"
#include "deadline.h"
#include "dirty-log.h"
#include "flush.h"
#include "logd-client.h"
#include "ownership.h"
#include "served.h"
#include "worker.h"

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

/* Finish those of the batch that asked for this; returns the others. */
static struct job *
finish_flushes (struct job *batch, bool commit, int error, unsigned cycles)
{
  struct job *others = NULL, *next;
  uint64_t number = dirty_log_flush_number (((struct flush_job *) batch)->log);

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
    batch = finish_flushes (batch, err != 0, err, 1);
  }
  if (batch) {
    err = dirty_log_commit (log, NO_DEADLINE) == -1 ? errno : 0;
    finish_flushes (batch, true, err, 1);
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
  answer_keep (f->served, &reply);
  asker_reply (&f->asker, &reply);
}

static void
flush_done (struct job *job)
{
  struct flush_job *f = (struct flush_job *) job;
  struct served *l = f->served;

  count_flush (&l->stats, f);
  if (f->error && served_is_lost (l)) {
    asker_end (
      &f->asker); /* its connection is closed at the end of this turn */
    served_later (l);
  }
  else if (l->lease.record.epoch == f->epoch)
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

void
flush_request (struct client *c, const struct proto_msg *msg)
{
  if (answer_again (c, msg) || !request_of_owner (c, msg, msg->flush.epoch))
    return;
  if (c->refused || !c->served->usable)
    client_error (c, msg, PROTO_E_INVALID, "log %s: %s", c->served->name,
                  c->refused ? "a change before this flush was refused"
                             : "there is no log yet");
  else
    queue_flush (c, msg);
}
