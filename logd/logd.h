/* SPDX-License-Identifier: BSD-3-Clause */

/* The log server: what all its parts share.
 *
 *   main.c, options.c, server.c, listen.c   start, command line, loop, accept
 *   client/    a connection, who may open what; knows no log
 *   served/    a log that is served: open, close, lease, worker
 *   status/    what there is to see, as JSON and for Prometheus
 *   request/   what clients ask for, and who waits for what
 *
 * Each knows only those above it in this list, and this file; what goes the
 * other way are calls through the pointers in struct server, which main.c
 * sets.
 *
 * Threads: the loop's thread owns everything declared here.  A worker
 * (worker.h) for each open log does all that blocks for this log, so that a
 * slow disk stops nobody else; what it works on is in its job.
 *
 * The loop changes a struct dirty_log while its worker flushes it, which is
 * what dirty-log.h allows.  Its "start-up only" functions run in the worker
 * while served->busy says that the loop must leave the log alone.
 *
 * Locks: the queues of worker.h and the logs' own, none of them taken
 * inside another one.
 */

#ifndef NBDMIRROR_LOGD_H
#define NBDMIRROR_LOGD_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "proto.h"
#include "worker.h"

#define SOFTWARE "nbdmirror-logd " PACKAGE_VERSION
#define TEXT_SIZE (PROTO_MAX_TEXT + 1)

struct access;
struct client;
struct depot;
struct http;
struct listener;
struct options;
struct served;
struct tls;
struct waiters;

struct server {
  /* Read-only once server_run began. */
  const struct options *options;
  struct depot *depot;
  uint8_t run_id[PROTO_ID_SIZE];
  uint64_t started; /* CLOCK_BOOTTIME */
  int max_fd;       /* of clients: what is above is for files */

  /* A client's frame other than HELLO.  May close the client. */
  void (*on_request) (struct client *c, const struct proto_msg *msg);

  /* The client goes away; why: its connection was lost, or NULL. */
  void (*on_gone) (struct client *c, const char *why);

  /* Who may wait for a log, in the order in which they are served; ends
   * with NULL.
   */
  const struct waiters *const *waiters;

  struct tls *tls;       /* NULL: plain */
  struct access *access; /* NULL: everybody may open all logs */
  struct ev_loop *loop;
  struct completions completions;
  struct listener *listeners;
  struct http *http;
  struct worker *lister; /* for list-logs.c, started by the first use */
  unsigned listing;      /* jobs of it */
  struct served *logs;
  unsigned nr_served; /* private ones, too */
  struct client *clients;
  unsigned nr_clients;
  struct client *dead;   /* to be freed */
  bool later;            /* served_later was called for some log */
  struct buffer scratch; /* for one frame */

  ev_timer tick;
  uint64_t last_tick;
  ev_signal sigterm, sigint, sighup;
  bool ending;
  ev_timer end_timer;
  bool hung; /* a worker did not end in time */
};

#endif /* NBDMIRROR_LOGD_H */
