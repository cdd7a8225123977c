/* SPDX-License-Identifier: BSD-3-Clause */

/* A list of servers that share a store of logs: each of them can be asked for
 * all.
 */

#ifndef NBDMIRROR_LOG_SERVERS_H
#define NBDMIRROR_LOG_SERVERS_H

#include <stddef.h>

#include "log-client.h"

#define LOG_MAX_SERVERS 8
#define LOG_SERVER_TEXT 300

struct json_object;

enum log_server_state {
  SERVER_NOT_ASKED,
  SERVER_ANSWERED,
  SERVER_AWAY, /* asked, and no answer came */
};

/* Freed by nobody: it is all in here, but tls. */
struct log_servers {
  struct log_server server[LOG_MAX_SERVERS];
  char text[LOG_MAX_SERVERS][LOG_SERVER_TEXT]; /* "HOST:PORT" of each */
  enum log_server_state state[LOG_MAX_SERVERS];
  unsigned nr;
  const char *operand; /* as the user typed it */
};

/* SERVER[,SERVER...]; a path may have commas, and is alone.  0, or -1 with
 * *why, a static text.
 */
int log_servers_parse (struct log_servers *s, const char *text, size_t len,
                       const char **why);

/* Of all of them. */
void log_servers_set (struct log_servers *s, struct tls *tls,
                      double timeout_s);

/* As log_request, of one server after another until one answers. */
enum log_outcome
log_servers_request (struct log_servers *s, const struct proto_msg *request,
                     const char *(*on_text) (void *opaque,
                                             struct proto_str text),
                     void *opaque);

/* As log_request for STATUS_INFO of all logs; of those that another server
 * has, that one is asked, too, and added to the list, if there is room.  The
 * array gets an object for each log; one whose server does not answer keeps
 * the state "elsewhere", with "away": true.
 */
enum log_outcome log_servers_list (struct log_servers *s,
                                   struct json_object *logs);

/* "not-asked", "answered", "away". */
const char *log_server_state_name (enum log_server_state state);

/* An answer to STATUS_INFO, which opaque, an array, gets.  NULL, or a static
 * text.
 */
const char *log_servers_add (void *opaque, struct proto_str text);

#endif /* NBDMIRROR_LOG_SERVERS_H */
