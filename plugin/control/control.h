/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket: answers `nbdmirror`.
 *
 * Thread model: one thread with one libev loop owns everything here; another one
 * carries out orders.
 */

#ifndef NBDMIRROR_CONTROL_H
#define NBDMIRROR_CONTROL_H

struct control;
struct mirror;

/* Before the server forks: bind PATH (mode 0600; a stale socket is replaced, a
 * live one refused), so that clients can connect from then on; they wait for
 * control_start.  NULL with the error reported.
 */
struct control *control_open (const char *path);

/* After the fork: serve on threads of its own.  -1 with the error reported; the
 * caller still calls control_stop.
 */
int control_start (struct control *c, struct mirror *m);

/* Stop the threads, if any, close, unlink, free.  Orders under way end first.
 * NULL is allowed.
 */
void control_stop (struct control *c);

/* Refuse now what control_open would refuse (a live socket, no directory).  -1
 * with the error reported.
 */
int control_check (const char *path);

#endif /* NBDMIRROR_CONTROL_H */
