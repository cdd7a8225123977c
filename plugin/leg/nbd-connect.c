/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection begins. */

#include "config.h"

#include <errno.h>

#include <libnbd.h>

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

/* -1: libnbd's error; 1: too late, or cancelled. */
static int
negotiate (struct nbd_handle *nbd, struct leg *leg, uint64_t deadline)
{
  if (nbd_aio_connect_uri (nbd, leg->name) == -1)
    return -1;
  while (!nbd_aio_is_ready (nbd)) {
    int r;

    if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd))
      return -1;
    r = atomic_load (&leg->cancelled) ? 1 : nbd_poll_step (nbd, deadline);
    if (r != 0)
      return r;
  }
  return 0;
}

/* Report what negotiate said.  Its errno. */
static int
report_failure (struct leg *leg, int r)
{
  int err = nbd_reason_errno ();

  if (r == -1)
    leg_report (leg, "connect: %s", nbd_reason ());
  else if (atomic_load (&leg->cancelled)) {
    errno = err = ECANCELED;
    leg_report (leg, "connect: %m");
  }
  else {
    leg_report (leg, "connect: no answer for %g s",
                (double) leg->options.timeout_ns / NSEC_PER_SEC);
    err = ETIMEDOUT;
  }
  return err;
}

int
conn_connect (struct conn *c)
{
  uint64_t timeout = c->leg->options.timeout_ns;
  struct nbd_handle *nbd = new_handle ();
  int r = nbd ? negotiate (nbd, c->leg, now_ns () + timeout) : -1;
  int err;

  if (r == 0) {
    nbd_socket_set_up (nbd_aio_get_fd (nbd), &c->leg->options);
    c->nbd = nbd;
    c->stopping = c->leaving = false;
    c->why[0] = '\0';
    return 0;
  }
  err = report_failure (c->leg, r);
  nbd_close (nbd);
  errno = err;
  return -1;
}
