/* SPDX-License-Identifier: BSD-3-Clause */

/* Waiting for an NBD handle, and what libnbd says when it fails. */

#ifndef NBDMIRROR_NBD_POLL_H
#define NBDMIRROR_NBD_POLL_H

#include <stdint.h>

struct nbd_handle;

/* What poll has to wait for. */
short nbd_poll_events (struct nbd_handle *nbd);

/* Tell libnbd; -1 if it failed, with its error. */
int nbd_poll_notify (struct nbd_handle *nbd, short revents);

/* Milliseconds for poll, rounded up. */
int nbd_poll_timeout (uint64_t deadline);

/* One step of a handle that no other thread uses.  -1: it failed (libnbd's
 * error), or 1: the time is up.
 */
int nbd_poll_step (struct nbd_handle *nbd, uint64_t deadline);

/* The thread's last libnbd error, without the name of the function. */
const char *nbd_reason (void);

/* Its errno, never 0. */
int nbd_reason_errno (void);

#endif /* NBDMIRROR_NBD_POLL_H */
