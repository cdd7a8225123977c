/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection begins. */

#include "config.h"

#include <errno.h>
#include <stdio.h>

#include <libnbd.h>

#include "cleanup.h"
#include "deadline.h"
#include "nbd-connect.h"
#include "nbd-poll.h"
#include "nbd-socket.h"

static struct nbd_handle *
new_handle (void)
{
  struct nbd_handle *nbd = nbd_create ();

  if (nbd && nbd_set_uri_allow_local_file (nbd, true) == 0 &&
      nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0)
    return nbd;
  nbd_close (nbd);
  return NULL;
}

/* -1: libnbd's error. */
static int
begin (struct nbd_handle *nbd, const struct conn_attempt *attempt)
{
#ifdef LIBNBD_HAVE_NBD_SET_TLS_HOSTNAME
  if (attempt->tls_name && nbd_set_tls_hostname (nbd, attempt->tls_name) == -1)
    return -1;
#endif
  return nbd_aio_connect_uri (nbd, attempt->uri);
}

/* -1: libnbd's error; 1: too late, or told to stop. */
static int
negotiate (struct nbd_handle *nbd, const struct conn_attempt *attempt)
{
  if (begin (nbd, attempt) == -1)
    return -1;
  while (!nbd_aio_is_ready (nbd)) {
    int r;

    if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd))
      return -1;
    r =
      atomic_load (attempt->stop) ? 1 : nbd_poll_step (nbd, attempt->deadline);
    if (r != 0)
      return r;
  }
  return 0;
}

/* Fill in why after what negotiate said, which had so long.  The errno. */
static int
explain (struct conn_attempt *attempt, int r, uint64_t had_ns)
{
  int err = nbd_reason_errno ();

  if (r == -1)
    snprintf (attempt->why, sizeof attempt->why, "%s", nbd_reason ());
  else if (atomic_load (attempt->stop)) {
    errno = err = ECANCELED;
    snprintf (attempt->why, sizeof attempt->why, "%m");
  }
  else {
    snprintf (attempt->why, sizeof attempt->why, "no answer for %.3g s",
              (double) had_ns / NSEC_PER_SEC);
    err = ETIMEDOUT;
  }
  return err;
}

int
conn_connect (struct conn *c, struct conn_attempt *attempt)
{
  struct nbd_handle *nbd = new_handle ();
  int r = nbd ? negotiate (nbd, attempt) : -1;
  int err;

  if (r == 0) {
    nbd_socket_set_up (nbd_aio_get_fd (nbd), &c->leg->options);
    CLEANUP_LOCK (&c->lock);
    c->nbd = nbd;
    c->stopping = c->leaving = false;
    c->why[0] = '\0';
    return 0;
  }
  err = explain (attempt, r, c->leg->options.timeout_ns);
  nbd_close (nbd);
  errno = err;
  return -1;
}
