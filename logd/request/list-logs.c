/* SPDX-License-Identifier: BSD-3-Clause */

/* STATUS_INFO: of one log, or of all that the client may open.  Logs that
 * are not open are looked up in the directory, by a worker of their own.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "access.h"
#include "asker.h"
#include "depot.h"
#include "list-logs.h"
#include "log-status.h"
#include "logd-client.h"
#include "logd.h"
#include "served.h"
#include "stream.h"
#include "worker.h"

struct list_job {
  struct job job;
  struct server *server;
  struct asker asker;
  char only[PROTO_MAX_NAME + 1]; /* "" = all */
  struct depot_entry *entries;
  size_t nr;
  int error;
};

struct list_feed {
  struct feed feed;
  struct list_job *list;
  size_t next;
};

/* --- in the worker --- */

static struct proto_str
string (const char *s)
{
  return (struct proto_str){s, (uint32_t) strlen (s)};
}

static int
add_entry (void *opaque, const struct depot_entry *entry)
{
  struct list_job *j = opaque;
  struct depot_entry *bigger =
    realloc (j->entries, (j->nr + 1) * sizeof j->entries[0]);

  if (!bigger)
    return -1;
  j->entries = bigger;
  bigger[j->nr++] = *entry;
  return 0;
}

static int
compare (const void *a, const void *b)
{
  return strcmp (((const struct depot_entry *) a)->name,
                 ((const struct depot_entry *) b)->name);
}

static void
list_run (struct job *job)
{
  struct list_job *j = (struct list_job *) job;
  struct depot *depot = j->server->depot;

  if (depot->ops->list (depot, j->only, add_entry, j) == -1)
    j->error = errno;
  if (j->nr > 0)
    qsort (j->entries, j->nr, sizeof j->entries[0], compare);
  job_finish (job);
}

/* --- the answer --- */

static void
list_free (struct list_job *j)
{
  asker_end (&j->asker);
  free (j->entries);
  free (j);
}

static void
send_json (struct client *c, uint64_t id, unsigned flags,
           struct json_object *obj)
{
  struct proto_msg reply = {
    .type = PROTO_STATUS_INFO,
    .flags = (uint16_t) flags,
    .id = id,
  };

  reply.text =
    string (json_object_to_json_string_ext (obj,
                                            JSON_C_TO_STRING_PLAIN |
                                              JSON_C_TO_STRING_NOSLASHESCAPE));
  client_reply (c, &reply);
  json_object_put (obj);
}

static struct json_object *
entry_to_json (struct server *s, const struct depot_entry *e)
{
  struct served *l = served_find (s, string (e->name));

  return l ? status_of_log (l)
           : status_of_file (e->name, &e->record, e->server);
}

static bool
feed_step (struct feed *feed)
{
  struct list_feed *f = (struct list_feed *) feed;
  struct client *c = feed->client;
  const struct list_job *j = f->list;
  struct proto_msg last = {.type = PROTO_STATUS_INFO, .id = j->asker.id};

  while (f->next < j->nr) {
    const struct depot_entry *e = &j->entries[f->next];

    if (stream_congested (c->stream))
      return false;
    f->next++;
    if (access_may (c, e->name))
      send_json (c, j->asker.id, PROTO_MORE, entry_to_json (j->server, e));
    if (c->dead)
      return false;
  }
  client_reply (c, &last);
  return true;
}

static void
feed_free (struct feed *feed)
{
  struct list_feed *f = (struct list_feed *) feed;

  list_free (f->list);
  free (f);
}

/* Logs in memory are in no directory, nor are those not written yet. */
static int
add_served (struct list_job *j)
{
  size_t on_disk = j->nr;
  struct depot_entry key = {.server = ""};

  for (struct served *l = served_shown (j->server->logs); l;
       l = served_shown (l->next)) {
    memcpy (key.name, l->name, sizeof key.name);
    if ((on_disk == 0 ||
         !bsearch (&key, j->entries, on_disk, sizeof key, compare)) &&
        add_entry (j, &key) == -1)
      return -1;
  }
  if (j->nr > on_disk)
    qsort (j->entries, j->nr, sizeof key, compare);
  return 0;
}

static void
answer_all (struct list_job *j)
{
  struct client *c = j->asker.client;
  struct list_feed *f = calloc (1, sizeof *f);

  if (!f || add_served (j) == -1) {
    free (f);
    asker_error (&j->asker, PROTO_E_BUSY, "out of memory");
    list_free (j);
    return;
  }
  f->feed.step = feed_step;
  f->feed.free = feed_free;
  f->list = j;
  asker_end (&j->asker);
  client_feed (c, &f->feed);
}

/* That one knows more of it. */
static bool
is_elsewhere (struct server *s, const struct depot_entry *e)
{
  return e->server[0] && strcmp (e->server, s->depot->server) != 0 &&
         !served_find (s, string (e->name));
}

static void
answer_one (struct list_job *j)
{
  struct client *c = j->asker.client;

  if (j->nr == 0)
    asker_error (&j->asker, PROTO_E_NO_LOG, "log %s: there is none", j->only);
  else if (is_elsewhere (j->server, j->entries))
    asker_error (&j->asker, PROTO_E_ELSEWHERE, "ask %s", j->entries->server);
  else
    send_json (c, j->asker.id, 0, entry_to_json (j->server, j->entries));
  list_free (j);
}

static void
list_done (struct job *job)
{
  struct list_job *j = (struct list_job *) job;
  struct client *c = j->asker.client;

  j->server->listing--;
  if (c)
    client_unblock (c, BLOCK_JOB);
  if (!c)
    list_free (j);
  else if (j->error) {
    asker_error (&j->asker, error_of_errno (j->error), "%s: %s",
                 j->server->depot->name, strerror (j->error));
    list_free (j);
  }
  else if (j->only[0])
    answer_one (j);
  else
    answer_all (j);
}

/* --- the request --- */

static void
queue_list (struct client *c, const struct proto_msg *msg)
{
  struct server *s = c->server;
  struct list_job *j = calloc (1, sizeof *j);

  if (j && !s->lister)
    s->lister = worker_start (&s->completions, "list");
  if (!j || !s->lister) {
    free (j);
    client_error (c, msg, PROTO_E_BUSY, "out of memory, or of threads");
    return;
  }
  j->job = (struct job){.run = list_run, .done = list_done};
  j->server = s;
  asker_init (&j->asker, c, msg);
  if (msg->named.name.len > 0)
    memcpy (j->only, msg->named.name.s, msg->named.name.len);
  client_block (c, BLOCK_JOB);
  s->listing++;
  worker_queue (s->lister, &j->job);
}

void
list_request (struct client *c, const struct proto_msg *msg)
{
  struct proto_str name = msg->named.name;
  struct served *l;

  if (name.len > 0 && !access_check (c, msg, name))
    return;
  l = name.len > 0 ? served_find (c->server, name) : NULL;
  if (l)
    send_json (c, msg->id, 0, status_of_log (l));
  else
    queue_list (c, msg);
}
