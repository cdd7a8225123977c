/* SPDX-License-Identifier: BSD-3-Clause */

/* Where clients, and those who ask for the status, connect to. */

#ifndef NBDMIRROR_LISTEN_H
#define NBDMIRROR_LISTEN_H

#include <stddef.h>

struct server;

/* Bind all that the options, or systemd, say.  0, or -1 with the error
 * reported.  Start-up only: may block on DNS.
 */
int listen_open (struct server *s);

/* Where clients can connect to, for a message: as many addresses as there is
 * room for, with ", " in between.  Returns buf.
 */
const char *listen_print (const struct server *s, char *buf, size_t size);

/* Accept from now on. */
void listen_start (struct server *s);

/* Close them all. */
void listen_close (struct server *s);

#endif /* NBDMIRROR_LISTEN_H */
