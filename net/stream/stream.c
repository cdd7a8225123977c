/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection in an event loop.
 *
 * States: CONNECTING -> HANDSHAKE -> OPEN -> FAILED, and CLOSED from each.
 *
 * Deferred work.  What a function of the stream begins (output, a failure,
 * reading on) is done in run_later, which the loop calls when it has handled
 * all else that has happened and before it waits.  So what is written in one
 * iteration goes out together and without delay, and no callback runs inside
 * a function of the stream.
 *
 * Closing.  A callback may close the stream it was called for: the memory
 * stays until the outermost of our functions on the stack returns ('busy').
 *
 * Shutting.  stream_shut replaces the callbacks by silent ones, which throw
 * input away.  When all output is out, the peer is told that no more comes,
 * and reading goes on until it closes, too: a socket that is closed with
 * unread input resets the connection, and the peer could lose our last
 * words.
 *
 * Fairness.  For one readiness of the socket it is read once; and output
 * that 'drained' makes waits for the next iteration.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ev-util.h"
#include "stream-impl.h"
#include "stream-socket.h"
#include "stream.h"
#include "transport.h"

/* --- events --- */

static void
become_ready (struct stream *s)
{
  s->state = OPEN;
  s->again = true;
  if (!s->shutting)
    ev_timer_stop (s->loop, &s->timer);
  ev_later (s->loop, &s->later); /* what was queued before */
  s->callbacks.ready (s);
}

static void
shake_hands (struct stream *s)
{
  if (s->state != HANDSHAKE)
    return;
  switch (s->transport->ops->handshake (s->transport)) {
  case 1:
    become_ready (s);
    break;
  case -1:
    stream_fail (s, "%s", s->transport->reason);
    break;
  default:
    break;
  }
}

static void
finish_connect (struct stream *s)
{
  int err = socket_connect_error (s->transport->fd);

  if (err != 0) {
    stream_fail (s, "connect: %s", strerror (err));
    return;
  }
  socket_print_peer (s->transport->fd, s->peer, sizeof s->peer);
  s->state = HANDSHAKE;
}

static void
run_later (struct ev_loop *loop, ev_prepare *w, int revents)
{
  struct stream *s = w->data;

  (void) loop;
  (void) revents;
  stream_enter (s);
  if (s->state == FAILED)
    s->callbacks.failed (s, s->reason);
  shake_hands (s);
  stream_take_again (s);
  stream_flush (s);
  stream_leave (s);
}

static void
socket_event (struct ev_loop *loop, ev_io *w, int revents)
{
  struct stream *s = w->data;

  (void) loop;
  stream_enter (s);
  if (s->state == CONNECTING)
    finish_connect (s);
  else if (revents & EV_READ)
    s->transport->ops->fill (s->transport);
  shake_hands (s);
  if (revents & EV_READ)
    stream_take_input (s);
  stream_take_again (s);
  if (revents & EV_WRITE)
    stream_flush (s);
  stream_leave (s);
}

static void
timer_event (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct stream *s = w->data;

  (void) loop;
  (void) revents;
  if (s->shutting)
    stream_close (s);
  else
    stream_fail (s, "%s: no answer within %g seconds",
                 s->state == CONNECTING ? "connect" : "TLS handshake",
                 s->handshake_s);
}

/* --- interface --- */

static void
start_watchers (struct stream *s, int fd)
{
  ev_io_setup (&s->io, socket_event, fd, 0, s);
  ev_timer_setup (&s->timer, timer_event, s);
  ev_later_setup (&s->later, run_later, s);
  ev_timer_in (s->loop, &s->timer, s->handshake_s);
  if (s->state == CONNECTING)
    ev_io_want (s->loop, &s->io, stream_wanted_events (s));
  else
    ev_later (s->loop, &s->later);
}

static struct stream *
new_stream (struct transport *t, bool connecting,
            const struct stream_options *options,
            const struct stream_callbacks *callbacks)
{
  struct stream *s = calloc (1, sizeof *s);

  if (s == NULL)
    return NULL;
  s->transport = t;
  s->state = connecting ? CONNECTING : HANDSHAKE;
  s->callbacks = *callbacks;
  s->max_input = options->max_input;
  s->max_output = options->max_output;
  s->handshake_s = options->handshake_s;
  return s;
}

struct stream *
stream_new (struct ev_loop *loop, int fd, bool connecting,
            const struct stream_options *options,
            const struct stream_callbacks *callbacks, void *opaque)
{
  struct transport *t =
    options->tls ? tls_transport_new (options->tls, fd, options->server_name)
                 : plain_new (fd);
  struct stream *s;

  if (t == NULL)
    goto err;
  s = new_stream (t, connecting, options, callbacks);
  if (s == NULL)
    goto err_transport;
  s->loop = loop;
  s->opaque = opaque;
  socket_set_options (fd);
  if (!connecting)
    socket_print_peer (fd, s->peer, sizeof s->peer);
  start_watchers (s, fd);
  return s;

err_transport:
  t->ops->free (t);
err:
  cleanup_close (&fd);
  return NULL;
}

static void
silent_ready (struct stream *s)
{
  (void) s;
}

static size_t
silent_input (struct stream *s, const uint8_t *data, size_t len)
{
  (void) s;
  (void) data;
  return len;
}

static void
silent_failed (struct stream *s, const char *reason)
{
  (void) reason;
  stream_close (s);
}

static const struct stream_callbacks silent_callbacks = {
  .ready = silent_ready,
  .input = silent_input,
  .drained = silent_ready,
  .failed = silent_failed,
};

void
stream_shut (struct stream *s, double seconds)
{
  if (s->state >= FAILED || (s->state < OPEN && s->out.len == 0)) {
    stream_close (s);
    return;
  }
  s->callbacks = silent_callbacks;
  s->shutting = true;
  ev_timer_in (s->loop, &s->timer, seconds);
  stream_pause (s, false);
  ev_later (s->loop, &s->later);
}

void *
stream_opaque (const struct stream *s)
{
  return s->opaque;
}

int
stream_write (struct stream *s, const void *data, size_t len)
{
  if (s->state >= FAILED)
    return 0;
  if (buffer_append (&s->out, data, len) == -1)
    return -1;
  if (s->state == OPEN && !s->flushing)
    ev_later (s->loop, &s->later);
  return 0;
}

size_t
stream_waiting (const struct stream *s)
{
  return stream_unsent (s);
}

bool
stream_congested (const struct stream *s)
{
  return stream_unsent (s) > s->max_output;
}

void
stream_pause (struct stream *s, bool pause)
{
  if (s->paused == pause || s->state >= FAILED)
    return;
  s->paused = pause;
  s->again = s->again || !pause;
  if (s->again && s->state == OPEN)
    ev_later (s->loop, &s->later);
  ev_io_want (s->loop, &s->io, stream_wanted_events (s));
}

const char *
stream_peer (const struct stream *s)
{
  return s->state == CONNECTING ? "unconnected" : s->peer;
}

const char *
stream_identity (const struct stream *s)
{
  return s->transport->ops->identity (s->transport);
}
