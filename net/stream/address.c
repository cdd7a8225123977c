/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses of log servers.
 *
 * Parsing is strict: getaddrinfo takes "10810" and "1.2.3" for IPv4
 * addresses, and "::1:10810" can be meant in two ways.
 */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"

#define BACKLOG 128
#define MAX_HOST 253 /* RFC 1035, as text */

static int
refuse (const char **why, const char *text)
{
  *why = text;
  errno = EINVAL;
  return -1;
}

static bool
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

static bool
is_host_char (char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit (c) ||
         c == '-' || c == '.' || c == '_';
}

/* Names do not end with a label of digits (RFC 3696), IPv4 addresses do. */
static bool
ends_with_number (const char *host)
{
  const char *dot = strrchr (host, '.');
  const char *label = dot ? dot + 1 : host;

  return label[strspn (label, "0123456789")] == '\0';
}

/* The number, or 0 if it is none or too large. */
static unsigned
port_number (const char *text, size_t len)
{
  unsigned port = 0;

  if (len > 5 || len == 0 || text[0] == '0')
    return 0;
  for (size_t i = 0; i < len; ++i) {
    if (!is_digit (text[i]))
      return 0;
    port = port * 10 + (unsigned) (text[i] - '0');
  }
  return port <= UINT16_MAX ? port : 0;
}

static int
parse_port (struct address *a, const char *text, size_t len, const char **why)
{
  if (port_number (text, len) == 0)
    return refuse (why, "the port must be 1 to 65535");
  memcpy (a->port, text, len);
  a->port[len] = '\0';
  return 0;
}

static int
parse_path (struct address *a, const char *text, size_t len, const char **why)
{
  if (len >= sizeof a->path)
    return refuse (why, "the path of a socket has at most 107 bytes");
  if (memchr (text, '\0', len) != NULL)
    return refuse (why, "a path has no NUL byte");
  memcpy (a->path, text, len);
  a->port[0] = '\0';
  return 0;
}

static int
parse_host (struct address *a, const char *text, size_t len, const char **why)
{
  struct in_addr in;

  if (len == 1 && text[0] == '*')
    return 0;
  if (len > MAX_HOST)
    return refuse (why, "the name of a host has at most 253 bytes");
  for (size_t i = 0; i < len; ++i)
    if (!is_host_char (text[i]))
      return refuse (why, "a host's name has letters, digits, '.', '-', '_'");
  if (len > 0 && (text[0] == '-' || text[0] == '.'))
    return refuse (why, "a host's name begins with a letter or digit");
  memcpy (a->host, text, len);
  if (len > 0 && strspn (a->host, "0123456789") == len)
    return refuse (why, "the host is missing: HOST or HOST:PORT");
  if (len > 0 && ends_with_number (a->host) &&
      inet_pton (AF_INET, a->host, &in) != 1)
    return refuse (why, "not an IPv4 address");
  return 0;
}

/* Between brackets: an address, maybe with the name of an interface. */
static int
parse_ipv6 (struct address *a, const char *text, size_t len, const char **why)
{
  char plain[INET6_ADDRSTRLEN] = "";
  const char *scope = memchr (text, '%', len);
  size_t plain_len = scope ? (size_t) (scope - text) : len;
  struct in6_addr in6;

  if (plain_len < sizeof plain)
    memcpy (plain, text, plain_len);
  if (len >= sizeof a->host || memchr (text, '\0', len) != NULL ||
      inet_pton (AF_INET6, plain, &in6) != 1)
    return refuse (why, "not an IPv6 address between the brackets");
  memcpy (a->host, text, len);
  return 0;
}

static int
parse_brackets (struct address *a, const char *text, size_t len,
                const char **why)
{
  const char *end = memchr (text, ']', len);
  size_t rest;

  if (end == NULL)
    return refuse (why, "the ']' is missing");
  if (parse_ipv6 (a, text + 1, (size_t) (end - text - 1), why) == -1)
    return -1;
  rest = len - (size_t) (end + 1 - text);
  if (rest == 0)
    return 0;
  if (end[1] != ':')
    return refuse (why, "only :PORT can follow the ']'");
  return parse_port (a, end + 2, rest - 1, why);
}

static int
parse_name (struct address *a, const char *text, size_t len, const char **why)
{
  const char *colon = memchr (text, ':', len);
  size_t host_len = colon ? (size_t) (colon - text) : len;

  if (colon && memchr (colon + 1, ':', len - host_len - 1) != NULL)
    return refuse (why, "an IPv6 address is written in brackets: "
                        "[ADDRESS] or [ADDRESS]:PORT");
  if (parse_host (a, text, host_len, why) == -1)
    return -1;
  return colon ? parse_port (a, colon + 1, len - host_len - 1, why) : 0;
}

int
address_parse (struct address *a, const char *text, size_t len,
               const char *default_port, const char **why)
{
  memset (a, 0, sizeof *a);
  if (len == 0)
    return refuse (why, "the address is empty");
  snprintf (a->port, sizeof a->port, "%s", default_port);
  if (text[0] == '/')
    return parse_path (a, text, len, why);
  if (text[0] == '[')
    return parse_brackets (a, text, len, why);
  return parse_name (a, text, len, why);
}

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
  if (a->host[0] == '\0' && !(flags & AI_PASSIVE))
    return refuse (why, "the host is missing: HOST or HOST:PORT");
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
listen_on (int fd, const struct resolved *r)
{
  if (set_option (fd, SOL_SOCKET, SO_REUSEADDR) == -1)
    return -1;
  if (r->addr.ss_family == AF_INET6 &&
      set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1)
    return -1;
  if (bind (fd, (const struct sockaddr *) &r->addr, r->len) == -1)
    return -1;
  return listen (fd, BACKLOG);
}

int
resolved_listen (const struct resolved *r)
{
  int fd;

  if (r->addr.ss_family == AF_UNIX) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  fd = new_socket (r);
  if (fd == -1)
    return -1;
  if (listen_on (fd, r) == -1) {
    cleanup_close (&fd);
    return -1;
  }
  return fd;
}
