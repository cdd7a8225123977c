/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses of log servers.
 *
 * Parsing is strict: getaddrinfo takes "10810" and "1.2.3" for IPv4
 * addresses, and "::1:10810" can be meant in two ways.
 */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

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
