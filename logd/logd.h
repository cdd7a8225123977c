/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of the log server, shared by the files that make it up:
 *
 *   main.c        start, daemon, end
 *   options.c     the command line
 *   server.c      the loop, the tick, signals, bounded end
 *   listen.c      listeners and accept
 *   client.c      a connection: frames in, replies out, back-pressure
 *   request.c     changes, flush, questions
 *   attach.c      who gets a log: attach, renew, detach
 *   takeover.c    ... against the will of its owner
 *   state.c       a log's state to a client
 *   served.c      a log that is served: open, close, the list of them
 *   replies.c     the last replies of a session
 *   remove.c      delete
 *   list.c        status-info
 *   status.c      what there is to see, as JSON
 *   metrics.c     ... and for Prometheus
 *   http.c        both by HTTP
 *   access.c      who may open what
 *   lease.c       who owns a log, without I/O
 *   lease-file.c  ... across a restart
 *   worker.c      threads for what blocks
 *   msg-logd.c    messages
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

#include "deadline.h"
#include "dirty-log.h"
#include "lease.h"
#include "options.h"
#include "proto.h"
#include "worker.h"

#define SOFTWARE "nbdmirror-logd " PACKAGE_VERSION
#define HELLO_SECONDS 10.
#define TICK_SECONDS 0.25
#define END_SECONDS 4.   /* for logs to close, and then ... */
#define SHUT_SECONDS 1.  /* ... for the last answers */
#define CLIENT_ASKERS 64 /* requests of one client, not yet answered */
#define CLIENT_INPUT (2 * PROTO_MAX_FRAME)
#define CLIENT_OUTPUT ((size_t) 1 << 20)
#define TEXT_SIZE (PROTO_MAX_TEXT + 1)

struct access;
struct http;
struct listener;
struct removal;
struct server;
struct client;
struct served;
struct stream;
struct tls;

/* --- who waits for an answer --- */

/* A request that is not answered at once.  If the client goes away, client
 * becomes NULL.
 */
struct asker {
  struct client *client;
  struct asker *next, **prev; /* of the client */
  uint16_t type;
  uint64_t id;
};

void asker_init (struct asker *a, struct client *c,
                 const struct proto_msg *request);

/* The asker is not waiting any more. */
void asker_end (struct asker *a);

/* Answer; both do nothing if the client is gone, and both end the asker
 * unless the reply has PROTO_MORE.
 */
void asker_reply (struct asker *a, struct proto_msg *reply);
void asker_error (struct asker *a, enum proto_error error, const char *fmt,
                  ...) __attribute__ ((format (printf, 3, 4)));

/* --- a connection: client.c --- */

/* Reasons not to read from it. */
#define BLOCK_JOB 1u    /* a job of its own must come first */
#define BLOCK_ASKERS 2u /* too many */
#define BLOCK_OUTPUT 4u /* it does not read */
#define BLOCK_FEED 8u   /* a long answer is on its way */
#define BLOCK_GRANT 16u /* it gets a log, or loses it to another */
#define BLOCK_END 32u   /* the server ends */

/* An answer that is longer than what may wait for output. */
struct feed {
  /* Send some until the stream is congested; true: that was all. */
  bool (*step) (struct feed *f);
  void (*free) (struct feed *f);
  struct client *client;
  struct feed *next;
};

struct client {
  struct client *next, **prev; /* of the server */
  struct server *server;
  struct stream *stream;
  ev_timer hello_timer;
  bool greeted;     /* HELLO is done */
  bool turned_away; /* there are too many */
  bool dead;        /* freed at the end of this turn of the loop */
  unsigned blocked;
  bool refused; /* a change that made no sense: no flush any more */
  struct asker *askers;
  unsigned nr_askers;
  struct feed *feeds;
  struct served *served; /* the log it owns */
  bool attaching;
  char stale[TEXT_SIZE]; /* why it does not own its log any more */
};

/* Takes over the socket. */
void client_new (struct server *s, int fd);
void client_close (struct client *c);

/* Reply to a request that is at hand. */
void client_reply (struct client *c, struct proto_msg *reply);
void client_error (struct client *c, const struct proto_msg *request,
                   enum proto_error error, const char *fmt, ...)
  __attribute__ ((format (printf, 4, 5)));

void client_block (struct client *c, unsigned why);
void client_unblock (struct client *c, unsigned why);

/* Start a feed, or queue it; it ends before anything more is read. */
void client_feed (struct client *c, struct feed *f);

/* Close when all answers went out. */
void client_shut (struct client *c);

/* --- request.c --- */

/* A frame other than HELLO. */
void request_run (struct client *c, const struct proto_msg *msg);

/* The client owns its log, with this epoch; else E_STALE is said.  Counts
 * as a sign of life.
 */
bool request_of_owner (struct client *c, const struct proto_msg *msg,
                       uint64_t epoch);

/* --- replies.c --- */

#define NR_REPLIES 64

struct kept_reply {
  uint64_t id; /* 0: none */
  size_t len;
  uint8_t *frame;
};

/* The last small replies of a session, by id. */
struct replies {
  struct kept_reply kept[NR_REPLIES];
  unsigned next;
};

void replies_keep (struct replies *r, uint64_t id, const uint8_t *frame,
                   size_t len);
const struct kept_reply *replies_find (const struct replies *r, uint64_t id);
void replies_free (struct replies *r);

/* --- a log that is served: served.c --- */

struct attach {
  struct attach *next;
  struct asker asker;
  struct lease_holder holder;
  uint32_t flags; /* PROTO_ATTACH_... */
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t epoch, flush_number;
  bool told; /* that it waits */
};

struct takeover {
  struct takeover *next;
  struct asker asker;
  bool fenced;
  uint64_t epoch;    /* that is to end */
  uint64_t deadline; /* CLOCK_BOOTTIME */
};

#define NR_LATENCIES 32 /* bucket i: below 2^i microseconds */

struct served_stats {
  uint64_t flushes; /* requests answered */
  uint64_t batches; /* cycles that served them */
  uint64_t changes; /* frames */
  uint64_t latency[NR_LATENCIES];
  uint64_t latency_sum; /* microseconds */
};

struct served {
  struct served *next; /* of the server */
  struct server *server;
  char name[PROTO_MAX_NAME + 1];
  bool memory;
  bool private; /* opened for one reader, not in the list */
  bool loaded;  /* lease is what the file says */

  struct worker *worker;
  struct dirty_log *log; /* NULL: not open */
  bool busy;             /* a job has the log, or gives it to somebody */
  bool resizing;         /* ... and changes what the loop may not look at */
  bool usable;           /* ours or created: may be changed and flushed */
  bool created;          /* since it was opened */
  bool found_unclean;    /* what the next session will be told */
  uint64_t found_flush;  /* flush number when it was opened */
  uint64_t grown_from;   /* regions of a growth that was not flushed yet */
  unsigned version;      /* grows when log is replaced or resized */
  uint8_t uuid[PROTO_ID_SIZE]; /* of log, also while that is busy */

  struct lease lease;
  struct client *owner;         /* the holder's connection, or NULL */
  bool unclean;                 /* what the holder was told */
  struct lease_holder previous; /* the holder before; host "" if unknown */
  struct replies replies;

  struct attach *attaches;
  struct takeover *takeovers;
  struct removal *removals;
  unsigned readers; /* feeds that read log */
  bool later;       /* served_later was called */
  struct served_stats stats;
};

struct served *served_find (struct server *s, struct proto_str name);

/* Find it, or add one that is not open.  NULL with errno. */
struct served *served_get (struct server *s, struct proto_str name,
                           bool memory);

/* One that is not in the list, for a reader.  NULL with errno. */
struct served *served_private (struct server *s, struct proto_str name);

/* Do what can be done now: open it, answer who waits, close it.  May free
 * it.
 */
void served_pump (struct served *l);

/* The same, but not before the end of this turn of the loop: for those who
 * may themselves be called by it.
 */
void served_later (struct served *l);

/* Time goes on. */
void served_tick (struct served *l, uint64_t now);

#define NOT_GROWN UINT64_MAX

/* The owner that made it longer is gone, or will be, and did not say what
 * its legs miss in the new regions: they are marked.
 */
void served_end_growth (struct served *l);

/* Open it with flags of dirty_log_open. */
void served_open (struct served *l, unsigned flags);

/* Close it. */
void served_close (struct served *l);

/* Its owner gives it up: close it, and answer. */
void served_detach (struct served *l, const struct proto_msg *msg);

/* Nobody uses it. */
void served_free (struct served *l);

/* Its owner is not the owner any more, fmt says why. */
void served_drop_owner (struct served *l, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* For messages: "HOST (pid N, ADDRESS)".  Returns buf. */
const char *served_holder (const struct served *l, char *buf, size_t size);

#define HOLDER_SIZE (PROTO_MAX_HOST + LEASE_ADDRESS_SIZE + 32)

/* E_NO_SPACE or E_IO. */
enum proto_error error_of_errno (int err);

/* --- attach.c --- */

void attach_request (struct client *c, const struct proto_msg *msg);

/* Open a log for one reader. */
void attach_private (struct client *c, const struct proto_msg *msg);

/* It is open, or can't be opened. */
void attach_private_opened (struct served *l);

void attach_renew (struct client *c, const struct proto_msg *msg);
void attach_detach (struct client *c, const struct proto_msg *msg);

/* The owner lives: who waits for its log is refused. */
void attach_alive (struct served *l);

/* Answer who can be answered.  True: somebody is being given the log. */
bool attach_pump (struct served *l);

/* Refuse all who wait. */
void attach_refuse_all (struct served *l, enum proto_error error,
                        const char *text);

/* Make a lease record durable, then call done in the loop, with 0 or an
 * errno and a text; meanwhile the log is busy.
 */
typedef void (*lease_done) (struct served *l, void *opaque,
                            const struct lease_record *record, int err,
                            const char *text);
void lease_write (struct served *l, const struct lease_record *record,
                  lease_done done, void *opaque);

/* --- takeover.c --- */

void takeover_request (struct client *c, const struct proto_msg *msg);

/* As attach_pump. */
bool takeover_pump (struct served *l, uint64_t now);
void takeover_refuse_all (struct served *l, enum proto_error error,
                          const char *text);

/* --- state.c --- */

/* Send all of the state and this last reply. */
void state_send (struct client *c, struct served *l, uint64_t id,
                 const struct proto_attached *attached);

/* A client that only reads. */
void state_read (struct client *c, const struct proto_msg *msg);

/* What the log says of itself, but lease and epoch. */
void state_describe (struct served *l, bool reader,
                     struct proto_attached *attached);

/* Send the state of a log that is open, to one that only reads. */
void state_send_reader (struct client *c, struct served *l, uint64_t id);

/* --- remove.c --- */

struct removal {
  struct removal *next;
  struct asker asker;
};

void remove_request (struct client *c, const struct proto_msg *msg);

/* As attach_pump. */
bool remove_pump (struct served *l);
void remove_refuse_all (struct served *l, enum proto_error error,
                        const char *text);

/* --- list.c --- */

void list_request (struct client *c, const struct proto_msg *msg);

/* --- status.c --- */

struct json_object;

/* A consistent copy of what can be seen of a log. */
struct log_view {
  const struct served *served;
  uint64_t now;             /* CLOCK_BOOTTIME */
  bool open;                /* then: */
  struct log_status status; /* of the dirty log */
  struct log_geometry geo;
};

void status_view (struct served *l, struct log_view *view);

/* "free", "connected", "silent", "over". */
const char *status_owner_state (const struct served *l);

/* Of a log that is served, and of one that is only there on disk. */
struct json_object *status_of_log (struct served *l);
struct json_object *status_of_file (const char *name,
                                    const struct lease_record *record);

struct json_object *status_of_server (struct server *s);

/* --- metrics.c --- */

/* Text to be freed, or NULL with errno. */
char *metrics_text (struct server *s);

/* --- http.c --- */

/* 0, or -1 with the error reported. */
int http_start (struct server *s);
void http_stop (struct server *s);

/* Takes over the socket. */
void http_connection (struct server *s, int fd);

/* --- server.c --- */

struct server {
  /* Read-only once server_run began. */
  const struct options *options;
  int dir;
  struct tls *tls;
  struct access *access;
  uint8_t run_id[PROTO_ID_SIZE];
  uint64_t started; /* CLOCK_BOOTTIME */

  int max_fd; /* of clients: what is above is for files */

  struct ev_loop *loop;
  struct completions completions;
  struct listener *listeners;
  struct http *http;
  struct worker *lister; /* for list.c, started by the first use */
  unsigned listing;      /* jobs of it */
  struct served *logs;
  unsigned nr_served; /* private ones, too */
  struct client *clients;
  unsigned nr_clients;
  struct client *dead;      /* to be freed */
  bool later;               /* served_later was called for some log */
  struct proto_buf scratch; /* for one frame */

  ev_timer tick;
  uint64_t last_tick;
  ev_signal sigterm, sigint, sighup;
  bool ending;
  ev_timer end_timer;
  bool hung; /* a worker did not end in time */
};

/* Serve until a signal says to end.  0, or -1 with the error reported. */
int server_run (struct server *s);

/* The server ends as soon as nothing is left to do. */
void server_check_end (struct server *s);

/* --- access.c --- */

/* NULL with the error reported. */
struct access *access_load (const char *path);
void access_free (struct access *a);

/* a NULL: everybody may. */
bool access_allows (const struct access *a, const char *identity,
                    const char *log);

/* The client may open the log; access_check says E_DENIED if not. */
bool access_may (const struct client *c, const char *log);
bool access_check (struct client *c, const struct proto_msg *msg,
                   struct proto_str name);

#endif /* NBDMIRROR_LOGD_H */
