/* SPDX-License-Identifier: BSD-3-Clause */

/* Below a stream: what moves its bytes through a socket, plain or with TLS.
 * Internal to streams.
 *
 * Nothing here blocks, and nothing waits for the socket: the stream says
 * when it is readable, and asks how much output still waits.
 */

#ifndef NBDMIRROR_TRANSPORT_H
#define NBDMIRROR_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls;
struct transport;

struct transport_ops {
  /* The socket is readable.  What is read then can be taken; so a peer that
   * never stops sending does not keep the loop from others.
   */
  void (*fill) (struct transport *t);

  /* Go on: 1 done, 0 more input must come, -1 failed with t->reason. */
  int (*handshake) (struct transport *t);

  /* Up to len bytes of input: how many, 0 nothing for now, or -1 with
   * t->reason, which is "" at the end of the input.
   */
  ssize_t (*take) (struct transport *t, uint8_t *buf, size_t len);

  /* Send, or keep to send, as much as the socket takes without waiting: how
   * many bytes of these, or -1 with errno and t->reason.  Also with len 0,
   * to send what is kept.
   */
  ssize_t (*put) (struct transport *t, const uint8_t *buf, size_t len);

  /* How many bytes are kept that the socket did not take. */
  size_t (*unsent) (const struct transport *t);

  /* Tell the peer that no output follows: put and unsent as before. */
  void (*end) (struct transport *t);

  /* Who the peer is, "" if it did not say. */
  const char *(*identity) (const struct transport *t);

  /* The socket stays open. */
  void (*free) (struct transport *t);
};

struct transport {
  const struct transport_ops *ops;
  int fd;
  char reason[256];
};

/* NULL with errno.  server_name: as in struct stream_options; a client with
 * certificates needs one (EINVAL).
 */
struct transport *plain_new (int fd);
struct transport *tls_transport_new (struct tls *tls, int fd,
                                     const char *server_name);

/* send and recv without waiting, with errno and t->reason as for put and
 * take.
 */
ssize_t transport_send (struct transport *t, const uint8_t *buf, size_t len);
ssize_t transport_recv (struct transport *t, uint8_t *buf, size_t len);

#endif /* NBDMIRROR_TRANSPORT_H */
