/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stream-impl.h"
#include "transport.h"

/* What one read asks for, and what an idle stream may keep; memory that was
 * never used costs nothing.
 */
#define READ_SIZE ((size_t) 64 << 10)
#define KEEP_SIZE READ_SIZE

/* --- input --- */

static void
fail_input (struct stream *s)
{
  if (s->transport->reason[0] != '\0')
    stream_fail (s, "%s", s->transport->reason);
  else
    stream_fail (s, "closed by the peer%s",
                 s->in.len > 0 ? " in the middle of a message" : "");
}

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
    stream_fail (s, "a message of more than %zu bytes came", s->max_input);
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
    stream_fail (s, "%s", strerror (errno));
    return false;
  }
  n = s->transport->ops->take (s->transport, buffer_tail (&s->in), room);
  if (n == -1)
    fail_input (s);
  else
    s->in.len += (size_t) n;
  return n > 0;
}

void
stream_take_input (struct stream *s)
{
  while (s->state == OPEN && !s->paused && take (s))
    deliver (s);
  if (s->state != CLOSED)
    buffer_trim (&s->in, KEEP_SIZE);
}

void
stream_take_again (struct stream *s)
{
  if (s->state != OPEN || s->paused || !s->again)
    return;
  s->again = false;
  if (s->in.len > 0)
    deliver (s);
  stream_take_input (s);
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
    stream_take_input (s);
  }
  stream_fail (s, "%s", reason);
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

void
stream_flush (struct stream *s)
{
  size_t before = stream_unsent (s);

  if (s->state != OPEN)
    return;
  s->flushing = true;
  if (before > 0)
    send_output (s);
  if (s->state == OPEN && stream_unsent (s) < before &&
      stream_unsent (s) <= s->max_output / 2)
    s->callbacks.drained (s);
  if (s->state == OPEN && s->shutting && stream_unsent (s) == 0)
    end_output (s);
  s->flushing = false;
}
