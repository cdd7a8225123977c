/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdarg.h>

#include "asker.h"
#include "logd-client.h"

void
asker_init (struct asker *a, struct client *c, const struct proto_msg *request)
{
  a->client = c;
  a->type = request->type;
  a->id = request->id;
  a->next = c->askers;
  a->prev = &c->askers;
  if (a->next)
    a->next->prev = &a->next;
  c->askers = a;
  if (++c->nr_askers == CLIENT_ASKERS)
    client_block (c, BLOCK_ASKERS);
}

void
asker_end (struct asker *a)
{
  struct client *c = a->client;

  if (!c)
    return;
  *a->prev = a->next;
  if (a->next)
    a->next->prev = a->prev;
  a->client = NULL;
  if (c->nr_askers-- == CLIENT_ASKERS)
    client_unblock (c, BLOCK_ASKERS);
}

void
asker_reply (struct asker *a, struct proto_msg *reply)
{
  struct client *c = a->client;

  reply->type = a->type;
  reply->id = a->id;
  if (!(reply->flags & PROTO_MORE))
    asker_end (a);
  if (c)
    client_reply (c, reply);
}

void
asker_error (struct asker *a, enum proto_error error, const char *fmt, ...)
{
  struct proto_msg reply = {.error = error};
  char text[TEXT_SIZE];
  va_list args;

  va_start (args, fmt);
  reply.text = client_text (text, fmt, args);
  va_end (args);
  reply.flags = error == PROTO_E_WAIT ? PROTO_MORE : 0;
  asker_reply (a, &reply);
}

enum proto_error
error_of_errno (int err)
{
  return err == ENOSPC || err == EDQUOT || err == EFBIG ? PROTO_E_NO_SPACE
                                                        : PROTO_E_IO;
}
