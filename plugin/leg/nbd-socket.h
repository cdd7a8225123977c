/* SPDX-License-Identifier: BSD-3-Clause */

/* What the kernel knows of a connection to an NBD server. */

#ifndef NBDMIRROR_NBD_SOCKET_H
#define NBDMIRROR_NBD_SOCKET_H

#include <stdbool.h>

#include "leg.h"

/* The options that a leg's socket needs.  One that can't have them does
 * without.
 */
void nbd_socket_set_up (int fd, const struct leg_options *options);

/* How much of what was sent has not left for the server, in bytes (more, with
 * what the kernel needs besides, on a Unix socket); -1: the kernel does not
 * say.
 */
int nbd_socket_backlog (int fd);

/* The server's host does not even acknowledge what is sent to it. */
bool nbd_socket_is_dead (int fd);

#endif /* NBDMIRROR_NBD_SOCKET_H */
