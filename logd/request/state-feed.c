/* SPDX-License-Identifier: BSD-3-Clause */

/* A log's state to a client: the record, then the runs of all maps, then the
 * reply to ATTACH.  It goes out as fast as the client reads.  A new owner
 * knows its epoch only from the reply, so nothing changes meanwhile; a
 * reader of a log that has an owner gets what there is at the time.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dirty-log.h"
#include "deadline.h"
#include "logd-client.h"
#include "logd.h"
#include "record-wire.h"
#include "served.h"
#include "state-feed.h"
#include "stream.h"

struct state_feed {
  struct feed feed;
  struct served *served;
  unsigned version; /* of served */
  bool reader;
  uint64_t id;
  struct proto_attached attached;
  unsigned map;
  uint64_t from; /* next region of map */
};

/* --- what there is --- */

/* What it was found as, if nothing was written since. */
static enum log_found
found_now (const struct served *l)
{
  enum log_found found = dirty_log_info (l->log)->found;

  if (l->created || (found == LOG_FOUND_KERNEL_SINCE &&
                     dirty_log_flush_number (l->log) > l->found_flush))
    return LOG_FOUND_OURS;
  return found;
}

static void
describe_owner (struct served *l, struct proto_attached *attached)
{
  const char *host = dirty_log_info (l->log)->owner_host;

  attached->owner_pid = dirty_log_info (l->log)->owner_pid;
  if (l->previous.host[0]) {
    host = l->previous.host;
    attached->owner_pid = l->previous.pid;
  }
  attached->owner_host = (struct proto_str){host, (uint32_t) strlen (host)};
}

void
state_describe (struct served *l, bool reader, struct proto_attached *attached)
{
  const struct log_info *log = dirty_log_info (l->log);
  bool unclean = reader ? l->found_unclean : l->unclean;

  describe_owner (l, attached);
  attached->size = log->geo.size;
  attached->region_size = log->geo.region_size;
  attached->nr_regions = log->geo.nr_regions;
  memcpy (attached->uuid, log->uuid, PROTO_ID_SIZE);
  if (l->usable ? unclean : log->unclean)
    attached->flags |= PROTO_LOG_UNCLEAN;
  if (log->shared_map)
    attached->flags |= PROTO_LOG_SHARED_MAP;
  if (l->memory)
    attached->flags |= PROTO_LOG_MEMORY;
  attached->flush_number = dirty_log_flush_number (l->log);
  attached->found = (uint8_t) found_now (l);
}

/* --- frames --- */

/* A damaged log has a generation; others that are not ours have nothing. */
static bool
has_record (const struct served *l)
{
  return l->usable || dirty_log_info (l->log)->found == LOG_FOUND_DAMAGED;
}

static int
send_record (struct client *c, struct served *l, uint64_t id)
{
  CLEANUP_FREE struct log_record *record = malloc (sizeof *record);
  struct proto_msg msg = {
    .type = PROTO_STATE_RECORD,
    .flags = PROTO_REPLY | PROTO_MORE,
    .id = id,
  };

  if (!record)
    return -1;
  dirty_log_get_record (l->log, record);
  log_record_to_wire (&msg.record, record, c->features);
  client_reply (c, &msg);
  return c->dead ? -1 : 0;
}

static bool
next_run (const struct state_feed *f, uint64_t *first, uint64_t *nr)
{
  if (f->map == PROTO_MAP_KERNEL_DIRTY &&
      f->attached.found != LOG_FOUND_KERNEL_SINCE)
    return false;
  return dirty_log_next_run (f->served->log, f->map, f->from, first, nr);
}

/* One frame of runs, or the next map.  -1 with errno. */
static int
send_runs (struct state_feed *f)
{
  struct client *c = f->feed.client;
  struct buffer *buf = &c->server->scratch;
  const struct proto_msg msg = {
    .type = PROTO_STATE_RUNS,
    .flags = PROTO_REPLY | PROTO_MORE,
    .id = f->id,
    .change.map = (uint8_t) f->map,
  };
  struct proto_runs_frame frame;
  uint64_t first, nr;

  buffer_clear (buf);
  if (proto_runs_begin (&frame, buf, &msg) == -1)
    return -1;
  while (frame.nr < PROTO_MAX_RUNS && next_run (f, &first, &nr)) {
    if (proto_runs_add (&frame, first, (uint32_t) nr) == -1)
      return -1;
    f->from = first + nr;
  }
  proto_runs_end (&frame);
  if (frame.nr < PROTO_MAX_RUNS) {
    f->map++;
    f->from = 0;
  }
  return frame.nr > 0 ? stream_write (c->stream, buf->data, buf->len) : 0;
}

/* --- the feed --- */

static void
send_last (struct state_feed *f)
{
  struct proto_msg reply = {
    .type = PROTO_ATTACH,
    .id = f->id,
    .attached = f->attached,
  };

  if (!f->reader)
    lease_renew (&f->served->lease, now_boot_ns ());
  client_reply (f->feed.client, &reply);
}

/* True if the client must not get more of it; it is told why. */
static bool
is_cut (struct state_feed *f)
{
  const struct proto_msg request = {.type = PROTO_ATTACH, .id = f->id};
  struct served *l = f->served;
  struct client *c = f->feed.client;

  if (!f->reader && c->served != l) {
    client_error (c, &request, PROTO_E_STALE, "%s", c->stale);
    return true;
  }
  if (!f->reader && !served_may_promise (l)) {
    client_error (c, &request, PROTO_E_BUSY, "log %s: not sure whose it is",
                  l->name);
    return true;
  }
  if (!l->log || l->version != f->version || (f->reader && l->busy)) {
    client_error (c, &request, PROTO_E_BUSY,
                  "log %s: changed while it was read, try again", l->name);
    return true;
  }
  return false;
}

static bool
feed_step (struct feed *feed)
{
  struct state_feed *f = (struct state_feed *) feed;
  struct client *c = feed->client;

  if (is_cut (f))
    return true;
  while (f->map < PROTO_NR_MAPS) {
    if (stream_congested (c->stream))
      return false;
    if (send_runs (f) == -1) {
      client_close (c);
      return false;
    }
  }
  send_last (f);
  return true;
}

static void
feed_free (struct feed *feed)
{
  struct state_feed *f = (struct state_feed *) feed;
  struct served *l = f->served;

  free (f);
  l->readers--;
  served_later (l);
}

void
state_send (struct client *c, struct served *l, bool reader, uint64_t id,
            const struct proto_attached *attached)
{
  struct state_feed *f = calloc (1, sizeof *f);

  if (!f || (has_record (l) && send_record (c, l, id) == -1)) {
    free (f);
    client_close (c);
    served_later (l);
    return;
  }
  f->feed.step = feed_step;
  f->feed.free = feed_free;
  f->served = l;
  f->version = l->version;
  f->reader = reader;
  f->id = id;
  f->attached = *attached;
  l->readers++;
  client_feed (c, &f->feed);
}
