/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"
#include "change.h"
#include "dirty-log.h"
#include "log-life.h"
#include "logd-client.h"
#include "msg-logd.h"
#include "ownership.h"
#include "resize.h"
#include "served-pump.h"
#include "served.h"
#include "worker.h"

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
    r->result = dirty_log_grow (r->log, r->geo.size, 0);
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
    change_refuse (c, msg, "out of memory");
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

void
create_request (struct client *c, const struct proto_msg *msg)
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

void
grow_request (struct client *c, const struct proto_msg *msg)
{
  struct resize_job r = {.geo.size = msg->grow.size};
  const struct log_geometry *geo;

  if (!request_of_owner (c, msg, msg->grow.epoch))
    return;
  geo = &dirty_log_info (c->served->log)->geo;
  if (!c->served->usable)
    change_refuse (c, msg, "there is no log yet");
  else if (msg->grow.size < geo->size ||
           regions_of (msg->grow.size, geo->region_size) > LOG_MAX_REGIONS)
    change_refuse (c, msg,
                   "the size must be at least %" PRIu64
                   " and at most %" PRIu64,
                   geo->size, LOG_MAX_REGIONS * geo->region_size);
  else if (msg->grow.size > geo->size) {
    r.grown_from = geo->size / geo->region_size;
    queue_resize (c, msg, &r);
  }
}
