/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket: answers `nbdmirror`.
 *
 * Thread model: one thread with one libev loop owns everything here.
 */

#ifndef NBDMIRROR_CONTROL_H
#define NBDMIRROR_CONTROL_H

struct control;
struct mirror;

/* Bind PATH (mode 0600; a stale socket is replaced, a live one refused) and
 * serve on a thread of its own.  NULL with the error reported.
 */
struct control *control_start (const char *path, struct mirror *m);

/* Stop the thread, close and unlink.  NULL is allowed. */
void control_stop (struct control *c);

/* Before the server forks: refuse now what control_start would refuse (a
 * live socket, no directory).  -1 with the error reported.
 */
int control_check (const char *path);

#endif /* NBDMIRROR_CONTROL_H */
