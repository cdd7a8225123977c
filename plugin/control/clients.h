/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is connected to the control socket: requests, line by line, and replies.
 * All of it belongs to the thread that runs the loop.
 */

#ifndef NBDMIRROR_CLIENTS_H
#define NBDMIRROR_CLIENTS_H

#include <ev.h>

#define MAX_CLIENTS 64

struct client;
struct jobs;
struct mirror;

struct clients {
  struct mirror *mirror;
  struct ev_loop *loop;
  struct jobs *jobs;
  struct client *of[MAX_CLIENTS]; /* NULL: free slot */
};

/* fd is one more, and is closed with it.  -1: there is no room for it. */
int clients_add (struct clients *c, int fd);

/* Who waited for jobs that are done gets the replies. */
void clients_jobs_done (struct clients *c);

/* Drop all.  The rest stays as it is. */
void clients_free (struct clients *c);

#endif /* NBDMIRROR_CLIENTS_H */
