/* SPDX-License-Identifier: BSD-3-Clause */

/* Unix stream sockets with a name in the file system. */

#ifndef NBDMIRROR_UNIX_SOCKET_H
#define NBDMIRROR_UNIX_SOCKET_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

struct unix_listener {
  int fd; /* non-blocking, close-on-exec; -1 = closed */
  char path[sizeof (((struct sockaddr_un *) 0)->sun_path)];
  dev_t dev; /* of the name in the file system */
  ino_t ino;
};

/* Bind path with mode 0600 and listen.  A socket that a dead server left
 * is replaced; a live one, or anything that is not a socket, is refused.
 * 0, or -1 with the error reported.
 */
int unix_listener_open (struct unix_listener *l, const char *path);

/* Remove the name, if it is still ours, and close. */
void unix_listener_close (struct unix_listener *l);

/* What unix_listener_open would refuse now, without changing anything.
 * 0, or -1 with the error reported.
 */
int unix_listener_check (const char *path);

/* Connect.  Returns a blocking, close-on-exec descriptor, or -1 with the
 * error reported.  Blocks until the deadline (CLOCK_MONOTONIC, ns) at most.
 */
int unix_socket_connect (const char *path, uint64_t deadline);

/* Wait until there is a server behind the path, or the deadline.  Reports
 * nothing.
 */
void unix_socket_await (const char *path, uint64_t deadline);

#endif /* NBDMIRROR_UNIX_SOCKET_H */
