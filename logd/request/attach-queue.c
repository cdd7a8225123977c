/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach-queue.h"
#include "logd-client.h"
#include "served.h"
#include "stream.h"

static void
copy_string (char *buf, size_t size, struct proto_str s)
{
  snprintf (buf, size, "%.*s", (int) s.len, s.s);
  for (char *p = buf; *p; ++p)
    if (*p <= ' ' || *p > '~')
      *p = '?';
}

struct attach *
attach_new (struct client *c, const struct proto_msg *msg)
{
  const struct proto_attach *request = &msg->attach;
  struct attach *a = calloc (1, sizeof *a);

  if (!a)
    return NULL;
  asker_init (&a->asker, c, msg);
  memcpy (a->holder.session, request->session, PROTO_ID_SIZE);
  copy_string (a->holder.host, sizeof a->holder.host, request->host);
  a->holder.pid = request->pid;
  snprintf (a->holder.address, sizeof a->holder.address, "%s",
            stream_peer (c->stream));
  a->flags = request->flags;
  memcpy (a->uuid, request->uuid, PROTO_ID_SIZE);
  a->epoch = request->epoch;
  a->flush_number = request->flush_number;
  c->attaching = true;
  return a;
}

void
attach_free (struct attach *a)
{
  if (a->asker.client)
    a->asker.client->attaching = false;
  asker_end (&a->asker);
  free (a);
}

void
attach_refuse (struct attach *a, enum proto_error error, const char *fmt, ...)
{
  char text[TEXT_SIZE];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  if (a->asker.client)
    a->asker.client->attaching = false;
  asker_error (&a->asker, error, "%s", text);
  attach_free (a);
}

void
attach_enqueue (struct served *l, struct attach *a)
{
  struct attach **p = &l->attaches;

  while (*p)
    p = &(*p)->next;
  *p = a;
}

bool
attach_is_holder (const struct served *l, const struct attach *a)
{
  return memcmp (l->lease.record.holder.session, a->holder.session,
                 PROTO_ID_SIZE) == 0;
}

void
attach_owner_lives (struct served *l)
{
  char holder[HOLDER_SIZE];
  struct attach **p = &l->attaches, *a;

  while ((a = *p)) {
    if (attach_is_holder (l, a)) {
      p = &a->next;
      continue;
    }
    *p = a->next;
    attach_refuse (a, PROTO_E_OWNED, "log %s is owned by %s, which is alive",
                   l->name, served_holder (l, holder, sizeof holder));
  }
}

void
attach_refuse_all (struct served *l, enum proto_error error, const char *text)
{
  struct attach *a;

  while ((a = l->attaches)) {
    l->attaches = a->next;
    attach_refuse (a, error, "%s", text);
  }
}
