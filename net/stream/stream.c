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

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "cleanup.h"
#include "ev-util.h"
#include "stream-socket.h"
#include "stream.h"
#include "transport.h"

/* What one read asks for, and what an idle stream may keep; memory that was
 * never used costs nothing.
 */
#define READ_SIZE ((size_t) 64 << 10)
#define KEEP_SIZE READ_SIZE

enum stream_state {
  CONNECTING,
  HANDSHAKE,
  OPEN,
  FAILED,
  CLOSED,
};

struct stream {
  struct ev_loop *loop;
  ev_io io;
  ev_timer timer;   /* connecting and handshake, or shutting */
  ev_prepare later; /* see ev_later */

  struct transport *transport;
  struct stream_callbacks callbacks;
  void *opaque;
  size_t max_input, max_output;
  double handshake_s;

  enum stream_state state;
  unsigned busy;
  bool paused;
  bool again;    /* deliver what is there: reading goes on */
  bool flushing; /* in flush */
  bool shutting;
  bool ended; /* the peer was told so */

  struct buffer in, out;
  char peer[128];
  char reason[256 + 64];
};

/* --- life --- */

static void
destroy (struct stream *s)
{
  s->transport->ops->free (s->transport);
  buffer_free (&s->in);
  buffer_free (&s->out);
  free (s);
}

static void
stop_watchers (struct stream *s)
{
  ev_io_stop (s->loop, &s->io);
  ev_timer_stop (s->loop, &s->timer);
  ev_later_stop (s->loop, &s->later);
}

void
stream_close (struct stream *s)
{
  if (s->state == CLOSED)
    return;
  s->state = CLOSED;
  stop_watchers (s);
  close (s->transport->fd);
  if (s->busy == 0)
    destroy (s);
}

static size_t
waiting (const struct stream *s)
{
  return s->out.len + s->transport->ops->unsent (s->transport);
}

/* What is queued waits for the handshake, and is tried in run_later before
 * it waits for the socket.
 */
static bool
wants_write (const struct stream *s)
{
  if (s->state == HANDSHAKE)
    return s->transport->ops->unsent (s->transport) > 0;
  return !ev_later_pending (&s->later) && waiting (s) > 0;
}

static int
wanted_events (const struct stream *s)
{
  switch (s->state) {
  case CONNECTING:
    return EV_WRITE;
  case HANDSHAKE:
    return EV_READ | (wants_write (s) ? EV_WRITE : 0);
  case OPEN:
    return (s->paused ? 0 : EV_READ) | (wants_write (s) ? EV_WRITE : 0);
  case FAILED:
  case CLOSED:
    return 0;
  default:
    abort ();
  }
}

static void
enter (struct stream *s)
{
  ++s->busy;
}

/* The stream may be gone after this. */
static void
leave (struct stream *s)
{
  --s->busy;
  if (s->state != CLOSED)
    ev_io_want (s->loop, &s->io, wanted_events (s));
  else if (s->busy == 0)
    destroy (s);
}

static void __attribute__ ((format (printf, 2, 3)))
fail (struct stream *s, const char *fmt, ...)
{
  va_list args;

  if (s->state >= FAILED)
    return;
  va_start (args, fmt);
  vsnprintf (s->reason, sizeof s->reason, fmt, args);
  va_end (args);
  s->state = FAILED;
  stop_watchers (s);
  ev_later (s->loop, &s->later);
}

static void
fail_input (struct stream *s)
{
  if (s->transport->reason[0] != '\0')
    fail (s, "%s", s->transport->reason);
  else
    fail (s, "closed by the peer%s",
          s->in.len > 0 ? " in the middle of a message" : "");
}

/* --- input --- */

static void
deliver (struct stream *s)
{
  size_t len = s->in.len;
  size_t n = s->callbacks.input (s, buffer_head (&s->in), len);

  if (s->state == CLOSED)
    return;
  if (s->shutting)
    n = len;
  assert (n <= len);
  buffer_consume (&s->in, n);
  if (n == 0 && len >= s->max_input && !s->paused)
    fail (s, "a message of more than %zu bytes came", s->max_input);
}

/* Read into the buffer: true if something came. */
static bool
take (struct stream *s)
{
  size_t room = s->max_input - s->in.len;
  ssize_t n;

  assert (room > 0); /* or deliver would have failed the stream */
  if (room > READ_SIZE)
    room = READ_SIZE;
  if (buffer_reserve (&s->in, room) == -1) {
    fail (s, "%s", strerror (errno));
    return false;
  }
  n = s->transport->ops->take (s->transport, buffer_tail (&s->in), room);
  if (n == -1)
    fail_input (s);
  else
    s->in.len += (size_t) n;
  return n > 0;
}

static void
take_input (struct stream *s)
{
  while (s->state == OPEN && !s->paused && take (s))
    deliver (s);
  if (s->state != CLOSED)
    buffer_trim (&s->in, KEEP_SIZE);
}

/* Reading goes on, or begins: what has been read already comes first. */
static void
take_again (struct stream *s)
{
  if (s->state != OPEN || s->paused || !s->again)
    return;
  s->again = false;
  if (s->in.len > 0)
    deliver (s);
  take_input (s);
}

/* --- output --- */

/* After the last output. */
static void
end_output (struct stream *s)
{
  const struct transport_ops *ops = s->transport->ops;

  if (!s->ended)
    ops->end (s->transport);
  s->ended = true;
  if (ops->unsent (s->transport) == 0)
    shutdown (s->transport->fd, SHUT_WR);
}

/* If the peer has closed, its last words may still be there and say why. */
static void
fail_output (struct stream *s, int err)
{
  char reason[sizeof s->transport->reason];

  strcpy (reason, s->transport->reason);
  if (!s->paused && (err == EPIPE || err == ECONNRESET)) {
    s->transport->ops->fill (s->transport);
    take_input (s);
  }
  fail (s, "%s", reason);
}

static void
send_output (struct stream *s)
{
  ssize_t n =
    s->transport->ops->put (s->transport, buffer_head (&s->out), s->out.len);

  if (n == -1) {
    fail_output (s, errno);
    return;
  }
  buffer_consume (&s->out, (size_t) n);
  buffer_trim (&s->out, KEEP_SIZE);
}

static void
flush (struct stream *s)
{
  size_t before = waiting (s);

  if (s->state != OPEN)
    return;
  s->flushing = true;
  if (before > 0)
    send_output (s);
  if (s->state == OPEN && waiting (s) < before &&
      waiting (s) <= s->max_output / 2)
    s->callbacks.drained (s);
  if (s->state == OPEN && s->shutting && waiting (s) == 0)
    end_output (s);
  s->flushing = false;
}

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
    fail (s, "%s", s->transport->reason);
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
    fail (s, "connect: %s", strerror (err));
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
  enter (s);
  if (s->state == FAILED)
    s->callbacks.failed (s, s->reason);
  shake_hands (s);
  take_again (s);
  flush (s);
  leave (s);
}

static void
socket_event (struct ev_loop *loop, ev_io *w, int revents)
{
  struct stream *s = w->data;

  (void) loop;
  enter (s);
  if (s->state == CONNECTING)
    finish_connect (s);
  else if (revents & EV_READ)
    s->transport->ops->fill (s->transport);
  shake_hands (s);
  if (revents & EV_READ)
    take_input (s);
  take_again (s);
  if (revents & EV_WRITE)
    flush (s);
  leave (s);
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
    fail (s, "%s: no answer within %g seconds",
          s->state == CONNECTING ? "connect" : "TLS handshake",
          s->handshake_s);
}

/* --- interface --- */

static void
start (struct stream *s, int fd)
{
  ev_io_setup (&s->io, socket_event, fd, 0, s);
  ev_timer_setup (&s->timer, timer_event, s);
  ev_later_setup (&s->later, run_later, s);
  ev_timer_in (s->loop, &s->timer, s->handshake_s);
  if (s->state == CONNECTING)
    ev_io_want (s->loop, &s->io, wanted_events (s));
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
  start (s, fd);
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
  return waiting (s);
}

bool
stream_congested (const struct stream *s)
{
  return waiting (s) > s->max_output;
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
  ev_io_want (s->loop, &s->io, wanted_events (s));
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
