/* SPDX-License-Identifier: BSD-3-Clause */

/* The end of the server: SIGTERM, or the log's server asks for the log.
 *
 * nbdkit by itself would answer every request that comes in from then on with
 * ESHUTDOWN, which is an error to clients, and wait for its last client to
 * leave, however long that takes.  A client that connects again does better
 * with no answer: it sends the request again to the server that comes next.
 * So nbdkit is not told before the mirror is closed, and if clients are
 * connected then, not at all: the process ends, and that cuts their
 * connections.
 */

#ifndef NBDMIRROR_SHUTDOWN_H
#define NBDMIRROR_SHUTDOWN_H

#include <stdbool.h>

struct shutdown_calls {
  /* Close the mirror: no request is begun any more, those under way end.  In
   * bounded time.  Afterwards every request fails.
   */
  void (*finish) (void);

  /* Nobody is connected: let nbdkit end by itself. */
  void (*end_server) (void);
};

/* After the fork: watch for the signals that nbdkit ends on.  Clients have
 * drain seconds to leave, and are served meanwhile; a second signal ends that
 * wait.  -1 with the error reported.
 */
int shutdown_watch (const struct shutdown_calls *calls, unsigned drain);

/* Each client, when it has said what it wants, and when it has left.  One that
 * comes when the server ends waits for that: shutdown_client_came does not
 * return.
 */
void shutdown_client_came (void);
void shutdown_client_left (void);

/* The result of a request, for nbdkit.  It comes back, unless the request
 * failed and the server ends: then it stays without an answer, and this does
 * not return.  Keeps errno.
 */
int shutdown_answer (int result);

/* The server is not needed if it has no clients.  True: it ends.  False: there
 * are clients; if they leave within the time for that, it ends.  From any
 * thread, does not block.
 */
bool shutdown_if_idle (void);

/* End when the clients have left, but in drain seconds at most.  From any
 * thread, does not block.
 */
void shutdown_in (unsigned drain);

/* nbdkit ends: stop watching.  Blocks while finish runs. */
void shutdown_unwatch (void);

#endif /* NBDMIRROR_SHUTDOWN_H */
