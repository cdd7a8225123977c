/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include <json-c/json.h>

#include "deadline.h"
#include "depot.h"
#include "log-status.h"
#include "logd.h"
#include "options.h"
#include "served.h"

void
status_view (struct served *l, struct log_view *view)
{
  *view = (struct log_view){.served = l, .now = now_boot_ns ()};
  if (!l->log || l->resizing)
    return;
  view->open = true;
  dirty_log_status (l->log, &view->status);
  view->geo = dirty_log_info (l->log)->geo;
}

/* "free", "connected", "silent", "over". */
static const char *
owner_state (const struct served *l)
{
  if (!l->lease.record.held)
    return "free";
  if (l->owner)
    return "connected";
  return l->lease.over ? "over" : "silent";
}

static void
add_number (struct json_object *obj, const char *name, uint64_t number)
{
  json_object_object_add (obj, name, json_object_new_uint64 (number));
}

static void
add_string (struct json_object *obj, const char *name, const char *s)
{
  json_object_object_add (obj, name, json_object_new_string (s));
}

static void
add_uuid (struct json_object *obj, const uint8_t *uuid)
{
  char text[37];

  uuid_unparse_lower (uuid, text);
  add_string (obj, "uuid", text);
}

/* The one who has it, or had it last. */
static struct json_object *
owner_to_json (const struct lease_record *record)
{
  struct json_object *obj;

  if (record->epoch == 0)
    return NULL;
  obj = json_object_new_object ();
  add_string (obj, "host", record->holder.host);
  add_number (obj, "pid", record->holder.pid);
  add_string (obj, "address", record->holder.address);
  return obj;
}

static const char *
log_state (const struct log_view *v)
{
  if (!v->open)
    return v->served->log ? "busy" : "closed";
  return v->status.failed ? "failed" : "ok";
}

static void
add_log (struct json_object *obj, const struct log_view *v)
{
  const struct log_status *status = &v->status;

  add_uuid (obj, v->served->uuid);
  add_number (obj, "size", v->geo.size);
  add_number (obj, "region_size", v->geo.region_size);
  add_number (obj, "regions", v->geo.nr_regions);
  add_number (obj, "generation", status->generation);
  add_number (obj, "dirty_regions", status->marked);
  add_number (obj, "out_of_sync_regions", status->out_of_sync);
  add_number (obj, "flush_number", status->flush_number);
  add_number (obj, "marks", status->counters.marks);
  add_number (obj, "clears", status->counters.clears);
  add_number (obj, "flushes", status->counters.flushes);
  add_number (obj, "flush_errors", status->counters.flush_errors);
  add_string (obj, "last_error", status->last_error);
}

/* Bucket i: how many took less than 2^i microseconds, but not 2^(i-1). */
static struct json_object *
latency_to_json (const struct served_stats *stats)
{
  struct json_object *obj = json_object_new_object ();
  struct json_object *buckets = json_object_new_array ();
  unsigned nr = NR_LATENCIES;

  while (nr > 0 && stats->latency[nr - 1] == 0)
    --nr;
  for (unsigned i = 0; i < nr; ++i)
    json_object_array_add (buckets,
                           json_object_new_uint64 (stats->latency[i]));
  add_number (obj, "count", stats->flushes);
  add_number (obj, "sum_us", stats->latency_sum);
  json_object_object_add (obj, "log2_us", buckets);
  return obj;
}

struct json_object *
status_of_log (struct served *l)
{
  struct json_object *obj = json_object_new_object ();
  struct log_view view;

  status_view (l, &view);
  add_string (obj, "name", l->name);
  add_string (obj, "type", l->memory ? "memory" : "disk");
  add_string (obj, "state", log_state (&view));
  if (l->server->depot->server)
    add_string (obj, "server", l->server->depot->server);
  add_number (obj, "epoch", l->lease.record.epoch);
  add_string (obj, "owner_state", owner_state (l));
  json_object_object_add (obj, "owner", owner_to_json (&l->lease.record));
  add_number (obj, "lease_left_ms",
              lease_left (&l->lease, view.now) / NSEC_PER_MSEC);
  if (view.open)
    add_log (obj, &view);
  add_number (obj, "changes", l->stats.changes);
  add_number (obj, "batches", l->stats.batches);
  json_object_object_add (obj, "flush_latency", latency_to_json (&l->stats));
  return obj;
}

struct json_object *
status_of_file (const char *name, const struct lease_record *record,
                const char *server)
{
  struct json_object *obj = json_object_new_object ();

  add_string (obj, "name", name);
  add_string (obj, "type", "disk");
  add_string (obj, "state", server[0] ? "elsewhere" : "closed");
  if (server[0])
    add_string (obj, "server", server);
  add_number (obj, "epoch", record->epoch);
  add_string (obj, "owner_state", record->held ? "silent" : "free");
  json_object_object_add (obj, "owner", owner_to_json (record));
  return obj;
}

static struct json_object *
server_to_json (const struct server *s)
{
  struct json_object *obj = json_object_new_object ();

  add_string (obj, "software", SOFTWARE);
  add_number (obj, "pid", (uint64_t) getpid ());
  add_string (obj, "dir", s->depot->name);
  add_number (obj, "uptime_seconds",
              (now_boot_ns () - s->started) / NSEC_PER_SEC);
  add_number (obj, "clients", s->nr_clients);
  add_number (obj, "lease_ms", s->options->lease_ns / NSEC_PER_MSEC);
  if (s->depot->ops->status)
    s->depot->ops->status (s->depot, obj);
  return obj;
}

struct json_object *
status_of_server (struct server *s)
{
  struct json_object *obj = json_object_new_object ();
  struct json_object *logs = json_object_new_array ();

  for (struct served *l = served_shown (s->logs); l;
       l = served_shown (l->next))
    json_object_array_add (logs, status_of_log (l));
  add_number (obj, "version", 1);
  json_object_object_add (obj, "server", server_to_json (s));
  json_object_object_add (obj, "logs", logs);
  return obj;
}
