/* SPDX-License-Identifier: BSD-3-Clause */

/* A request to a log server, and its answer: for administration, so without
 * a session and a log of one's own.
 */

#ifndef NBDMIRROR_LOG_CLIENT_H
#define NBDMIRROR_LOG_CLIENT_H

#include <stdint.h>

#include "address.h"
#include "proto.h"

struct tls;

struct log_server {
  struct address address;
  const char *text; /* as the user typed it, for messages */
  struct tls *tls;  /* NULL: plain */
  double timeout_s; /* from connecting to the last reply */
};

enum log_outcome {
  LOG_DONE,
  LOG_REFUSED,   /* the server says no */
  LOG_NO_ANSWER, /* there is no server, or it does not answer in time */
};

/* Connect, say hello, and if the server says that another one has the log do
 * the same there, a few times; send the request (STATUS_INFO, DELETE or TAKEOVER; its
 * id is chosen here), and wait for the last reply to it.  Each text of a reply
 * to STATUS_INFO that is not empty is given to on_text, which returns NULL,
 * or a static text that says why this is no answer.
 *
 * Blocks for timeout_s at most, for each server.  All but LOG_DONE was reported.
 */
enum log_outcome log_request (const struct log_server *server,
                              const struct proto_msg *request,
                              const char *(*on_text) (void *opaque,
                                                      struct proto_str text),
                              void *opaque);

#endif /* NBDMIRROR_LOG_CLIENT_H */
