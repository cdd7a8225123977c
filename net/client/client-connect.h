/* SPDX-License-Identifier: BSD-3-Clause */

/* From a list of servers to a connection.  Internal to the client.
 *
 * It knows nothing of what is said on the connection: who uses it says with
 * connector_failed that it is no good.
 */

#ifndef NBDMIRROR_CLIENT_CONNECT_H
#define NBDMIRROR_CLIENT_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "address.h"
#include "lookup.h"

struct stream;
struct tls;

#define CONNECTOR_REASON_SIZE 512

/* What is known of a server. */
enum log_server_seen {
  SEEN_NOT_ASKED,
  SEEN_ANSWERING, /* when it was asked last */
  SEEN_AWAY,      /* it was asked, and did not answer */
};

struct connector_callbacks {
  /* There is a connection. */
  void (*ready) (void *opaque);

  /* As in struct stream_callbacks. */
  size_t (*input) (void *opaque, const uint8_t *data, size_t len);

  /* The connection failed; the callee calls connector_failed. */
  void (*lost) (void *opaque, const char *reason);

  /* All servers of a round have failed, or the connection that was in use:
   * "HOST: reason".  It goes on trying.
   */
  void (*disconnected) (void *opaque, const char *reason, bool was_used);
};

/* Private, but the stream, which is NULL without a connection. */
struct connector {
  struct stream *stream;

  /* Read-only once connector_init returned. */
  struct ev_loop *loop;
  const struct connector_callbacks *cb;
  void *opaque;
  unsigned nr_servers;

  /* Of each server; one more for who another one sent us to. */
  struct address *server;
  struct lookup **lookup;
  enum log_server_seen *seen;

  struct tls *tls; /* held; replaced when its files have changed */

  bool connecting;
  bool answered;                        /* on this connection */
  unsigned at;                          /* the server that is tried, or used */
  unsigned followed;                    /* we were sent on so often in it */
  unsigned tried;                       /* so many have failed in this round */
  struct resolved resolved[LOOKUP_MAX]; /* its addresses */
  int nr_resolved, next_resolved;
  ev_timer retry;
  double backoff; /* seconds */
  unsigned short random[3];
  char server_name[ADDRESS_HOST_SIZE + 16];
};

/* Zeroed can be freed.  The servers are copied; tls is held, or
 * NULL; seed: bytes
 * that no other client has.  0, or -1 with errno.
 */
int connector_init (struct connector *k, struct ev_loop *loop,
                    const struct address *servers, unsigned nr_servers,
                    struct tls *tls, const uint8_t seed[6],
                    const struct connector_callbacks *cb, void *opaque);
void connector_free (struct connector *k);

/* Try the servers, at once. */
void connector_start (struct connector *k);

/* Close the connection, and try no more. */
void connector_stop (struct connector *k);

/* "HOST:PORT", or the path, of a server. */
void connector_print_server (const struct connector *k, unsigned i, char *buf,
                             size_t size);

/* The server of the connection has said something sensible. */
void connector_answered (struct connector *k);

/* What is wanted is at this server, says the one of the connection, which is
 * dropped: try that one next.  Who is sent on too often has failed.
 */
void connector_follow (struct connector *k, const struct address *a);

/* The connection is no good: close it, and try the next server, after a
 * pause if it was in use (used).  Calls disconnected then.
 */
void connector_failed (struct connector *k, const char *reason, bool used);

/* The connection was good: the next pause is short again. */
void connector_forget_failures (struct connector *k);

#endif /* NBDMIRROR_CLIENT_CONNECT_H */
