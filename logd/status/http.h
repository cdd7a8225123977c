/* SPDX-License-Identifier: BSD-3-Clause */

/* The status by HTTP. */

#ifndef NBDMIRROR_LOGD_HTTP_H
#define NBDMIRROR_LOGD_HTTP_H

struct server;

/* If the options say so.  0, or -1 with the error reported. */
int http_start (struct server *s);
void http_stop (struct server *s);

/* Takes over the socket. */
void http_connection (struct server *s, int fd);

#endif /* NBDMIRROR_LOGD_HTTP_H */
