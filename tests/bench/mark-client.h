/* SPDX-License-Identifier: BSD-3-Clause */

/* A client of the log server for mark-load: it marks regions of a log of its
 * own.  Whatever goes wrong ends the program, with a message.
 */

#ifndef NBDMIRROR_MARK_CLIENT_H
#define NBDMIRROR_MARK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto.h"

struct mark_client {
  int fd;
  uint64_t epoch, last_id;
  uint64_t regions; /* of the log, a power of two */
  uint64_t used;    /* so many are marked */
  struct buffer out;
  size_t sent; /* of out */
  uint8_t in[2 * PROTO_MAX_FRAME];
  size_t start, end; /* of what came and was not taken */
};

/* Print "mark-load: ..." and exit. */
void die (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2), noreturn));

/* server: a port of 127.0.0.1, or the path of a Unix socket. */
struct mark_client *mark_client_new (const char *server);

/* Attach to the log, and begin it anew; memory: it is the server's. */
void mark_client_begin (struct mark_client *c, const char *log,
                        uint64_t regions, bool memory);

/* Give the log up. */
void mark_client_end (struct mark_client *c);

/* Append frames; flush returns its id.  mark: of nr regions that are not
 * marked, no two of them neighbours; fewer if there are not so many, returns
 * how many.  clear: of all that are marked, one by one; returns how many.
 */
uint64_t mark_client_mark (struct mark_client *c, uint64_t nr);
uint64_t mark_client_clear (struct mark_client *c);
uint64_t mark_client_flush (struct mark_client *c, uint32_t flags);
void mark_client_renew (struct mark_client *c);

/* Send and receive what is possible without waiting. */
void mark_client_send (struct mark_client *c);
void mark_client_receive (struct mark_client *c);

/* The next reply that came.  False if it is not all there. */
bool mark_client_take (struct mark_client *c, struct proto_msg *msg);

/* Send everything, and wait for the reply to this id. */
void mark_client_wait (struct mark_client *c, uint64_t id,
                       struct proto_msg *msg);

#endif /* NBDMIRROR_MARK_CLIENT_H */
