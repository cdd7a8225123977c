/* SPDX-License-Identifier: BSD-3-Clause */

/* A request to a log server: one connection, in a loop of its own, that
 * ends with the answer, with a failure, or with a timer.  While its address is
 * looked up the timer is that of the lookup.
 */

#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "deadline.h"
#include "ev-util.h"
#include "log-client.h"
#include "lookup.h"
#include "msg.h"
#include "stream.h"

#define HELLO_ID 1
#define REQUEST_ID 2
#define MAX_FOLLOWED 3

struct exchange {
  const struct log_server *server;
  struct proto_msg request;
  const char *(*on_text) (void *opaque, struct proto_str text);
  void *opaque;

  struct ev_loop *loop;
  ev_timer timer;
  uint64_t deadline;
  struct resolved resolved[LOOKUP_MAX];
  int nr, next;
  struct stream *stream;
  bool connected, greeted;

  bool over;
  bool elsewhere; /* at this server */
  char server_text[PROTO_MAX_TEXT + 1];
  enum log_outcome outcome;
};

/* --- the end --- */

static void
finish (struct exchange *x, enum log_outcome outcome)
{
  x->over = true;
  x->outcome = outcome;
  ev_break (x->loop, EVBREAK_ALL);
}

static void
no_answer (struct exchange *x, const char *why)
{
  msg_error ("%s: %s", x->server->text, why);
  finish (x, LOG_NO_ANSWER);
}

static void
on_timer (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct exchange *x = w->data;
  char why[80];

  (void) loop;
  (void) revents;
  snprintf (why, sizeof why, "%s within %g seconds",
            !x->connected ? "no connection"
            : x->greeted  ? "no answer"
                          : "no greeting",
            x->server->timeout_s);
  no_answer (x, why);
}

/* --- requests --- */

static void
send_frame (struct exchange *x, const struct proto_msg *msg)
{
  struct buffer buf = {.data = NULL};

  if (proto_encode (&buf, msg) == -1 ||
      stream_write (x->stream, buf.data, buf.len) == -1)
    no_answer (x, strerror (errno));
  buffer_free (&buf);
}

static void
say_hello (struct exchange *x)
{
  static const char software[] = PACKAGE_STRING;
  const struct proto_msg msg = {
    .type = PROTO_HELLO,
    .id = HELLO_ID,
    .hello = {.version = PROTO_VERSION,
              .features = PROTO_FEATURE_ELSEWHERE,
              .software = {software, sizeof software - 1}},
  };

  send_frame (x, &msg);
}

/* --- replies --- */

/* Who is spoken to is known only to the other side. */
static void
not_a_server (struct exchange *x)
{
  no_answer (x, x->server->tls
                  ? "the answer is not from a log server"
                  : "the answer is not from a log server (or does it want "
                    "TLS?)");
}

static void
take_text (struct exchange *x, const struct proto_msg *msg)
{
  const char *why = NULL;

  if (msg->text.len > 0)
    why = x->on_text (x->opaque, msg->text);
  if (why)
    no_answer (x, why);
  else if (!(msg->flags & PROTO_MORE))
    finish (x, LOG_DONE);
}

/* "ask HOST:PORT" */
static void
take_elsewhere (struct exchange *x, struct proto_str text)
{
  if (text.len <= 4 || memcmp (text.s, "ask ", 4) != 0) {
    no_answer (x, "another server has the log, and it does not say which");
    return;
  }
  snprintf (x->server_text, sizeof x->server_text, "%.*s", (int) text.len - 4,
            text.s + 4);
  x->elsewhere = true;
  finish (x, LOG_REFUSED);
}

static void
take_reply (struct exchange *x, const struct proto_msg *msg)
{
  if (!(msg->flags & PROTO_REPLY) ||
      msg->id != (x->greeted ? REQUEST_ID : HELLO_ID))
    not_a_server (x);
  else if (msg->error == PROTO_E_ELSEWHERE)
    take_elsewhere (x, msg->text);
  else if (msg->error) {
    msg_error ("%s: %.*s", x->server->text, (int) msg->text.len, msg->text.s);
    finish (x, LOG_REFUSED);
  }
  else if (msg->type != (x->greeted ? x->request.type : PROTO_HELLO))
    not_a_server (x);
  else if (!x->greeted) {
    x->greeted = true;
    send_frame (x, &x->request);
  }
  else if (msg->type == PROTO_STATUS_INFO)
    take_text (x, msg);
  else
    finish (x, LOG_DONE);
}

static size_t
take_frame (struct exchange *x, const uint8_t *data, size_t len)
{
  struct proto_msg msg;
  size_t frame;

  if (len < PROTO_HEADER_SIZE)
    return 0;
  frame = proto_frame_length (data);
  if (frame == 0)
    not_a_server (x);
  if (frame == 0 || frame > len)
    return 0;
  if (proto_decode (&msg, data, frame) == PROTO_OK)
    take_reply (x, &msg);
  else
    not_a_server (x);
  return frame;
}

static size_t
on_input (struct stream *s, const uint8_t *data, size_t len)
{
  struct exchange *x = stream_opaque (s);
  size_t used = 0, frame;

  do {
    frame = take_frame (x, data + used, len - used);
    used += frame;
  } while (frame > 0 && !x->over);
  return x->over ? len : used;
}

/* --- the connection --- */

static int try_next (struct exchange *x);

static void
on_ready (struct stream *s)
{
  struct exchange *x = stream_opaque (s);

  x->connected = true;
  say_hello (x);
}

static void
on_drained (struct stream *s)
{
  (void) s;
}

static void
on_failed (struct stream *s, const char *reason)
{
  struct exchange *x = stream_opaque (s);
  char why[512];

  if (x->over)
    return;
  snprintf (why, sizeof why, "%s%s", reason,
            x->connected && !x->greeted && !x->server->tls
              ? " (does it want TLS?)"
              : "");
  if (!x->connected) {
    stream_close (s);
    x->stream = NULL;
    if (try_next (x) == 0)
      return;
  }
  no_answer (x, why);
}

static const struct stream_callbacks callbacks = {
  .ready = on_ready,
  .input = on_input,
  .drained = on_drained,
  .failed = on_failed,
};

/* -1 with errno if there is none left. */
static int
try_next (struct exchange *x)
{
  const struct stream_options options = {
    .tls = x->server->tls,
    .server_name = x->server->address.host,
    .max_input = PROTO_MAX_FRAME,
    .max_output = PROTO_MAX_FRAME,
    .handshake_s = x->server->timeout_s,
  };

  errno = ECONNREFUSED;
  while (x->next < x->nr) {
    int fd = resolved_connect (&x->resolved[x->next++]);

    if (fd == -1)
      continue;
    x->stream = stream_new (x->loop, fd, true, &options, &callbacks, x);
    if (x->stream)
      return 0;
  }
  return -1;
}

static double
seconds_left (const struct exchange *x)
{
  uint64_t now = now_ns ();

  return x->deadline > now
           ? (double) (x->deadline - now) / (double) NSEC_PER_SEC
           : 0.;
}

static void
on_resolved (void *opaque, const struct resolved *found, int nr,
             const char *why)
{
  struct exchange *x = opaque;

  if (nr <= 0) {
    no_answer (x, why ? why : "no address");
    return;
  }
  memcpy (x->resolved, found, (size_t) nr * sizeof found[0]);
  x->nr = nr;
  ev_timer_in (x->loop, &x->timer, seconds_left (x));
  if (try_next (x) == -1)
    no_answer (x, strerror (errno));
}

static void
exchange_run (struct exchange *x)
{
  struct lookup *lookup =
    lookup_new (x->loop, &x->server->address, on_resolved, x);

  if (!lookup) {
    no_answer (x, strerror (errno));
    return;
  }
  x->deadline = now_ns () + (uint64_t) (x->server->timeout_s * NSEC_PER_SEC);
  ev_timer_setup (&x->timer, on_timer, x);
  lookup_start (lookup, x->server->timeout_s);
  while (!x->over)
    ev_run (x->loop, 0);
  ev_timer_stop (x->loop, &x->timer);
  if (x->stream)
    stream_close (x->stream);
  lookup_free (lookup);
}

/* True: go on at the server that it names. */
static bool
follow (struct exchange *x, struct log_server *next, char *text, size_t size)
{
  const char *why;

  if (!x->elsewhere)
    return false;
  snprintf (text, size, "%s", x->server_text);
  next->text = text;
  if (address_parse (&next->address, text, strlen (text),
                     PROTO_DEFAULT_PORT_TEXT, &why) == 0)
    return true;
  msg_error ("%s: sends us to `%s': %s", x->server->text, text, why);
  return false;
}

static enum log_outcome
request_once (struct exchange *x)
{
  x->loop = ev_loop_new (EVFLAG_AUTO);
  if (x->loop == NULL) {
    msg_error ("no event loop");
    return LOG_NO_ANSWER;
  }
  exchange_run (x);
  ev_loop_destroy (x->loop);
  return x->outcome;
}

enum log_outcome
log_request (const struct log_server *server, const struct proto_msg *request,
             const char *(*on_text) (void *opaque, struct proto_str text),
             void *opaque)
{
  struct log_server at = *server;
  char text[PROTO_MAX_TEXT + 1];
  enum log_outcome outcome;

  for (unsigned i = 0; i <= MAX_FOLLOWED; ++i) {
    struct exchange x = {
      .server = &at,
      .request = *request,
      .on_text = on_text,
      .opaque = opaque,
    };

    x.request.id = REQUEST_ID;
    outcome = request_once (&x);
    if (!follow (&x, &at, text, sizeof text))
      return outcome;
  }
  msg_error ("%s: servers send us to each other", server->text);
  return LOG_NO_ANSWER;
}
