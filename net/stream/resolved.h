/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses as numbers: what a name stands for, and sockets of them. */

#ifndef NBDMIRROR_RESOLVED_H
#define NBDMIRROR_RESOLVED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "address.h"

/* One of the addresses a name stands for. */
struct resolved {
  struct sockaddr_storage addr;
  socklen_t len;
};

/* Resolve.  Returns how many were found (at most max), or -1 with *why set.
 * Blocks on DNS.  A listener's empty host gives an IPv4 and an IPv6 address,
 * also where the system has only one of them.
 */
int address_resolve (const struct address *a, bool listening,
                     struct resolved *out, int max, const char **why);

/* The same without DNS, for a client: returns 0 if it is a name that would
 * have to be looked up.  Does not block.
 */
int address_resolve_figures (const struct address *a, struct resolved *out,
                             int max, const char **why);

/* Is it an address that only this machine reaches? */
bool resolved_is_local (const struct resolved *r);

/* "192.0.2.1:10810", "[::1]:10810", a path.  Returns buf. */
const char *resolved_print (const struct resolved *r, char *buf, size_t size);

/* Begin to connect.  A non-blocking, close-on-exec socket, connected or
 * connecting, or -1 with errno; EAGAIN: the queue of a Unix socket is full.
 */
int resolved_connect (const struct resolved *r);

/* A listening, non-blocking, close-on-exec TCP socket (SO_REUSEADDR, IPv6
 * only for IPv6), or -1 with errno.  Unix sockets: EAFNOSUPPORT, see
 * unix-socket.h.
 */
int resolved_listen (const struct resolved *r);

/* The same for an address that this machine need not have yet (resolved_listen
 * says EADDRNOTAVAIL then): clients come as soon as it has it.
 */
int resolved_listen_ahead (const struct resolved *r);

#endif /* NBDMIRROR_RESOLVED_H */
