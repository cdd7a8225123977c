/* SPDX-License-Identifier: BSD-3-Clause */

/* From a list of servers to a connection.  All addresses of a round are
 * tried one after another; then there is a pause, which doubles from round
 * to round, and ends differently for each mirror, so that a server that
 * comes back is not met by all of them at once.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-impl.h"
#include "deadline.h"
#include "ev-util.h"

#define CONNECT_S 3.
#define MIN_BACKOFF_S .05
#define MAX_BACKOFF_S 2.
#define STABLE_NS NSEC_PER_SEC /* attached for so long: all is well */

static void try_server (struct log_client *c);

/* --- failure --- */

static void
next_server (struct log_client *c, const char *reason, bool was_attached)
{
  char text[CLIENT_REASON_SIZE];
  bool round_over = was_attached || ++c->tried >= c->nr_servers;

  snprintf (text, sizeof text, "%s: %s", c->server_name, reason);
  c->at = (c->at + 1) % c->nr_servers;
  if (!round_over) {
    try_server (c);
    return;
  }
  log_client_connect_later (c);
  c->cb->disconnected (c->opaque, text, was_attached);
}

void
log_client_failed (struct log_client *c, const char *reason)
{
  bool was_attached = c->state == CLIENT_ATTACHED;

  if (was_attached && now_ns () - c->attached_ns > STABLE_NS)
    c->backoff = 0;
  log_client_close (c);
  c->state = CLIENT_DISCONNECTED;
  next_server (c, reason, was_attached);
}

/* --- one address --- */

static void
on_ready (struct stream *s)
{
  log_client_session_begin (stream_opaque (s));
}

static size_t
on_input (struct stream *s, const uint8_t *data, size_t len)
{
  return log_client_session_input (stream_opaque (s), data, len);
}

/* No more waits than a request or a few; and what a big log has to say
 * after a new connection is sent in one go.
 */
static void
on_drained (struct stream *s)
{
  (void) s;
}

static int try_address (struct log_client *c);

static void
on_failed (struct stream *s, const char *reason)
{
  struct log_client *c = stream_opaque (s);
  char text[CLIENT_REASON_SIZE];

  snprintf (text, sizeof text, "%s%s", reason,
            c->state == CLIENT_HELLO && !c->tls
              ? " (does the server want TLS?)"
              : "");
  if (c->state == CLIENT_CONNECTING) {
    log_client_close (c);
    if (try_address (c) == 0)
      return;
  }
  log_client_failed (c, text);
}

static const struct stream_callbacks stream_callbacks = {
  .ready = on_ready,
  .input = on_input,
  .drained = on_drained,
  .failed = on_failed,
};

static int
open_stream (struct log_client *c, const struct resolved *r)
{
  const struct stream_options options = {
    .tls = c->tls,
    .server_name = c->server[c->at].host,
    .max_input = PROTO_MAX_FRAME,
    .max_output = 16 * PROTO_MAX_FRAME,
    .handshake_s = CONNECT_S,
  };
  int fd = resolved_connect (r);

  if (fd == -1)
    return -1;
  c->stream = stream_new (c->loop, fd, true, &options, &stream_callbacks, c);
  return c->stream ? 0 : -1;
}

/* -1 with errno if none is left. */
static int
try_address (struct log_client *c)
{
  errno = ECONNREFUSED;
  while (c->next_resolved < c->nr_resolved)
    if (open_stream (c, &c->resolved[c->next_resolved++]) == 0) {
      c->state = CLIENT_CONNECTING;
      return 0;
    }
  return -1;
}

/* --- one server --- */

static void
name_server (struct log_client *c)
{
  const struct address *a = &c->server[c->at];

  if (a->path[0])
    snprintf (c->server_name, sizeof c->server_name, "%s", a->path);
  else
    snprintf (c->server_name, sizeof c->server_name,
              strchr (a->host, ':') ? "[%s]:%s" : "%s:%s", a->host, a->port);
}

static void
try_server (struct log_client *c)
{
  const char *why = NULL;

  name_server (c);
  c->next_resolved = 0;
  c->nr_resolved = address_resolve (&c->server[c->at], false, c->resolved,
                                    CLIENT_MAX_RESOLVED, &why);
  if (c->nr_resolved <= 0)
    log_client_failed (c, why ? why : "no address");
  else if (try_address (c) == -1)
    log_client_failed (c, strerror (errno));
}

/* --- rounds --- */

static void
on_retry (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct log_client *c = w->data;

  (void) loop;
  (void) revents;
  c->tried = 0;
  try_server (c);
}

static double
jitter (struct log_client *c, double seconds)
{
  return seconds * (.5 + erand48 (c->random) / 2);
}

void
log_client_connect_later (struct log_client *c)
{
  ev_timer_in (c->loop, &c->retry, jitter (c, c->backoff));
  c->backoff *= 2;
  if (c->backoff < MIN_BACKOFF_S)
    c->backoff = MIN_BACKOFF_S;
  if (c->backoff > MAX_BACKOFF_S)
    c->backoff = MAX_BACKOFF_S;
}

void
log_client_connect_init (struct log_client *c)
{
  ev_timer_setup (&c->retry, on_retry, c);
  memcpy (c->random, c->session, sizeof c->random);
}
