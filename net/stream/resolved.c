/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "resolved.h"

#define BACKLOG 128

static void
resolve_path (const struct address *a, struct resolved *out)
{
  struct sockaddr_un addr = {.sun_family = AF_UNIX};

  memcpy (addr.sun_path, a->path, sizeof addr.sun_path);
  memset (out, 0, sizeof *out);
  memcpy (&out->addr, &addr, sizeof addr);
  out->len = sizeof addr;
}

static int
copy_list (const struct addrinfo *list, struct resolved *out, int max)
{
  int nr = 0;

  for (; list != NULL && nr < max; list = list->ai_next, ++nr) {
    memset (&out[nr], 0, sizeof out[nr]);
    memcpy (&out[nr].addr, list->ai_addr, list->ai_addrlen);
    out[nr].len = list->ai_addrlen;
  }
  return nr;
}

static const char *
resolve_error (int err)
{
  const char *text = err == EAI_SYSTEM ? strerrordesc_np (errno) : NULL;

  return text ? text : gai_strerror (err);
}

/* Not AI_ADDRCONFIG: it hides ::1 where no other interface has IPv6, and
 * without it an address that cannot be reached only costs a connect that
 * fails at once.
 */
static int
resolve_host (const struct address *a, int flags, struct resolved *out,
              int max, const char **why)
{
  struct addrinfo hints = {
    .ai_flags = AI_NUMERICSERV | flags,
    .ai_socktype = SOCK_STREAM,
  };
  const char *host = a->host[0] != '\0' ? a->host : NULL;
  struct addrinfo *list;
  int err, nr;

  err = getaddrinfo (host, a->port, &hints, &list);
  if (err == EAI_NONAME && flags & AI_NUMERICHOST)
    return 0;
  if (err != 0) {
    *why = resolve_error (err);
    return -1;
  }
  nr = copy_list (list, out, max);
  freeaddrinfo (list);
  return nr;
}

static int
resolve (const struct address *a, int flags, struct resolved *out, int max,
         const char **why)
{
  if (a->path[0] != '\0') {
    resolve_path (a, out);
    return 1;
  }
  if (a->host[0] == '\0' && !(flags & AI_PASSIVE)) {
    *why = "the host is missing: HOST or HOST:PORT";
    return -1;
  }
  return resolve_host (a, flags, out, max, why);
}

int
address_resolve (const struct address *a, bool listening, struct resolved *out,
                 int max, const char **why)
{
  return resolve (a, listening ? AI_PASSIVE : 0, out, max, why);
}

int
address_resolve_figures (const struct address *a, struct resolved *out,
                         int max, const char **why)
{
  return resolve (a, AI_NUMERICHOST, out, max, why);
}

static bool
is_loopback4 (uint32_t addr)
{
  return ntohl (addr) >> 24 == IN_LOOPBACKNET;
}

static bool
is_loopback6 (const struct in6_addr *addr)
{
  uint32_t last;

  memcpy (&last, &addr->s6_addr[12], sizeof last);
  return IN6_IS_ADDR_LOOPBACK (addr) ||
         (IN6_IS_ADDR_V4MAPPED (addr) && is_loopback4 (last));
}

bool
resolved_is_local (const struct resolved *r)
{
  struct sockaddr_in in;
  struct sockaddr_in6 in6;

  switch (r->addr.ss_family) {
  case AF_UNIX:
    return true;
  case AF_INET:
    memcpy (&in, &r->addr, sizeof in);
    return is_loopback4 (in.sin_addr.s_addr);
  case AF_INET6:
    memcpy (&in6, &r->addr, sizeof in6);
    return is_loopback6 (&in6.sin6_addr);
  default:
    return false;
  }
}

/* A peer that has not bound its Unix socket has no path, and an abstract
 * name is none.
 */
static void
print_unix (const struct resolved *r, char *buf, size_t size)
{
  struct sockaddr_un addr = {0};
  size_t len = r->len < sizeof addr ? r->len : sizeof addr;

  memcpy (&addr, &r->addr, len);
  snprintf (buf, size, "%.*s", (int) sizeof addr.sun_path,
            addr.sun_path[0] != '\0' ? addr.sun_path : "unix");
}

static void
print_tcp (const struct resolved *r, char *buf, size_t size)
{
  char host[INET6_ADDRSTRLEN + 32], port[8];

  if (getnameinfo ((const struct sockaddr *) &r->addr, r->len, host,
                   sizeof host, port, sizeof port,
                   NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    snprintf (buf, size, "unknown");
  else if (r->addr.ss_family == AF_INET6)
    snprintf (buf, size, "[%s]:%s", host, port);
  else
    snprintf (buf, size, "%s:%s", host, port);
}

const char *
resolved_print (const struct resolved *r, char *buf, size_t size)
{
  if (r->addr.ss_family == AF_UNIX)
    print_unix (r, buf, size);
  else
    print_tcp (r, buf, size);
  return buf;
}

static int
new_socket (const struct resolved *r)
{
  return socket (r->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 0);
}

int
resolved_connect (const struct resolved *r)
{
  int fd = new_socket (r);

  if (fd == -1)
    return -1;
  if (connect (fd, (const struct sockaddr *) &r->addr, r->len) == -1 &&
      errno != EINPROGRESS && errno != EINTR) {
    cleanup_close (&fd);
    return -1;
  }
  return fd;
}

static int
set_option (int fd, int level, int name)
{
  int on = 1;

  return setsockopt (fd, level, name, &on, sizeof on);
}

static int
allow_absent (int fd, const struct resolved *r)
{
  return r->addr.ss_family == AF_INET6
           ? set_option (fd, IPPROTO_IPV6, IPV6_FREEBIND)
           : set_option (fd, IPPROTO_IP, IP_FREEBIND);
}

static int
listen_on (int fd, const struct resolved *r, bool absent)
{
  if (set_option (fd, SOL_SOCKET, SO_REUSEADDR) == -1)
    return -1;
  if (absent && allow_absent (fd, r) == -1)
    return -1;
  if (r->addr.ss_family == AF_INET6 &&
      set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1)
    return -1;
  if (bind (fd, (const struct sockaddr *) &r->addr, r->len) == -1)
    return -1;
  return listen (fd, BACKLOG);
}

static int
open_listener (const struct resolved *r, bool absent)
{
  int fd;

  if (r->addr.ss_family == AF_UNIX) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  fd = new_socket (r);
  if (fd == -1)
    return -1;
  if (listen_on (fd, r, absent) == -1) {
    cleanup_close (&fd);
    return -1;
  }
  return fd;
}

int
resolved_listen (const struct resolved *r)
{
  return open_listener (r, false);
}

int
resolved_listen_ahead (const struct resolved *r)
{
  return open_listener (r, true);
}
