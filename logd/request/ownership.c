/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "attach-queue.h"
#include "deadline.h"
#include "logd-client.h"
#include "msg.h"
#include "ownership.h"
#include "served-look.h"
#include "served.h"
#include "stream.h"

/* While nobody knows whether the log is still this server's, it answers
 * nothing: the client asks the others, too.
 */
static bool
is_unsure (struct served *l, struct client *c)
{
  if (served_may_promise (l))
    return false;
  client_close (c);
  return true;
}

bool
request_of_owner (struct client *c, const struct proto_msg *msg,
                  uint64_t epoch)
{
  struct served *l = c->served;

  if (l && is_unsure (l, c))
    return false;
  if (l && l->lease.record.epoch == epoch) {
    attach_owner_lives (l);
    return true;
  }
  client_error (c, msg, PROTO_E_STALE, "%s",
                c->stale[0] ? c->stale
                            : "this connection has no log with this epoch");
  return false;
}

bool
request_of_any_epoch (struct client *c, const struct proto_msg *msg)
{
  if (c->served && is_unsure (c->served, c))
    return false;
  if (c->served) {
    attach_owner_lives (c->served);
    return true;
  }
  client_error (c, msg, PROTO_E_STALE, "%s",
                c->stale[0] ? c->stale : "this connection has no log");
  return false;
}

void
renew_request (struct client *c, const struct proto_msg *msg)
{
  struct proto_msg reply = {.type = PROTO_RENEW, .id = msg->id};
  struct lease *lease;

  if (!request_of_owner (c, msg, msg->flush.epoch))
    return;
  lease = &c->served->lease;
  lease_renew (lease, now_boot_ns ());
  reply.renewed.lease_ms = (uint32_t) (lease->record.length / NSEC_PER_MSEC);
  served_look (c->served);
  client_reply (c, &reply);
}

void
ownership_gone (struct client *c, const char *why)
{
  if (!c->served)
    return;
  if (why)
    msg_warning ("log %s: %s: connection lost: %s", c->served->name,
                 stream_peer (c->stream), why);
  c->served->owner = NULL;
  c->served = NULL;
}
