/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said on a connection: hello, attach, then requests of the caller
 * and, each third of the lease, its renewal.
 *
 * The lease counts from when it was asked for, not from when the answer
 * came; and as clocks run differently, and the check before a request to a
 * leg is not the request, we stop a little earlier.
 *
 * A server that has something to answer and is silent for a third of the
 * lease is given up; when half of that has passed it is asked for the lease
 * once more, so that a slow flush alone does not look like silence.  While
 * it takes what we send, which after a new connection may be much, it lives,
 * too.  Time in which this process was stopped does not count.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client-impl.h"
#include "deadline.h"
#include "ev-util.h"

#define HELLO_SILENCE_NS (3 * NSEC_PER_SEC)
#define ATTACH_SILENCE_NS (10 * NSEC_PER_SEC) /* a big log is loaded */
#define MIN_SILENCE_NS NSEC_PER_SEC
#define MIN_MARGIN_NS (200 * NSEC_PER_MSEC)
#define MAX_TICK_S .5
#define PAUSED_NS NSEC_PER_SEC /* no tick for so long: we were stopped */

/* --- sending --- */

uint64_t
log_client_id (struct log_client *c)
{
  return ++c->last_id;
}

int
log_client_send (struct log_client *c)
{
  int r = stream_write (c->stream, c->out.data, c->out.len);

  c->out.len = 0;
  return r;
}

/* Append a request that will be answered. */
static int
request (struct log_client *c, struct proto_msg *msg)
{
  if (proto_encode (&c->out, msg) == -1)
    return -1;
  if (c->unanswered++ == 0)
    c->silent_ns = now_ns ();
  return 0;
}

static void
request_now (struct log_client *c, struct proto_msg *msg)
{
  if (request (c, msg) == -1 || log_client_send (c) == -1)
    log_client_failed (c, strerror (errno));
}

static uint64_t
request_of_epoch (struct log_client *c, uint16_t type, uint32_t flags)
{
  struct proto_msg msg = {
    .type = type,
    .id = log_client_id (c),
    .flush = {.epoch = c->epoch, .flags = flags},
  };

  return request (c, &msg) == 0 ? msg.id : 0;
}

uint64_t
log_client_flush (struct log_client *c, uint32_t flags)
{
  return request_of_epoch (c, PROTO_FLUSH, flags);
}

uint64_t
log_client_detach (struct log_client *c, uint32_t flags)
{
  return request_of_epoch (c, PROTO_DETACH, flags);
}

static void
say_hello (struct log_client *c)
{
  static const char software[] = PACKAGE_STRING;
  struct proto_msg msg = {
    .type = PROTO_HELLO,
    .id = log_client_id (c),
    .hello = {.version = PROTO_VERSION,
              .software = {software, sizeof software - 1}},
  };

  c->hello_id = msg.id;
  c->state = CLIENT_HELLO;
  request_now (c, &msg);
}

static void
attach (struct log_client *c)
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
  request_now (c, &msg);
}

static void
renew (struct log_client *c)
{
  c->asked_boottime = now_boot_ns ();
  c->renew_id = request_of_epoch (c, PROTO_RENEW, 0);
  if (c->renew_id == 0 || log_client_send (c) == -1)
    log_client_failed (c, strerror (errno));
}

/* --- the lease --- */

static void
tick_each (struct log_client *c, double seconds)
{
  c->tick.repeat = seconds < MAX_TICK_S ? seconds : MAX_TICK_S;
  ev_timer_again (c->loop, &c->tick);
}

static void
leased (struct log_client *c, uint32_t lease_ms)
{
  uint64_t margin;

  c->lease_ns = lease_ms * NSEC_PER_MSEC;
  c->renew_due = c->asked_boottime + c->lease_ns / 3;
  tick_each (c, lease_ms / 1e3 / 24);
  margin = c->lease_ns / 10;
  if (margin < MIN_MARGIN_NS)
    margin = MIN_MARGIN_NS;
  if (c->lease_ns > margin)
    c->cb->lease (c->opaque, c->asked_boottime + c->lease_ns - margin);
}

static uint64_t
max_silence (const struct log_client *c)
{
  if (c->state != CLIENT_ATTACHED)
    return c->state == CLIENT_HELLO ? HELLO_SILENCE_NS : ATTACH_SILENCE_NS;
  return c->lease_ns / 3 > MIN_SILENCE_NS ? c->lease_ns / 3 : MIN_SILENCE_NS;
}

static uint64_t
silence (const struct log_client *c, uint64_t now)
{
  return c->unanswered > 0 && !c->waiting ? now - c->silent_ns : 0;
}

static bool
is_renew_due (const struct log_client *c, uint64_t now)
{
  return c->state == CLIENT_ATTACHED && c->renew_id == 0 && c->lease_ns > 0 &&
         (now_boot_ns () >= c->renew_due ||
          silence (c, now) > max_silence (c) / 2);
}

/* The server took some of the output since the last tick. */
static bool
is_taking (struct log_client *c)
{
  size_t before = c->unsent;

  c->unsent = stream_waiting (c->stream);
  return c->unsent < before;
}

static void
on_tick (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct log_client *c = w->data;
  uint64_t now = now_ns ();

  (void) loop;
  (void) revents;
  if (is_taking (c) || now - c->ticked_ns > PAUSED_NS)
    c->silent_ns = now;
  c->ticked_ns = now;
  if (silence (c, now) > max_silence (c))
    log_client_failed (c, "no answer");
  else if (is_renew_due (c, now))
    renew (c);
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
  log_client_end (c);
  c->cb->lost (c->opaque, text);
}

static void
on_hello_reply (struct log_client *c, const struct proto_msg *msg)
{
  char text[PROTO_MAX_TEXT + 1];

  c->hello_id = 0;
  if (msg->error)
    log_client_failed (c, text_of (msg, text, sizeof text));
  else if (msg->hello.version != PROTO_VERSION)
    log_client_failed (c, "speaks another version of the protocol");
  else
    attach (c);
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
    leased (c, a->lease_ms);
  c->cb->woken (c->opaque);
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
  else if (msg->error == PROTO_E_STALE || msg->error == PROTO_E_OTHER_LOG ||
           (c->attached_before && msg->error == PROTO_E_OWNED))
    lose (c, text);
  else if (c->cb->refused (c->opaque, (enum proto_error) msg->error, text))
    log_client_failed (c, text);
  else
    log_client_end (c);
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
    log_client_failed (c, "senseless answer to attach");
  else if ((why = c->cb->state (c->opaque, msg)))
    log_client_failed (c, why);
}

static void
on_notice (struct log_client *c, const struct proto_msg *msg)
{
  char text[PROTO_MAX_TEXT + 1];

  if (msg->type != PROTO_RELEASE || c->state != CLIENT_ATTACHED)
    return;
  c->cb->release (c->opaque, text_of (msg, text, sizeof text));
  if (c->state == CLIENT_ATTACHED && c->renew_id == 0)
    renew (c);
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
    log_client_failed (c, "an answer that nobody asked for");
  else if (msg->error == PROTO_E_STALE)
    lose (c, text_of (msg, text, sizeof text));
  else if (msg->id != c->renew_id)
    c->cb->reply (c->opaque, msg);
  else {
    c->renew_id = 0;
    if (msg->error)
      log_client_failed (c, text_of (msg, text, sizeof text));
    else
      leased (c, msg->renewed.lease_ms);
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
    log_client_failed (c, "does not speak the log protocol");
    return 0;
  }
  if (len < frame)
    return 0;
  err = proto_decode (&msg, data, frame);
  if (err == PROTO_OK)
    on_frame (c, &msg);
  else if (err != PROTO_E_UNSUPPORTED || msg.id != 0)
    log_client_failed (c, "a damaged frame");
  return frame;
}

size_t
log_client_session_input (struct log_client *c, const uint8_t *data,
                          size_t len)
{
  const struct stream *s = c->stream;
  size_t used = 0, frame;

  c->silent_ns = now_ns ();
  do {
    frame = take_frame (c, data + used, len - used);
    used += frame;
  } while (frame > 0 && c->stream == s);
  return used;
}

/* --- life --- */

void
log_client_session_begin (struct log_client *c)
{
  c->ticked_ns = now_ns ();
  tick_each (c, MAX_TICK_S);
  say_hello (c);
}

void
log_client_session_reset (struct log_client *c)
{
  ev_timer_stop (c->loop, &c->tick);
  c->hello_id = c->attach_id = c->renew_id = 0;
  c->unanswered = 0;
  c->waiting = false;
  c->unsent = 0;
  c->out.len = 0;
}

void
log_client_session_init (struct log_client *c)
{
  ev_timer_setup (&c->tick, on_tick, c);
}

/* --- public --- */

void
log_client_drop (struct log_client *c, const char *reason)
{
  log_client_failed (c, reason);
}
