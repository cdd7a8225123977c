/* SPDX-License-Identifier: BSD-3-Clause */

/* The parser is libxml2's, as in libnbd, so that both read the same out of a
 * URI.
 */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <libxml/uri.h>
#include <uuid.h>

#include "cleanup.h"
#include "leg-base.h"
#include "nbd-identity.h"

#define DEFAULT_PORT 10809
#define VSOCK_HOST "2" /* as libnbd: the host of this guest */

/* --- a URI's parts --- */

static bool
ends_with (const char *text, const char *end)
{
  size_t len = strlen (text), end_len = strlen (end);

  return len >= end_len && strcasecmp (text + len - end_len, end) == 0;
}

static enum nbd_transport
transport_of (const char *scheme)
{
  if (ends_with (scheme, "+unix"))
    return NBD_UNIX;
  return ends_with (scheme, "+vsock") ? NBD_VSOCK : NBD_TCP;
}

char *
nbd_identity_decode (const char *text, size_t len)
{
  char *decoded, *copy;

  if (len == 0)
    return strdup ("");
  if (len > INT_MAX) {
    errno = EINVAL;
    return NULL;
  }
  decoded = xmlURIUnescapeString (text, (int) len, NULL);
  if (!decoded) {
    errno = ENOMEM;
    return NULL;
  }
  copy = strdup (decoded);
  xmlFree (decoded);
  return copy;
}

size_t
nbd_identity_parameter_length (const char *text)
{
  const char *end = strchr (text, '&');

  if (!end)
    end = strchr (text, ';');
  return end ? (size_t) (end - text) : strlen (text);
}

/* The last socket=, which is the one that counts, or NULL. */
static const char *
find_socket (const char *query, size_t *len)
{
  static const char key[] = "socket=";
  const char *found = NULL;

  while (query && *query) {
    size_t n = nbd_identity_parameter_length (query);

    if (n >= strlen (key) && memcmp (query, key, strlen (key)) == 0) {
      found = query + strlen (key);
      *len = n - strlen (key);
    }
    query += n;
    query += *query != '\0';
  }
  return found;
}

static int
parse_socket (struct nbd_identity *who, const xmlURI *uri)
{
  CLEANUP_FREE char *path = NULL;
  size_t len = 0;
  const char *value = find_socket (uri->query_raw, &len);

  if (!value || len == 0) {
    errno = EINVAL;
    return -1;
  }
  path = nbd_identity_decode (value, len);
  if (path)
    who->host = leg_absolute_path (path);
  return who->host ? 0 : -1;
}

/* Numbers as the system writes them, or NULL if it is a name. */
static char *
numeric_host (const char *host)
{
  const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST,
                                 .ai_socktype = SOCK_STREAM};
  struct addrinfo *ai;
  char text[NI_MAXHOST];
  int r;

  if (getaddrinfo (host, NULL, &hints, &ai) != 0)
    return NULL;
  r = getnameinfo (ai->ai_addr, ai->ai_addrlen, text, sizeof text, NULL, 0,
                   NI_NUMERICHOST);
  freeaddrinfo (ai);
  return r == 0 ? strdup (text) : NULL;
}

static char *
normal_host (const char *server)
{
  size_t len = strlen (server);
  char *host, *numbers;

  if (len >= 2 && server[0] == '[' && server[len - 1] == ']') {
    server++;
    len -= 2;
  }
  else if (len >= 2 && server[len - 1] == '.')
    len--;
  host = strndup (server, len);
  if (!host)
    return NULL;
  for (char *p = host; *p; ++p)
    *p = (char) tolower ((unsigned char) *p);
  numbers = numeric_host (host);
  if (!numbers)
    return host;
  free (host);
  return numbers;
}

static int
parse_host (struct nbd_identity *who, const xmlURI *uri)
{
  const char *server = uri->server ? uri->server : "";

  who->port = uri->port > 0 ? (uint32_t) uri->port : DEFAULT_PORT;
  if (who->transport == NBD_VSOCK)
    who->host = strdup (*server ? server : VSOCK_HOST);
  else
    who->host = normal_host (*server ? server : "localhost");
  return who->host ? 0 : -1;
}

static int
parse_parts (struct nbd_identity *who, const xmlURI *uri)
{
  if (!uri->scheme || (uri->path && uri->path[0] != '/')) {
    errno = EINVAL;
    return -1;
  }
  who->transport = transport_of (uri->scheme);
  who->export_name = strdup (uri->path ? uri->path + 1 : "");
  if (!who->export_name)
    return -1;
  return who->transport == NBD_UNIX ? parse_socket (who, uri)
                                    : parse_host (who, uri);
}

int
nbd_identity_parse (struct nbd_identity *who, const char *uri)
{
  xmlURI *parts = xmlParseURI (uri);
  int r;

  memset (who, 0, sizeof *who);
  if (!parts) {
    errno = EINVAL;
    return -1;
  }
  r = parse_parts (who, parts);
  xmlFreeURI (parts);
  return r;
}

void
nbd_identity_free (struct nbd_identity *who)
{
  free (who->host);
  free (who->export_name);
  memset (who, 0, sizeof *who);
}

/* --- the normal form --- */

/* No two exports have the same: what may have any characters comes with its
 * length, or last.
 */
char *
nbd_identity_text (const struct nbd_identity *who)
{
  static const char *const names[] = {"tcp", "unix", "vsock"};
  CLEANUP_FREE char *path = NULL;
  const char *host = who->host;
  char *text;

  if (who->transport == NBD_UNIX) {
    path = leg_canonical_path (who->host);
    if (!path)
      return NULL;
    host = path;
  }
  if (asprintf (&text, "%s %" PRIu32 " %zu:%s %s", names[who->transport],
                who->port, strlen (host), host, who->export_name) == -1)
    return NULL;
  return text;
}

static const uuid_t namespace = {0x9c, 0x21, 0x5e, 0x0b, 0x6f, 0xd3,
                                 0x4a, 0x52, 0x8e, 0x17, 0x3b, 0x64,
                                 0xf0, 0xaa, 0x95, 0xc8};

int
nbd_identity_hash (const struct nbd_identity *who, uint8_t id[LEG_ID_SIZE])
{
  CLEANUP_FREE char *text = nbd_identity_text (who);

  if (!text)
    return -1;
  uuid_generate_sha1 (id, namespace, text, strlen (text));
  return 0;
}

void
nbd_identity_old_hash (const char *uri, uint8_t id[LEG_ID_SIZE])
{
  uuid_generate_sha1 (id, namespace, uri, strlen (uri));
}
