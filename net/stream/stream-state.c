/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ev-util.h"
#include "stream-impl.h"
#include "transport.h"

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

size_t
stream_unsent (const struct stream *s)
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
  return !ev_later_pending (&s->later) && stream_unsent (s) > 0;
}

int
stream_wanted_events (const struct stream *s)
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

void
stream_enter (struct stream *s)
{
  ++s->busy;
}

void
stream_leave (struct stream *s)
{
  --s->busy;
  if (s->state != CLOSED)
    ev_io_want (s->loop, &s->io, stream_wanted_events (s));
  else if (s->busy == 0)
    destroy (s);
}

void
stream_fail (struct stream *s, const char *fmt, ...)
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
