/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "client-link.h"
#include "deadline.h"
#include "stream.h"

#define STABLE_NS NSEC_PER_SEC /* attached for so long: all is well */

/* --- requests --- */

uint64_t
log_client_id (struct log_client *c)
{
  return ++c->last_id;
}

int
log_client_send (struct log_client *c)
{
  int r = stream_write (c->connector.stream, c->out.data, c->out.len);

  buffer_clear (&c->out);
  return r;
}

int
link_request (struct log_client *c, struct proto_msg *msg)
{
  if (proto_encode (&c->out, msg) == -1)
    return -1;
  if (c->unanswered++ == 0)
    c->silent_ns = now_ns ();
  return 0;
}

void
link_request_now (struct log_client *c, struct proto_msg *msg)
{
  if (link_request (c, msg) == -1 || log_client_send (c) == -1)
    link_failed (c, strerror (errno));
}

uint64_t
link_request_of_epoch (struct log_client *c, uint16_t type, uint32_t flags)
{
  struct proto_msg msg = {
    .type = type,
    .id = log_client_id (c),
    .flush = {.epoch = c->epoch, .flags = flags},
  };

  return link_request (c, &msg) == 0 ? msg.id : 0;
}

uint64_t
log_client_flush (struct log_client *c, uint32_t flags)
{
  return link_request_of_epoch (c, PROTO_FLUSH, flags);
}

uint64_t
log_client_detach (struct log_client *c, uint32_t flags)
{
  return link_request_of_epoch (c, PROTO_DETACH, flags);
}

/* --- the end --- */

/* What was under way is not any more. */
static void
reset (struct log_client *c)
{
  ev_timer_stop (c->loop, &c->tick);
  c->hello_id = c->attach_id = c->renew_id = 0;
  c->unanswered = 0;
  c->waiting = false;
  c->unsent = 0;
  buffer_clear (&c->out);
}

void
link_failed (struct log_client *c, const char *reason)
{
  bool was_attached = c->state == CLIENT_ATTACHED;

  if (was_attached && now_ns () - c->attached_ns > STABLE_NS)
    connector_forget_failures (&c->connector);
  reset (c);
  c->state = CLIENT_DISCONNECTED;
  connector_failed (&c->connector, reason, was_attached);
}

void
link_follow (struct log_client *c, const struct address *server)
{
  reset (c);
  c->state = CLIENT_DISCONNECTED;
  connector_follow (&c->connector, server);
}

void
log_client_drop (struct log_client *c, const char *reason)
{
  link_failed (c, reason);
}

void
link_close (struct log_client *c)
{
  connector_stop (&c->connector);
  reset (c);
}

void
link_end (struct log_client *c)
{
  link_close (c);
  c->state = CLIENT_OVER;
  ev_break (c->loop, EVBREAK_ALL);
}
