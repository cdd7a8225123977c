/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of a stream, for the files that make it up: stream.c (events,
 * interface) on stream-io.c (bytes in and out) on stream-state.c (what the
 * loop is to wait for, failing, closing).
 */

#ifndef NBDMIRROR_STREAM_IMPL_H
#define NBDMIRROR_STREAM_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "buffer.h"
#include "stream.h"

struct transport;

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

/* --- stream-state.c --- */

/* What the loop must wait for now, as of ev_io. */
int stream_wanted_events (const struct stream *s);

/* Bytes that the socket has not taken. */
size_t stream_unsent (const struct stream *s);

/* Around each callback of the loop.  The stream may be gone after leave. */
void stream_enter (struct stream *s);
void stream_leave (struct stream *s);

/* 'failed' will be called, with this reason. */
void stream_fail (struct stream *s, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* --- stream-io.c --- */

/* Take all that the transport has. */
void stream_take_input (struct stream *s);

/* Reading goes on, or begins: what has been read already comes first. */
void stream_take_again (struct stream *s);

/* Send what can be sent. */
void stream_flush (struct stream *s);

#endif /* NBDMIRROR_STREAM_IMPL_H */
