/* SPDX-License-Identifier: BSD-3-Clause */

/* TLS, by GnuTLS, between two buffers: what came from the socket, and what
 * is to be sent.  GnuTLS never sees the socket, so there is one system call
 * for all records that came, and one for all that go, and sending never has
 * to be repeated.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream-tls.h"
#include "transport.h"

#define READ_SIZE ((size_t) 32 << 10)
#define SEND_SIZE ((size_t) 128 << 10)
#define KEEP_SIZE ((size_t) 64 << 10)

static struct tls_transport *
tls_transport (struct transport *t)
{
  return (struct tls_transport *) t;
}

/* --- the side of the socket --- */

static ssize_t
pull (gnutls_transport_ptr_t ptr, void *data, size_t len)
{
  struct tls_transport *t = ptr;

  if (len > t->in.len)
    len = t->in.len;
  if (len > 0) {
    memcpy (data, buffer_head (&t->in), len);
    buffer_consume (&t->in, len);
    return (ssize_t) len;
  }
  if (t->ended)
    return 0;
  gnutls_transport_set_errno (t->session, t->broken ? EIO : EAGAIN);
  return -1;
}

/* GnuTLS demands it, but waits only in functions that we do not use. */
static int
pull_timeout (gnutls_transport_ptr_t ptr, unsigned msec)
{
  const struct tls_transport *t = ptr;

  (void) msec;
  return t->in.len > 0 || t->ended || t->broken;
}

static ssize_t
push (gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
  struct tls_transport *t = ptr;

  if (buffer_append (&t->out, data, len) == 0)
    return (ssize_t) len;
  gnutls_transport_set_errno (t->session, ENOMEM);
  return -1;
}

static int
send_kept (struct tls_transport *t)
{
  ssize_t n;

  if (t->out.len == 0)
    return 0;
  n = transport_send (&t->base, buffer_head (&t->out), t->out.len);
  if (n == -1)
    return -1;
  buffer_consume (&t->out, (size_t) n);
  buffer_trim (&t->out, KEEP_SIZE);
  return 0;
}

static void
tls_fill (struct transport *base)
{
  struct tls_transport *t = tls_transport (base);
  ssize_t n;

  if (t->ended || t->broken)
    return;
  if (buffer_reserve (&t->in, READ_SIZE) == -1) {
    snprintf (base->reason, sizeof base->reason, "%s", strerror (errno));
    t->broken = true;
    return;
  }
  n = transport_recv (base, buffer_tail (&t->in), buffer_room (&t->in));
  if (n >= 0)
    t->in.len += (size_t) n;
  else if (base->reason[0] == '\0')
    t->ended = true;
  else
    t->broken = true;
}

/* Is the call to be made again, because of this result?  Also GNUTLS_E_AGAIN
 * can mean that: GnuTLS says it when a record was no data, or no whole
 * message, although there are more of them.
 */
static bool
is_interim (const struct tls_transport *t, ssize_t r, size_t in_before)
{
  if (r == GNUTLS_E_AGAIN)
    return t->in.len > 0 && t->in.len < in_before;
  return r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

/* --- handshake --- */

/* Tell the peer why, if it did not tell us. */
static int
fail_handshake (struct tls_transport *t, int r)
{
  switch (r) {
  case GNUTLS_E_PULL_ERROR:
  case GNUTLS_E_FATAL_ALERT_RECEIVED:
    break;
  case GNUTLS_E_PREMATURE_TERMINATION:
    snprintf (t->base.reason, sizeof t->base.reason,
              "closed by the peer during the TLS handshake "
              "(does it use TLS?)");
    return -1;
  default:
    gnutls_alert_send_appropriate (t->session, r);
    send_kept (t);
  }
  tls_explain (t, r);
  return -1;
}

static int
tls_handshake (struct transport *base)
{
  struct tls_transport *t = tls_transport (base);
  size_t before;
  int r;

  do {
    before = t->in.len;
    r = gnutls_handshake (t->session);
  } while (is_interim (t, r, before));
  if (r < 0 && r != GNUTLS_E_AGAIN)
    return fail_handshake (t, r);
  if (send_kept (t) == -1)
    return -1;
  if (r == GNUTLS_E_AGAIN)
    return 0;
  tls_find_identity (t);
  return 1;
}

/* --- data --- */

/* How the input ended; both forms of an end by the peer are the same to us:
 * what the messages mean does not depend on it.
 */
static ssize_t
end_of_input (struct tls_transport *t)
{
  switch (t->received) {
  case GNUTLS_E_AGAIN:
    return 0;
  case 0:
  case GNUTLS_E_PREMATURE_TERMINATION:
    t->base.reason[0] = '\0';
    return -1;
  case GNUTLS_E_REHANDSHAKE:
    snprintf (t->base.reason, sizeof t->base.reason,
              "TLS: the peer wants to negotiate again");
    return -1;
  default:
    tls_explain (t, t->received);
    return -1;
  }
}

static ssize_t
receive (struct tls_transport *t, uint8_t *buf, size_t len)
{
  size_t before;
  ssize_t r;

  do {
    before = t->in.len;
    r = gnutls_record_recv (t->session, buf, len);
  } while (is_interim (t, r, before));
  return r;
}

static ssize_t
tls_take (struct transport *base, uint8_t *buf, size_t len)
{
  struct tls_transport *t = tls_transport (base);
  size_t done = 0;

  while (done < len && t->received == GNUTLS_E_AGAIN) {
    ssize_t r = receive (t, buf + done, len - done);

    if (r > 0)
      done += (size_t) r;
    else if (r != GNUTLS_E_AGAIN)
      t->received = (int) r;
    else
      break;
  }
  buffer_trim (&t->in, KEEP_SIZE);
  return done > 0 ? (ssize_t) done : end_of_input (t);
}

/* One round: a peer that reads as fast as we encrypt does not keep the loop
 * from others.
 */
static ssize_t
tls_put (struct transport *base, const uint8_t *buf, size_t len)
{
  struct tls_transport *t = tls_transport (base);
  size_t done = 0;

  while (done < len && t->out.len < SEND_SIZE) {
    ssize_t r = gnutls_record_send (t->session, buf + done, len - done);

    if (r < 0) {
      tls_explain (t, (int) r);
      errno = EPROTO;
      return -1;
    }
    done += (size_t) r;
  }
  return send_kept (t) == -1 ? -1 : (ssize_t) done;
}

static size_t
tls_unsent (const struct transport *base)
{
  return ((const struct tls_transport *) base)->out.len;
}

static void
tls_end (struct transport *base)
{
  struct tls_transport *t = tls_transport (base);

  gnutls_bye (t->session, GNUTLS_SHUT_WR);
  send_kept (t);
}

static const char *
tls_identity (const struct transport *base)
{
  return ((const struct tls_transport *) base)->identity;
}

static void
tls_transport_free (struct transport *base)
{
  struct tls_transport *t = tls_transport (base);

  if (t->session)
    gnutls_deinit (t->session);
  buffer_free (&t->in);
  buffer_free (&t->out);
  free (t->server_name);
  tls_free (t->tls);
  free (t);
}

static const struct transport_ops tls_ops = {
  .fill = tls_fill,
  .handshake = tls_handshake,
  .take = tls_take,
  .put = tls_put,
  .unsent = tls_unsent,
  .end = tls_end,
  .identity = tls_identity,
  .free = tls_transport_free,
};

/* --- start --- */

static struct tls_transport *
new_transport (struct tls *tls, int fd)
{
  struct tls_transport *t = calloc (1, sizeof *t);

  if (t == NULL)
    return NULL;
  t->base.ops = &tls_ops;
  t->base.fd = fd;
  t->tls = tls_hold (tls);
  t->received = GNUTLS_E_AGAIN;
  return t;
}

static int
init (struct tls_transport *t, const char *server_name)
{
  int r;

  if (server_name && !t->tls->server) {
    t->server_name = strdup (server_name);
    if (t->server_name == NULL)
      return -1;
  }
  r = tls_session_start (t);
  if (r >= 0) {
    gnutls_transport_set_ptr (t->session, t);
    gnutls_transport_set_pull_function (t->session, pull);
    gnutls_transport_set_pull_timeout_function (t->session, pull_timeout);
    gnutls_transport_set_push_function (t->session, push);
  }
  errno = r == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EINVAL;
  return r < 0 ? -1 : 0;
}

struct transport *
tls_transport_new (struct tls *tls, int fd, const char *server_name)
{
  struct tls_transport *t;

  /* It would be any certificate of the authority. */
  if (!tls->server && tls->verify && server_name == NULL) {
    errno = EINVAL;
    return NULL;
  }
  t = new_transport (tls, fd);
  if (t && init (t, server_name) == -1) {
    tls_transport_free (&t->base);
    t = NULL;
  }
  return t ? &t->base : NULL;
}
