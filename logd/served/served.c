/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "depot.h"
#include "dirty-log.h"
#include "logd-client.h"
#include "served.h"
#include "worker.h"

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
served_shown (struct served *l)
{
  while (l && l->private)
    l = l->next;
  return l;
}

struct served *
served_find (struct server *s, struct proto_str name)
{
  for (struct served *l = served_shown (s->logs); l;
       l = served_shown (l->next))
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
  l->next = s->logs;
  s->logs = l;
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
}

void
served_later (struct served *l)
{
  l->later = l->server->later = true;
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
  uint64_t nr = dirty_log_info (l->log)->geo.nr_regions;

  if (l->grown_from < nr)
    dirty_log_mark_run (l->log, l->grown_from, nr - l->grown_from);
  l->grown_from = NOT_GROWN;
}

/* --- the seat --- */

bool
served_is_lost (const struct served *l)
{
  return l->seat && l->server->depot->ops->is_lost (l->seat);
}

bool
served_may_promise (const struct served *l)
{
  return !l->seat || l->server->depot->ops->is_valid (l->seat, now_boot_ns ());
}

/* --- who waits --- */

bool
served_is_wanted (const struct served *l)
{
  return l->attaches || l->removals || l->takeovers;
}

void
served_refuse_all (struct served *l, enum proto_error error, const char *text)
{
  for (const struct waiters *const *w = l->server->waiters; *w; ++w)
    (*w)->refuse_all (l, error, text);
}
