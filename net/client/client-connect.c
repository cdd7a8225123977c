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

#include "client-connect.h"
#include "ev-util.h"
#include "proto.h"
#include "stream.h"
#include "tls.h"

#define CONNECT_S 3.
#define LOOKUP_S 3.
#define MIN_BACKOFF_S .05
#define MAX_BACKOFF_S 2.
#define ASKED_BACKOFF_S .5 /* servers live, and wait for one that may not */
#define MAX_FOLLOWED 3     /* in a round */

static void try_server (struct connector *k);
static int try_address (struct connector *k);

/* --- failure --- */

static double
jitter (struct connector *k, double seconds)
{
  return seconds * (.5 + erand48 (k->random) / 2);
}

static void
try_later (struct connector *k)
{
  double longest = k->followed > 0 ? ASKED_BACKOFF_S : MAX_BACKOFF_S;

  ev_timer_in (k->loop, &k->retry, jitter (k, k->backoff));
  k->backoff *= 2;
  if (k->backoff < MIN_BACKOFF_S)
    k->backoff = MIN_BACKOFF_S;
  if (k->backoff > longest)
    k->backoff = longest;
}

static void
drop_stream (struct connector *k)
{
  if (k->stream)
    stream_close (k->stream);
  k->stream = NULL;
  k->connecting = false;
}

void
connector_failed (struct connector *k, const char *reason, bool used)
{
  char text[CONNECTOR_REASON_SIZE];
  bool round_over = used || ++k->tried >= k->nr_servers;

  if (used || !k->answered)
    k->seen[k->at] = SEEN_AWAY;

  drop_stream (k);
  snprintf (text, sizeof text, "%s: %s", k->server_name, reason);
  k->at = (k->at + 1) % k->nr_servers;
  if (!round_over) {
    try_server (k);
    return;
  }
  try_later (k);
  k->cb->disconnected (k->opaque, text, used);
}

void
connector_answered (struct connector *k)
{
  k->answered = true;
  k->seen[k->at] = SEEN_ANSWERING;
}

void
connector_forget_failures (struct connector *k)
{
  k->backoff = 0;
}

/* --- one address --- */

static void
on_ready (struct stream *s)
{
  struct connector *k = stream_opaque (s);

  k->connecting = false;
  k->cb->ready (k->opaque);
}

static size_t
on_input (struct stream *s, const uint8_t *data, size_t len)
{
  struct connector *k = stream_opaque (s);

  return k->cb->input (k->opaque, data, len);
}

/* No more waits than a request or a few; and what a big log has to say
 * after a new connection is sent in one go.
 */
static void
on_drained (struct stream *s)
{
  (void) s;
}

static void
on_failed (struct stream *s, const char *reason)
{
  struct connector *k = stream_opaque (s);
  char text[CONNECTOR_REASON_SIZE];

  snprintf (text, sizeof text, "%s", reason); /* the stream's */
  if (!k->connecting) {
    k->cb->lost (k->opaque, text);
    return;
  }
  drop_stream (k);
  if (try_address (k) == -1)
    connector_failed (k, text, false);
}

static const struct stream_callbacks stream_callbacks = {
  .ready = on_ready,
  .input = on_input,
  .drained = on_drained,
  .failed = on_failed,
};

static int
open_stream (struct connector *k, const struct resolved *r)
{
  const struct stream_options options = {
    .tls = k->tls,
    .server_name = k->server[k->at].host,
    .max_input = PROTO_MAX_FRAME,
    .max_output = 16 * PROTO_MAX_FRAME,
    .handshake_s = CONNECT_S,
  };
  int fd = resolved_connect (r);

  if (fd == -1)
    return -1;
  k->stream = stream_new (k->loop, fd, true, &options, &stream_callbacks, k);
  return k->stream ? 0 : -1;
}

/* -1 with errno if none is left. */
static int
try_address (struct connector *k)
{
  errno = ECONNREFUSED;
  while (k->next_resolved < k->nr_resolved)
    if (open_stream (k, &k->resolved[k->next_resolved++]) == 0) {
      k->connecting = true;
      return 0;
    }
  return -1;
}

/* --- one server --- */

void
connector_print_server (const struct connector *k, unsigned i, char *buf,
                        size_t size)
{
  const struct address *a = &k->server[i];

  if (a->path[0])
    snprintf (buf, size, "%s", a->path);
  else
    snprintf (buf, size, strchr (a->host, ':') ? "[%s]:%s" : "%s:%s", a->host,
              a->port);
}

static void
on_resolved (void *opaque, const struct resolved *found, int nr,
             const char *why)
{
  struct connector *k = opaque;

  if (nr <= 0) {
    connector_failed (k, why ? why : "no address", false);
    return;
  }
  memcpy (k->resolved, found, (size_t) nr * sizeof found[0]);
  k->nr_resolved = nr;
  k->next_resolved = 0;
  if (try_address (k) == -1)
    connector_failed (k, strerror (errno), false);
}

static void
try_server (struct connector *k)
{
  connector_print_server (k, k->at, k->server_name, sizeof k->server_name);
  k->answered = false;
  if (k->tls)
    tls_reload_changed (&k->tls);
  k->connecting = true;
  lookup_start (k->lookup[k->at], LOOKUP_S);
}

/* --- another server --- */

static bool
is_same (const struct address *a, const struct address *b)
{
  return strcmp (a->host, b->host) == 0 && strcmp (a->port, b->port) == 0 &&
         strcmp (a->path, b->path) == 0;
}

/* One that is not in the list has the place behind it.  -1 with errno. */
static int
point_at (struct connector *k, const struct address *a)
{
  unsigned i = 0;

  while (i < k->nr_servers && !is_same (a, &k->server[i]))
    ++i;
  if (i == k->nr_servers && !(k->lookup[i] && is_same (a, &k->server[i]))) {
    struct lookup *lookup = lookup_new (k->loop, a, on_resolved, k);

    if (!lookup)
      return -1;
    lookup_free (k->lookup[i]);
    k->lookup[i] = lookup;
    k->server[i] = *a;
    k->seen[i] = SEEN_NOT_ASKED;
  }
  k->at = i;
  return 0;
}

void
connector_follow (struct connector *k, const struct address *a)
{
  drop_stream (k);
  if (k->followed++ == MAX_FOLLOWED)
    connector_failed (k, "servers send us to each other", false);
  else if (point_at (k, a) == -1)
    connector_failed (k, strerror (errno), false);
  else
    try_server (k);
}

/* --- rounds --- */

static void
on_retry (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct connector *k = w->data;

  (void) loop;
  (void) revents;
  k->tried = k->followed = 0;
  try_server (k);
}

void
connector_start (struct connector *k)
{
  connector_forget_failures (k);
  try_later (k);
}

void
connector_stop (struct connector *k)
{
  drop_stream (k);
  ev_timer_stop (k->loop, &k->retry);
  for (unsigned i = 0; i <= k->nr_servers; ++i)
    if (k->lookup && k->lookup[i])
      lookup_stop (k->lookup[i]);
}

static int
copy_servers (struct connector *k, const struct address *servers, unsigned nr)
{
  k->server = calloc (nr + 1, sizeof *k->server);
  k->lookup = calloc (nr + 1, sizeof *k->lookup);
  k->seen = calloc (nr + 1, sizeof *k->seen);
  if (!k->server || !k->lookup || !k->seen)
    return -1;
  for (; k->nr_servers < nr; ++k->nr_servers) {
    struct lookup **l = &k->lookup[k->nr_servers];

    k->server[k->nr_servers] = servers[k->nr_servers];
    *l = lookup_new (k->loop, &servers[k->nr_servers], on_resolved, k);
    if (!*l)
      return -1;
  }
  return 0;
}

int
connector_init (struct connector *k, struct ev_loop *loop,
                const struct address *servers, unsigned nr_servers,
                struct tls *tls, const uint8_t seed[6],
                const struct connector_callbacks *cb, void *opaque)
{
  k->loop = loop;
  k->cb = cb;
  k->opaque = opaque;
  k->tls = tls ? tls_hold (tls) : NULL;
  memcpy (k->random, seed, sizeof k->random);
  ev_timer_setup (&k->retry, on_retry, k);
  return copy_servers (k, servers, nr_servers);
}

void
connector_free (struct connector *k)
{
  if (k->loop)
    connector_stop (k);
  for (unsigned i = 0; k->lookup && i <= k->nr_servers; ++i)
    lookup_free (k->lookup[i]);
  free (k->lookup);
  free (k->seen);
  free (k->server);
  tls_free (k->tls);
}
