/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection.  What it may cost is bounded: CLIENT_INPUT bytes of requests,
 * CLIENT_ASKERS of them waiting for the disk, or for somebody else, and about
 * CLIENT_OUTPUT bytes of replies; beyond that nothing more is read from it.
 */

#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asker.h"
#include "logd-client.h"
#include "msg.h"
#include "options.h"
#include "stream.h"
#include "tls.h"

#define HELLO_SECONDS 10.
#define SHUT_SECONDS 1. /* for the last answers, when the server ends */
#define CLIENT_INPUT (2 * PROTO_MAX_FRAME)
#define CLIENT_OUTPUT ((size_t) 1 << 20)

/* Above max_clients, so many more are told that there are too many. */
#define SPARE_CLIENTS 64

/* --- replies --- */

static struct proto_str
string (const char *s)
{
  return (struct proto_str){s, (uint32_t) strlen (s)};
}

struct proto_str
client_text (char buf[TEXT_SIZE], const char *fmt, va_list args)
{
  vsnprintf (buf, TEXT_SIZE, fmt, args);
  for (char *p = buf; *p; ++p)
    if (iscntrl ((unsigned char) *p))
      *p = '?';
  return string (buf);
}

void
client_reply (struct client *c, struct proto_msg *reply)
{
  struct buffer *buf = &c->server->scratch;

  reply->flags |= PROTO_REPLY;
  if (reply->error == PROTO_E_ELSEWHERE &&
      !(c->features & PROTO_FEATURE_ELSEWHERE))
    reply->error = PROTO_E_BUSY; /* then it tries the next one of its list */
  buffer_clear (buf);
  if (proto_encode (buf, reply) == -1 ||
      stream_write (c->stream, buf->data, buf->len) == -1) {
    msg_error ("%s: reply to %s: %m", stream_peer (c->stream),
               proto_type_name (reply->type));
    client_close (c);
    return;
  }
  if (stream_congested (c->stream))
    client_block (c, BLOCK_OUTPUT);
}

void
client_error (struct client *c, const struct proto_msg *request,
              enum proto_error error, const char *fmt, ...)
{
  struct proto_msg reply = {.error = error};
  char text[TEXT_SIZE];
  va_list args;

  va_start (args, fmt);
  reply.text = client_text (text, fmt, args);
  va_end (args);
  reply.type = request->type;
  reply.id = request->id;
  client_reply (c, &reply);
}

/* --- back-pressure --- */

void
client_block (struct client *c, unsigned why)
{
  if (!c->dead && !c->blocked)
    stream_pause (c->stream, true);
  c->blocked |= why;
}

void
client_unblock (struct client *c, unsigned why)
{
  if (!(c->blocked & why))
    return;
  c->blocked &= ~why;
  if (!c->dead && !c->blocked)
    stream_pause (c->stream, false);
}

static void
run_feeds (struct client *c)
{
  struct feed *f;

  while (!c->dead && (f = c->feeds) && f->step (f) && !c->dead) {
    c->feeds = f->next;
    f->free (f);
  }
  if (!c->feeds)
    client_unblock (c, BLOCK_FEED);
}

void
client_feed (struct client *c, struct feed *f)
{
  struct feed **p = &c->feeds;

  while (*p)
    p = &(*p)->next;
  *p = f;
  f->client = c;
  f->next = NULL;
  client_block (c, BLOCK_FEED);
  run_feeds (c);
}

static void
on_drained (struct stream *stream)
{
  struct client *c = stream_opaque (stream);

  run_feeds (c);
  if (!c->dead && !stream_congested (stream))
    client_unblock (c, BLOCK_OUTPUT);
}

/* --- the end --- */

static void
forget_askers (struct client *c)
{
  for (struct asker *a = c->askers; a; a = a->next)
    a->client = NULL;
  c->askers = NULL;
  c->nr_askers = 0;
}

static void
client_release (struct client *c, const char *why)
{
  struct feed *f;

  c->dead = true;
  ev_timer_stop (c->server->loop, &c->hello_timer);
  forget_askers (c);
  c->server->on_gone (c, why);
  while ((f = c->feeds)) {
    c->feeds = f->next;
    f->free (f);
  }
  *c->prev = c->next;
  if (c->next)
    c->next->prev = c->prev;
  c->server->nr_clients--;
}

static void
client_end (struct client *c, const char *why)
{
  struct server *s = c->server;

  client_release (c, why);
  c->next = s->dead;
  s->dead = c;
}

void
client_close (struct client *c)
{
  if (c->dead)
    return;
  stream_close (c->stream);
  client_end (c, NULL);
}

void
client_shut (struct client *c)
{
  if (c->dead)
    return;
  stream_shut (c->stream, SHUT_SECONDS);
  client_end (c, NULL);
}

static void
on_failed (struct stream *stream, const char *reason)
{
  struct client *c = stream_opaque (stream);

  if (!c->greeted && c->server->tls)
    msg_warning ("%s: refused: %s", stream_peer (stream), reason);
  client_end (c, reason);
  stream_close (stream);
}

void
clients_free_dead (struct server *s)
{
  struct client *c;

  while ((c = s->dead)) {
    s->dead = c->next;
    free (c);
  }
}

static void
on_hello_timer (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct client *c = w->data;

  (void) loop;
  (void) revents;
  msg_warning ("%s: did not say hello within %.0f seconds",
               stream_peer (c->stream), HELLO_SECONDS);
  client_close (c);
}

/* --- input --- */

static void
run_hello (struct client *c, const struct proto_msg *msg)
{
  struct proto_msg reply = {.type = PROTO_HELLO, .id = msg->id};

  ev_timer_stop (c->server->loop, &c->hello_timer);
  if (msg->hello.version != PROTO_VERSION)
    client_error (c, msg, PROTO_E_UNSUPPORTED,
                  "version %u of the protocol, this is %u", msg->hello.version,
                  PROTO_VERSION);
  else if (c->turned_away)
    client_error (c, msg, PROTO_E_BUSY, "there are %u clients, no more may be",
                  c->server->options->max_clients);
  else {
    c->greeted = true;
    c->features = msg->hello.features;
    reply.hello.version = PROTO_VERSION;
    reply.hello.features = PROTO_FEATURE_MIN_BLOCK | PROTO_FEATURE_ELSEWHERE;
    reply.hello.software = string (SOFTWARE);
    memcpy (reply.hello.server, c->server->run_id, PROTO_ID_SIZE);
    client_reply (c, &reply);
    return;
  }
  client_shut (c);
}

static void
drop_damaged (struct client *c, const char *what)
{
  msg_warning ("%s: %s, connection closed", stream_peer (c->stream), what);
  client_close (c);
}

static bool
is_change (unsigned type)
{
  return type >= PROTO_CREATE && type <= PROTO_SET_REGION_SYNC;
}

/* Sound, but not understood.  A change that is not made must not be
 * followed by a flush that succeeds.
 */
static void
run_undecoded (struct client *c, const struct proto_msg *msg,
               enum proto_error error)
{
  if (!c->greeted || msg->id == 0) {
    drop_damaged (c, "damaged frame");
    return;
  }
  c->refused |= is_change (msg->type);
  client_error (c, msg, error, "%s: %s", proto_type_name (msg->type),
                error == PROTO_E_UNSUPPORTED ? "not known here"
                                             : "makes no sense");
}

static void
take_frame (struct client *c, const uint8_t *frame, size_t len)
{
  struct proto_msg msg = {.id = 0};
  enum proto_error error = proto_decode (&msg, frame, len);

  if (error != PROTO_OK)
    run_undecoded (c, &msg, error);
  else if (msg.id == 0 || msg.flags & PROTO_REPLY || msg.error)
    drop_damaged (c, "not a request");
  else if (c->greeted != (msg.type != PROTO_HELLO))
    drop_damaged (c, "hello must be first, and once");
  else if (msg.type == PROTO_HELLO)
    run_hello (c, &msg);
  else
    c->server->on_request (c, &msg);
}

/* The length of the frame at data, or 0 if it is not there yet. */
static size_t
whole_frame (struct client *c, const uint8_t *data, size_t len)
{
  size_t frame;

  if (len < PROTO_HEADER_SIZE)
    return 0;
  frame = proto_frame_length (data);
  if (frame == 0)
    drop_damaged (c, "not a frame");
  return frame <= len ? frame : 0;
}

static size_t
on_input (struct stream *stream, const uint8_t *data, size_t len)
{
  struct client *c = stream_opaque (stream);
  size_t used = 0, frame;

  while (!c->dead && !c->blocked &&
         (frame = whole_frame (c, data + used, len - used))) {
    take_frame (c, data + used, frame);
    used += frame;
  }
  return used;
}

static void
on_ready (struct stream *stream)
{
  (void) stream;
}

static const struct stream_callbacks callbacks = {
  .ready = on_ready,
  .input = on_input,
  .drained = on_drained,
  .failed = on_failed,
};

/* Keys may be added at any time. */
static struct tls *
tls_now (struct server *s)
{
  if (s->options->tls_psk)
    tls_reload_changed (&s->tls);
  return s->tls;
}

void
client_new (struct server *s, int fd)
{
  const struct stream_options options = {
    .tls = tls_now (s),
    .max_input = CLIENT_INPUT,
    .max_output = CLIENT_OUTPUT,
    .handshake_s = HELLO_SECONDS,
  };
  struct client *c;

  if (s->nr_clients >= s->options->max_clients + SPARE_CLIENTS) {
    close (fd);
    return;
  }
  c = calloc (1, sizeof *c);
  if (!c) {
    close (fd);
    return;
  }
  c->stream = stream_new (s->loop, fd, false, &options, &callbacks, c);
  if (!c->stream) {
    msg_error ("new connection: %m");
    free (c);
    return;
  }
  c->server = s;
  c->turned_away = s->nr_clients++ >= s->options->max_clients;
  c->next = s->clients;
  c->prev = &s->clients;
  if (c->next)
    c->next->prev = &c->next;
  s->clients = c;
  ev_timer_init (&c->hello_timer, on_hello_timer, HELLO_SECONDS, 0.);
  c->hello_timer.data = c;
  ev_timer_start (s->loop, &c->hello_timer);
}
