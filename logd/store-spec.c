/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "msg.h"
#include "store-spec.h"

#define SCHEME "etcd:"
#define DEFAULT_PORT "2379"
#define DEFAULT_PREFIX "nbdmirror"
#define MAX_PREFIX 128

bool
store_spec_is_etcd (const char *text)
{
  return strncmp (text, SCHEME, sizeof SCHEME - 1) == 0;
}

static int
refuse (const char *text, const char *why)
{
  msg_error ("--store=%s: %s", text, why);
  return -1;
}

static char *
print_member (const struct address *a)
{
  char *text;
  int r = asprintf (&text, strchr (a->host, ':') ? "[%s]:%s" : "%s:%s",
                    a->host, a->port);

  return r == -1 ? NULL : text;
}

static int
add_member (struct store_spec *spec, const char *from, size_t len,
            const char **why)
{
  struct address address;
  char *member;

  *why = "too many members of etcd";
  if (spec->nr_members == STORE_MAX_MEMBERS ||
      address_parse (&address, from, len, DEFAULT_PORT, why) == -1)
    return -1;
  *why = "a member of etcd is HOST or HOST:PORT";
  if (address.path[0] || !address.host[0])
    return -1;
  member = print_member (&address);
  *why = strerror (ENOMEM);
  if (!member)
    return -1;
  spec->member[spec->nr_members++] = member;
  return 0;
}

static bool
is_prefix (const char *text)
{
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
  size_t len = strlen (text);

  return len > 0 && len <= MAX_PREFIX && text[len - 1] != '/' &&
         strspn (text, allowed) == len;
}

static int
parse_members (struct store_spec *spec, const char *from, const char *end,
               const char **why)
{
  const char *comma;

  while ((comma = memchr (from, ',', (size_t) (end - from)))) {
    if (add_member (spec, from, (size_t) (comma - from), why) == -1)
      return -1;
    from = comma + 1;
  }
  return add_member (spec, from, (size_t) (end - from), why);
}

int
store_spec_parse (struct store_spec *spec, const char *text)
{
  const char *from = text + sizeof SCHEME - 1, *slash = strchr (from, '/');
  const char *end = slash ? slash : from + strlen (from), *why = NULL;

  store_spec_free (spec);
  spec->text = strdup (text);
  if (!spec->text)
    return refuse (text, strerror (errno));
  spec->prefix = slash ? spec->text + (slash + 1 - text) : DEFAULT_PREFIX;
  if (!is_prefix (spec->prefix))
    return refuse (text, "the prefix has letters, digits, '.', '_', '-', '/'");
  if (parse_members (spec, from, end, &why) == -1)
    return refuse (text, why);
  return 0;
}

void
store_spec_free (struct store_spec *spec)
{
  for (unsigned i = 0; i < spec->nr_members; ++i)
    free (spec->member[i]);
  free (spec->text);
  *spec = (struct store_spec){.text = NULL};
}

bool
store_spec_is_local (const struct store_spec *spec)
{
  for (unsigned i = 0; i < spec->nr_members; ++i)
    if (strncmp (spec->member[i], "127.", 4) != 0 &&
        strncmp (spec->member[i], "localhost:", 10) != 0 &&
        strncmp (spec->member[i], "[::1]:", 6) != 0)
      return false;
  return true;
}
