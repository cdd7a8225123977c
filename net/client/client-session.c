/* SPDX-License-Identifier: BSD-3-Clause */

/* On a connection it is hello, attach, then requests of the caller and, each
 * third of the lease, its renewal.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client-lease.h"
#include "client-link.h"
#include "client-session.h"
#include "deadline.h"

/* --- requests --- */

static void
say_hello (struct log_client *c)
{
  static const char software[] = PACKAGE_STRING;
  struct proto_msg msg = {
    .type = PROTO_HELLO,
    .id = log_client_id (c),
    .hello = {.version = PROTO_VERSION,
              .features = PROTO_FEATURE_MIN_BLOCK | PROTO_FEATURE_ELSEWHERE,
              .software = {software, sizeof software - 1}},
  };

  c->hello_id = msg.id;
  c->state = CLIENT_HELLO;
  link_request_now (c, &msg);
}

static void
ask_attach (struct log_client *c)
{
  struct proto_msg msg = {
    .type = PROTO_ATTACH,
    .id = log_client_id (c),
    .attach = {.flags = c->attach_flags,
               .name = {c->log, (uint32_t) strlen (c->log)},
               .host = {c->host, (uint32_t) strlen (c->host)},
               .pid = (uint32_t) getpid ()},
  };

  memcpy (msg.attach.session, c->session, sizeof c->session);
  if (c->attached_before && c->known) {
    msg.attach.flags |= PROTO_ATTACH_AGAIN;
    memcpy (msg.attach.uuid, c->uuid, sizeof c->uuid);
    msg.attach.epoch = c->epoch;
    msg.attach.flush_number = c->flush_number;
  }
  else
    c->cb->state (c->opaque, NULL);
  c->attach_id = msg.id;
  c->state = CLIENT_ATTACHING;
  c->asked_boottime = now_boot_ns ();
  link_request_now (c, &msg);
}

/* --- replies --- */

/* A text from the server, for messages. */
static const char *
text_of (const struct proto_msg *msg, char *buf, size_t size)
{
  if (msg->text.len == 0)
    return proto_error_name (msg->error);
  snprintf (buf, size, "%.*s", (int) msg->text.len, msg->text.s);
  return buf;
}

static void
lose (struct log_client *c, const char *text)
{
  link_end (c);
  c->cb->lost (c->opaque, text);
}

static void
on_hello_reply (struct log_client *c, const struct proto_msg *msg)
{
  char text[PROTO_MAX_TEXT + 1];

  c->hello_id = 0;
  if (msg->error)
    link_failed (c, text_of (msg, text, sizeof text));
  else if (msg->hello.version != PROTO_VERSION)
    link_failed (c, "speaks another version of the protocol");
  else {
    connector_answered (&c->connector);
    c->features = msg->hello.features;
    ask_attach (c);
  }
}

static void
on_attached (struct log_client *c, const struct proto_attached *a)
{
  const char *why = NULL;

  if (c->attached_before && a->epoch != c->epoch)
    why = "another mirror had it meanwhile";
  if (!why)
    why = c->cb->attached (c->opaque, a, c->attached_before);
  if (why) {
    lose (c, why);
    return;
  }
  c->attached_before = true;
  c->attached_ns = now_ns ();
  c->epoch = a->epoch;
  c->state = CLIENT_ATTACHED;
  if (!(c->attach_flags & PROTO_ATTACH_READ_ONLY))
    log_client_lease_begin (c, a->lease_ms);
  c->cb->woken (c->opaque);
}

/* "ask HOST:PORT" */
static void
follow (struct log_client *c, const char *text)
{
  static const char ask[] = "ask ";
  const size_t len = sizeof ask - 1;
  struct address server;
  const char *why;

  if (strncmp (text, ask, len) != 0 ||
      address_parse (&server, text + len, strlen (text + len),
                     PROTO_DEFAULT_PORT_TEXT, &why) == -1)
    link_failed (c, "sends us to a server, and does not say which");
  else
    link_follow (c, &server);
}

static void
on_attach_refused (struct log_client *c, const struct proto_msg *msg)
{
  char buf[PROTO_MAX_TEXT + 1];
  const char *text = text_of (msg, buf, sizeof buf);

  if (msg->error == PROTO_E_WAIT) {
    c->waiting = true;
    c->cb->waiting (c->opaque, text);
  }
  else if (msg->error == PROTO_E_ELSEWHERE)
    follow (c, text);
  else if (msg->error == PROTO_E_STALE || msg->error == PROTO_E_OTHER_LOG ||
           (c->attached_before && msg->error == PROTO_E_OWNED))
    lose (c, text);
  else if (c->cb->refused (c->opaque, (enum proto_error) msg->error, text))
    link_failed (c, text);
  else
    link_end (c);
}

static void
on_attach_reply (struct log_client *c, const struct proto_msg *msg)
{
  const char *why;

  if (!(msg->flags & PROTO_MORE))
    c->attach_id = 0;
  if (msg->error)
    on_attach_refused (c, msg);
  else if (msg->type == PROTO_ATTACH && !(msg->flags & PROTO_MORE))
    on_attached (c, &msg->attached);
  else if (msg->type != PROTO_STATE_RECORD && msg->type != PROTO_STATE_RUNS)
    link_failed (c, "senseless answer to attach");
  else if ((why = c->cb->state (c->opaque, msg)))
    link_failed (c, why);
}

static void
on_notice (struct log_client *c, const struct proto_msg *msg)
{
  char text[PROTO_MAX_TEXT + 1];

  if (msg->type != PROTO_RELEASE || c->state != CLIENT_ATTACHED)
    return;
  c->cb->release (c->opaque, text_of (msg, text, sizeof text));
  if (c->state == CLIENT_ATTACHED && c->renew_id == 0)
    log_client_lease_renew (c);
}

static void
on_reply (struct log_client *c, const struct proto_msg *msg)
{
  char text[PROTO_MAX_TEXT + 1];

  if (msg->id == c->hello_id)
    on_hello_reply (c, msg);
  else if (msg->id == c->attach_id)
    on_attach_reply (c, msg);
  else if (c->state != CLIENT_ATTACHED)
    link_failed (c, "an answer that nobody asked for");
  else if (msg->error == PROTO_E_STALE)
    lose (c, text_of (msg, text, sizeof text));
  else if (msg->id != c->renew_id)
    c->cb->reply (c->opaque, msg);
  else {
    c->renew_id = 0;
    if (msg->error)
      link_failed (c, text_of (msg, text, sizeof text));
    else
      log_client_lease_begin (c, msg->renewed.lease_ms);
  }
}

static bool
is_answer (const struct proto_msg *msg)
{
  return !(msg->flags & PROTO_MORE) &&
         (msg->type == PROTO_HELLO || msg->type == PROTO_ATTACH ||
          msg->type == PROTO_RENEW || msg->type == PROTO_FLUSH ||
          msg->type == PROTO_DETACH);
}

static void
on_frame (struct log_client *c, const struct proto_msg *msg)
{
  if (msg->id == 0) {
    on_notice (c, msg);
    return;
  }
  if (is_answer (msg) && c->unanswered > 0)
    c->unanswered--;
  on_reply (c, msg);
}

/* --- bytes --- */

/* One frame; returns its length, or 0 if it is not all there. */
static size_t
take_frame (struct log_client *c, const uint8_t *data, size_t len)
{
  struct proto_msg msg;
  enum proto_error err;
  size_t frame;

  if (len < PROTO_HEADER_SIZE)
    return 0;
  frame = proto_frame_length (data);
  if (frame == 0) {
    link_failed (c, "does not speak the log protocol");
    return 0;
  }
  if (len < frame)
    return 0;
  err = proto_decode (&msg, data, frame);
  if (err == PROTO_OK)
    on_frame (c, &msg);
  else if (err != PROTO_E_UNSUPPORTED || msg.id != 0)
    link_failed (c, "a damaged frame");
  return frame;
}

static size_t
on_input (void *opaque, const uint8_t *data, size_t len)
{
  struct log_client *c = opaque;
  const struct stream *s = c->connector.stream;
  size_t used = 0, frame;

  c->silent_ns = now_ns ();
  do {
    frame = take_frame (c, data + used, len - used);
    used += frame;
  } while (frame > 0 && c->connector.stream == s);
  return used;
}

/* --- the connection --- */

static void
on_ready (void *opaque)
{
  struct log_client *c = opaque;

  log_client_lease_watch (c);
  say_hello (c);
}

static void
on_lost (void *opaque, const char *reason)
{
  struct log_client *c = opaque;
  char text[CONNECTOR_REASON_SIZE];

  snprintf (text, sizeof text, "%s%s", reason,
            c->state == CLIENT_HELLO && !c->connector.tls
              ? " (does the server want TLS?)"
              : "");
  link_failed (c, text);
}

static void
on_disconnected (void *opaque, const char *reason, bool was_used)
{
  struct log_client *c = opaque;

  c->cb->disconnected (c->opaque, reason, was_used);
}

const struct connector_callbacks log_client_connection = {
  .ready = on_ready,
  .input = on_input,
  .lost = on_lost,
  .disconnected = on_disconnected,
};
