/* SPDX-License-Identifier: BSD-3-Clause */

/* That a control socket is one of a mirror, for `nbdmirror list'.  A name in the
 * abstract name space says so: ANNOUNCE_PREFIX and the number of the socket, by
 * which /proc/net/unix tells its path.  It needs no directory, is gone with its
 * process, and is only a hint: who reads it asks the socket.
 */

#ifndef NBDMIRROR_ANNOUNCE_H
#define NBDMIRROR_ANNOUNCE_H

#define ANNOUNCE_PREFIX "nbdmirror-control:"

/* A descriptor that holds the name as long as it is open, or -1: the socket is
 * not found then, and serves all the same.
 */
int announce_socket (int listener);

#endif /* NBDMIRROR_ANNOUNCE_H */
