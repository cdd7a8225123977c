/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses of log servers: HOST, HOST:PORT, [IPV6], [IPV6]:PORT, or the
 * absolute path of a Unix socket.  A listener's host may be empty or "*": all
 * interfaces, IPv4 and IPv6.
 */

#ifndef NBDMIRROR_ADDRESS_H
#define NBDMIRROR_ADDRESS_H

#include <stddef.h>

#define ADDRESS_HOST_SIZE 256

struct address {
  char host[ADDRESS_HOST_SIZE]; /* "" with path; without brackets */
  char port[8];                 /* decimal, "" with path */
  char path[108];               /* "" = TCP */
};

/* Parse len bytes of text.  0, or -1 with errno EINVAL and *why set to a
 * static text such as "the port must be 1 to 65535".
 */
int address_parse (struct address *a, const char *text, size_t len,
                   const char *default_port, const char **why);

#endif /* NBDMIRROR_ADDRESS_H */
