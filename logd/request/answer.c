/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "answer.h"
#include "logd-client.h"
#include "logd.h"
#include "served.h"
#include "stream.h"

void
answer_keep (struct served *l, struct proto_msg *reply)
{
  struct buffer *buf = &l->server->scratch;

  reply->flags |= PROTO_REPLY;
  buffer_clear (buf);
  if (proto_encode (buf, reply) == 0)
    replies_keep (&l->replies, reply->id, buf->data, buf->len);
}

bool
answer_again (struct client *c, const struct proto_msg *msg)
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
