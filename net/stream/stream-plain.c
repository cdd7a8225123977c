/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes as they are. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "transport.h"

struct plain {
  struct transport base;
  bool readable;
};

static struct plain *
plain (struct transport *t)
{
  return (struct plain *) t;
}

static ssize_t
socket_result (struct transport *t, ssize_t r)
{
  int err = errno;

  if (r >= 0)
    return r;
  if (err == EAGAIN)
    return 0;
  snprintf (t->reason, sizeof t->reason, "%s", strerror (err));
  errno = err;
  return -1;
}

ssize_t
transport_send (struct transport *t, const uint8_t *buf, size_t len)
{
  ssize_t r;

  do
    r = send (t->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (r == -1 && errno == EINTR);
  return socket_result (t, r);
}

ssize_t
transport_recv (struct transport *t, uint8_t *buf, size_t len)
{
  ssize_t r;

  do
    r = recv (t->fd, buf, len, MSG_DONTWAIT);
  while (r == -1 && errno == EINTR);
  if (r == 0) {
    t->reason[0] = '\0';
    return -1;
  }
  return socket_result (t, r);
}

static void
plain_fill (struct transport *t)
{
  plain (t)->readable = true;
}

static int
plain_handshake (struct transport *t)
{
  (void) t;
  return 1;
}

static ssize_t
plain_take (struct transport *t, uint8_t *buf, size_t len)
{
  if (!plain (t)->readable)
    return 0;
  plain (t)->readable = false;
  return transport_recv (t, buf, len);
}

static ssize_t
plain_put (struct transport *t, const uint8_t *buf, size_t len)
{
  return len > 0 ? transport_send (t, buf, len) : 0;
}

static size_t
plain_unsent (const struct transport *t)
{
  (void) t;
  return 0;
}

static void
plain_end (struct transport *t)
{
  (void) t;
}

static const char *
plain_identity (const struct transport *t)
{
  (void) t;
  return "";
}

static void
plain_free (struct transport *t)
{
  free (t);
}

static const struct transport_ops plain_ops = {
  .fill = plain_fill,
  .handshake = plain_handshake,
  .take = plain_take,
  .put = plain_put,
  .unsent = plain_unsent,
  .end = plain_end,
  .identity = plain_identity,
  .free = plain_free,
};

struct transport *
plain_new (int fd)
{
  struct plain *p = calloc (1, sizeof *p);

  if (p == NULL)
    return NULL;
  p->base.ops = &plain_ops;
  p->base.fd = fd;
  return &p->base;
}
