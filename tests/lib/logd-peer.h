/* SPDX-License-Identifier: BSD-3-Clause */

/* For tests: a log server in a process of its own, and a client of it that
 * sends what it is told, frame by frame, over a blocking socket.
 */

#ifndef NBDMIRROR_LOGD_PEER_H
#define NBDMIRROR_LOGD_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "proto.h"

struct logd {
  pid_t pid;
  char dir[64]; /* removed by logd_clean */
  char socket[80], status[80], err[80];
};

/* What the server's process gets before it is the server; may be NULL. */
typedef void (*logd_prepare) (void);

/* Make a directory, and start a server with a lease of one second and these
 * other arguments, NULL at the end.  Returns when it can be connected to.
 */
void logd_start (struct logd *l, logd_prepare prepare, const char *arg, ...);

/* The same with the directory that is there. */
void logd_again (struct logd *l, const char *arg, ...);

void logd_kill (struct logd *l);

/* SIGTERM; returns the exit status. */
int logd_end (struct logd *l);

/* Kill it if it runs, and remove all. */
void logd_clean (struct logd *l);

/* Let time pass, for leases. */
void poll_for (int ms);

/* The path of a file in the directory; valid until the next call. */
const char *logd_file (const struct logd *l, const char *name);

/* What it said on standard error. */
const char *logd_messages (const struct logd *l);

struct peer {
  int fd;
  uint64_t next_id, epoch;
  uint8_t session[PROTO_ID_SIZE], uuid[PROTO_ID_SIZE];
  struct buffer in, out;
  size_t frame;       /* length of the frame that the last message is in */
  uint64_t features;  /* that it will say hello with */
  uint32_t min_block; /* in the record of the state */
  struct proto_attached attached;
  uint64_t marked, missed; /* regions in the state that came with it */
};

/* Connect; peer_open also says hello.  who: the session.  A peer is zeroed,
 * or was used before: then its connection is closed.
 */
void peer_connect (struct peer *p, const struct logd *l, char who);
void peer_open (struct peer *p, const struct logd *l, char who);
void peer_close (struct peer *p);

/* Put a request into out; id 0: the next one.  Returns the id. */
uint64_t peer_put (struct peer *p, struct proto_msg *msg);

/* Make the checksum of the one frame in out right again. */
void peer_crc (struct peer *p);

/* Send out, or as much as is said. */
void peer_flush (struct peer *p);
bool peer_send_bytes (struct peer *p, const void *data, size_t len);

/* The next frame; false: the server closed the connection.  What the
 * message points to is valid until the next call.
 */
bool peer_next (struct peer *p, struct proto_msg *msg);

/* Is there something to read? */
bool peer_has_input (const struct peer *p);

/* The next frame is the reply to this. */
void peer_reply (struct peer *p, uint64_t id, struct proto_msg *msg);

/* Requests, put and flushed; those with an error as result wait for it. */
uint64_t peer_hello (struct peer *p);
uint64_t peer_put_attach (struct peer *p, const char *name, unsigned flags,
                          uint64_t flush_number);
enum proto_error peer_attach (struct peer *p, const char *name,
                              unsigned flags);
enum proto_error peer_attach_again (struct peer *p, const char *name,
                                    uint64_t flush_number);

/* The last reply to ATTACH, with the state before it. */
enum proto_error peer_attached (struct peer *p);

void peer_create (struct peer *p, uint64_t regions);
uint64_t peer_put_runs (struct peer *p, unsigned type, uint64_t first,
                        uint32_t nr);
uint64_t peer_put_flush (struct peer *p, unsigned type, unsigned flags);
enum proto_error peer_flush_log (struct peer *p, unsigned flags,
                                 uint64_t *number);
enum proto_error peer_simple (struct peer *p, unsigned type);
enum proto_error peer_named (struct peer *p, unsigned type, const char *name,
                             unsigned flags);
bool peer_is_clean (struct peer *p, uint64_t region);

/* The text of the last error or reply. */
const char *peer_text (void);

/* Regions of the logs here: 1 MiB. */
#define PEER_REGION (UINT32_C (1) << 20)

#endif /* NBDMIRROR_LOGD_PEER_H */
