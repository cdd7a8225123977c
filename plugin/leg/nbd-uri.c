/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "leg-base.h"
#include "nbd-identity.h"
#include "nbd-uri.h"

/* --- parameters --- */

/* The parameters of the URI, or its end. */
static const char *
find_query (const char *uri)
{
  const char *end = uri + strcspn (uri, "?#");

  return *end == '?' ? end + 1 : uri + strlen (uri);
}

static bool
is_key (const char *parameter, const char *key)
{
  size_t len = strlen (key);

  return strncmp (parameter, key, len) == 0 && parameter[len] == '=';
}

static bool
is_file (const char *parameter)
{
  return is_key (parameter, "socket") || is_key (parameter, "tls-psk-file") ||
         is_key (parameter, "tls-certificates");
}

/* Where it begins, or NULL. */
static const char *
find_parameter (const char *uri, const char *key)
{
  for (const char *p = find_query (uri); *p;
       p += nbd_identity_parameter_length (p), p += *p != '\0')
    if (is_key (p, key))
      return p;
  return NULL;
}

/* --- files --- */

/* As part of a URI; takes it over, NULL is an error that errno tells. */
static char *
encode (char *path)
{
  char *text = path ? malloc (3 * strlen (path) + 1) : NULL;
  char *out = text;

  for (const char *p = path; text && *p; ++p)
    if (isalnum ((unsigned char) *p) || strchr ("-._~/", *p))
      *out++ = *p;
    else
      out += sprintf (out, "%%%02X", (unsigned char) *p);
  if (text)
    *out = '\0';
  free (path);
  return text;
}

/* The value of a parameter, as it is to be written; NULL with errno. */
static char *
absolute_value (const char *value, size_t len)
{
  CLEANUP_FREE char *path = nbd_identity_decode (value, len);

  if (!path)
    return NULL;
  if (len == 0 || path[0] == '/')
    return strndup (value, len);
  return encode (leg_absolute_path (path));
}

/* One parameter, with what separates it from the next.  0, or -1 with errno. */
static int
put_parameter (FILE *out, const char *parameter, size_t len)
{
  size_t key = is_file (parameter) ? strcspn (parameter, "=") + 1 : len;
  CLEANUP_FREE char *value = absolute_value (parameter + key, len - key);

  if (!value)
    return -1;
  fprintf (out, "%.*s%s%.*s", (int) key, parameter, value,
           parameter[len] != '\0', parameter + len);
  return 0;
}

static int
put_absolute (FILE *out, const char *uri)
{
  const char *p = find_query (uri);

  fprintf (out, "%.*s", (int) (p - uri), uri);
  while (*p) {
    size_t len = nbd_identity_parameter_length (p);

    if (put_parameter (out, p, len) == -1)
      return -1;
    p += len;
    p += *p != '\0';
  }
  return 0;
}

char *
nbd_uri_absolute (const char *uri)
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream (&text, &size);
  int r;

  if (!out)
    return NULL;
  r = put_absolute (out, uri);
  if (fclose (out) == 0 && r == 0)
    return text;
  free (text);
  return NULL;
}

/* --- hosts --- */

/* Where the host begins, and how long it is. */
static const char *
find_host (const char *uri, size_t *len)
{
  const char *host = strstr (uri, "://");
  const char *end, *at;

  host = host ? host + 3 : uri;
  end = host + strcspn (host, "/?#");
  at = memrchr (host, '@', (size_t) (end - host));
  if (at)
    host = at + 1;
  *len = (size_t) (end - host);
  if (*host == '[')
    *len = strcspn (host, "]/?#") + 1;
  else if (memchr (host, ':', *len))
    *len = strcspn (host, ":");
  return host;
}

char *
nbd_uri_with_address (const char *uri, const char *address)
{
  bool v6 = strchr (address, ':') != NULL;
  size_t len;
  const char *host = find_host (uri, &len);
  char *text;

  if (asprintf (&text, "%.*s%s%s%s%s", (int) (host - uri), uri, v6 ? "[" : "",
                address, v6 ? "]" : "", host + len) == -1)
    return NULL;
  return text;
}

bool
nbd_uri_needs_name (const char *uri)
{
  return strncasecmp (uri, "nbds", 4) == 0 &&
         !find_parameter (uri, "tls-psk-file") &&
         !find_parameter (uri, "tls-hostname");
}

char *
nbd_uri_certificates (const char *uri)
{
  static const char key[] = "tls-certificates";
  const char *p = find_parameter (uri, key);

  errno = 0;
  if (!p || strncasecmp (uri, "nbds", 4) != 0)
    return NULL;
  return nbd_identity_decode (p + sizeof key,
                              nbd_identity_parameter_length (p) - sizeof key);
}
