/* SPDX-License-Identifier: BSD-3-Clause */

/* Polling is ours: nbd_poll keeps the handle locked while it sleeps. */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include <libnbd.h>

#include "deadline.h"
#include "nbd-poll.h"

/* How soon leg_cancel is noticed while connecting. */
#define CANCEL_NS (100 * NSEC_PER_MSEC)

const char *
nbd_reason (void)
{
  const char *reason = nbd_get_error ();
  const char *rest;

  if (!reason)
    return "connection closed";
  rest = strncmp (reason, "nbd_", 4) == 0 ? strstr (reason, ": ") : NULL;
  return rest ? rest + 2 : reason;
}

int
nbd_reason_errno (void)
{
  int err = nbd_get_errno ();

  return err != 0 ? err : EIO;
}

short
nbd_poll_events (struct nbd_handle *nbd)
{
  unsigned dir = nbd_aio_get_direction (nbd);

  return (short) ((dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                  (dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

int
nbd_poll_notify (struct nbd_handle *nbd, short revents)
{
  unsigned dir = nbd_aio_get_direction (nbd);
  bool broken = revents & (POLLERR | POLLNVAL);

  if ((dir & LIBNBD_AIO_DIRECTION_READ) &&
      (broken || (revents & (POLLIN | POLLHUP))))
    return nbd_aio_notify_read (nbd);
  if ((dir & LIBNBD_AIO_DIRECTION_WRITE) && (broken || (revents & POLLOUT)))
    return nbd_aio_notify_write (nbd);
  return 0;
}

int
nbd_poll_timeout (uint64_t deadline)
{
  uint64_t now, ms;

  if (deadline == NO_DEADLINE)
    return -1;
  now = now_ns ();
  ms = deadline <= now ? 0 : (deadline - now) / NSEC_PER_MSEC + 1;
  return ms > 1000000 ? 1000000 : (int) ms;
}

int
nbd_poll_step (struct nbd_handle *nbd, uint64_t deadline)
{
  struct pollfd fd = {.fd = nbd_aio_get_fd (nbd),
                      .events = nbd_poll_events (nbd)};
  uint64_t look = now_ns () + CANCEL_NS;
  int r = poll (&fd, 1, nbd_poll_timeout (look < deadline ? look : deadline));

  if (r == -1)
    return errno == EINTR ? 0 : 1;
  if (r == 0)
    return now_ns () >= deadline;
  return nbd_poll_notify (nbd, fd.revents);
}
