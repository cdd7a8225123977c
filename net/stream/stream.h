/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection in an event loop: buffered, non-blocking, with or without
 * TLS.  Used by both sides of the log protocol.
 *
 * Thread-safety: all functions and callbacks of a stream run in the thread
 * of its loop.  Nothing blocks, and no callback is called from within a
 * function of a stream.  Any callback may close or shut the stream.
 */

#ifndef NBDMIRROR_STREAM_H
#define NBDMIRROR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

struct tls;
struct stream;

struct stream_callbacks {
  /* The connection is usable (TLS: the handshake is done; with TLS 1.3 a
   * client may learn only after it that the server refuses it).
   */
  void (*ready) (struct stream *s);

  /* len bytes have come; returns how many were consumed, the others come
   * again with what follows, or after stream_pause (s, false).  At most
   * max_input bytes are kept; if they are there and 0 is returned the stream
   * fails, unless it is paused.  After stream_close or stream_shut the
   * return value is ignored.
   */
  size_t (*input) (struct stream *s, const uint8_t *data, size_t len);

  /* Output went out, and now at most half of max_output waits. */
  void (*drained) (struct stream *s);

  /* The stream failed or was closed by the peer: reason for a message.
   * Called once, not from within a function of the stream, and not after
   * stream_close.  The callee calls stream_close, now or later.
   */
  void (*failed) (struct stream *s, const char *reason);
};

struct stream_options {
  struct tls *tls;         /* NULL: plain; held by the stream */
  const char *server_name; /* client with TLS: for the certificate; copied */
  size_t max_input;
  size_t max_output;  /* advice: see stream_congested */
  double handshake_s; /* for connecting and the handshake */
};

/* callbacks are copied, all must be there.
 *
 * Take over a connected (or, with connecting, a connecting) non-blocking
 * socket; TCP sockets get TCP_NODELAY, keepalive and TCP_USER_TIMEOUT.
 * NULL with errno, and fd is closed.
 */
struct stream *stream_new (struct ev_loop *loop, int fd, bool connecting,
                           const struct stream_options *options,
                           const struct stream_callbacks *callbacks,
                           void *opaque);

/* Close and free.  Unread input is dropped; output that waits is dropped,
 * too: see stream_shut.
 */
void stream_close (struct stream *s);

/* Close when all output has gone out and the peer has closed, too, or after
 * this time.  No callback is called any more.  The loop must go on running
 * (ev_run returns when nothing else is active and all such streams are
 * closed), and the caller forgets the stream.
 */
void stream_shut (struct stream *s, double seconds);

void *stream_opaque (const struct stream *s);

/* Queue output; it is sent at the end of this loop iteration, together with
 * all that was queued meanwhile: after all watchers with a priority above
 * EV_MINPRI, also those of the kind ev_prepare.  What is written before
 * 'ready' waits for it, what is written to a failed stream is dropped.  0,
 * or -1 with errno (ENOMEM).
 */
int stream_write (struct stream *s, const void *data, size_t len);

/* Bytes written and not yet taken by the socket. */
size_t stream_waiting (const struct stream *s);

/* More than max_output waits: the caller should stop producing. */
bool stream_congested (const struct stream *s);

/* Stop, go on, reading from the peer. */
void stream_pause (struct stream *s, bool pause);

/* "192.0.2.1:4711", "[::1]:4711", "unix" or the path that a Unix socket is
 * bound to, "unconnected", for messages.
 */
const char *stream_peer (const struct stream *s);

/* Who the peer is by TLS: the PSK user name, or the certificate's common
 * name; "" if it did not say, or without TLS.
 */
const char *stream_identity (const struct stream *s);

#endif /* NBDMIRROR_STREAM_H */
