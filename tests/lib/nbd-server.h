/* SPDX-License-Identifier: BSD-3-Clause */

/* NBD servers for unit tests, in a child: as a rule nbdkit.
 *
 * The test makes the listening socket and hands it over (socket
 * activation), so there is nothing to wait for: a client that connects
 * early is queued.  The server dies with the test.
 */

#ifndef NBDMIRROR_NBD_SERVER_H
#define NBDMIRROR_NBD_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct nbd_server {
  pid_t pid;
  char uri[256];
  char dir[64];    /* of the socket; other files may go there */
  char socket[96]; /* "" with TCP */
};

/* args: nbdkit's arguments, ended by NULL.  Aborts if it can't be started.
 * A PSK server needs its own URI, made from socket.
 */
void nbd_server_start (struct nbd_server *server, bool tcp,
                       const char *const args[]);

/* A server of the test's own, on a Unix socket: run is called in the child with
 * the listening socket.
 */
void nbd_server_start_own (struct nbd_server *server,
                           void (*run) (int fd, const void *arg),
                           const void *arg);

/* Start again, on the same Unix socket. */
void nbd_server_restart (struct nbd_server *server, const char *const args[]);

/* SIGKILL, and wait for the end.  Harmless when it has ended. */
void nbd_server_kill (struct nbd_server *server);

/* SIGSTOP, and wait until all of it stands still. */
void nbd_server_freeze (struct nbd_server *server);

/* SIGTERM, after some seconds nbd_server_kill; remove the directory. */
void nbd_server_end (struct nbd_server *server);

#endif /* NBDMIRROR_NBD_SERVER_H */
