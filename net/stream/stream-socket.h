/* SPDX-License-Identifier: BSD-3-Clause */

/* The sockets of streams.  Internal to streams. */

#ifndef NBDMIRROR_STREAM_SOCKET_H
#define NBDMIRROR_STREAM_SOCKET_H

#include <stddef.h>

/* Small messages go out at once, and a dead peer is found. */
void socket_set_options (int fd);

/* How did connecting end?  0, or an errno. */
int socket_connect_error (int fd);

/* For messages. */
void socket_print_peer (int fd, char *buf, size_t size);

#endif /* NBDMIRROR_STREAM_SOCKET_H */
