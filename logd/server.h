/* SPDX-License-Identifier: BSD-3-Clause */

/* The loop of the server. */

#ifndef NBDMIRROR_LOGD_SERVER_H
#define NBDMIRROR_LOGD_SERVER_H

struct server;

/* Serve until a signal says to end.  0, or -1 with the error reported. */
int server_run (struct server *s);

#endif /* NBDMIRROR_LOGD_SERVER_H */
