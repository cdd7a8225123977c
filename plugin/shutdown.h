/* SPDX-License-Identifier: BSD-3-Clause */

/* SIGTERM ends the server in bounded time.  nbdkit by itself waits for its
 * last client to leave, however long that takes.
 */

#ifndef NBDMIRROR_SHUTDOWN_H
#define NBDMIRROR_SHUTDOWN_H

/* After the fork: watch for the signals that nbdkit ends on.  If the server
 * has not ended by itself within the grace time, call finish, which must
 * take a bounded time, and _exit (0).  -1 with the error reported.
 */
int shutdown_watch (void (*finish) (void));

/* The server was told to end, without a signal.  From any thread. */
void shutdown_expect (void);

/* The server ends by itself: stop watching.  If finish has begun already
 * this does not return.
 */
void shutdown_unwatch (void);

#endif /* NBDMIRROR_SHUTDOWN_H */
