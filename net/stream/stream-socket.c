/* SPDX-License-Identifier: BSD-3-Clause */

/* The sockets of streams. */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "resolved.h"
#include "stream-socket.h"

/* A peer that says nothing is asked after this time, and given up if what
 * was sent (also such a question) is not acknowledged for the longer one.
 */
#define PROBE_IDLE_S 5
#define PROBE_INTERVAL_S 2
#define USER_TIMEOUT_MS 10000

static int
get_own (int fd, struct resolved *r)
{
  memset (r, 0, sizeof *r);
  r->len = sizeof r->addr;
  return getsockname (fd, (struct sockaddr *) &r->addr, &r->len);
}

static int
get_peer (int fd, struct resolved *r)
{
  memset (r, 0, sizeof *r);
  r->len = sizeof r->addr;
  return getpeername (fd, (struct sockaddr *) &r->addr, &r->len);
}

static bool
is_tcp (int fd)
{
  struct resolved own;

  return get_own (fd, &own) == 0 &&
         (own.addr.ss_family == AF_INET || own.addr.ss_family == AF_INET6);
}

/* None of them is needed for the stream to work. */
static void
set_option (int fd, int level, int name, int value)
{
  (void) setsockopt (fd, level, name, &value, sizeof value);
}

void
socket_set_options (int fd)
{
  if (!is_tcp (fd))
    return;
  set_option (fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option (fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S);
  set_option (fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_INTERVAL_S);
  set_option (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
  set_option (fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* A connection to a port that nobody listens on can get that very port as
 * its own, and so meets itself.
 */
static bool
is_own_peer (int fd)
{
  struct resolved own, peer;

  return is_tcp (fd) && get_own (fd, &own) == 0 && get_peer (fd, &peer) == 0 &&
         memcmp (&own, &peer, sizeof own) == 0;
}

int
socket_connect_error (int fd)
{
  int err = 0;
  socklen_t len = sizeof err;

  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
    return errno;
  return err == 0 && is_own_peer (fd) ? ECONNREFUSED : err;
}

void
socket_print_peer (int fd, char *buf, size_t size)
{
  struct resolved peer;

  if (get_peer (fd, &peer) == 0)
    resolved_print (&peer, buf, size);
  else
    snprintf (buf, size, "unknown");
}
