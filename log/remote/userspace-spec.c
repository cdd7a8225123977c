/* SPDX-License-Identifier: BSD-3-Clause */

/* "HOST[:PORT][,HOST[:PORT]...]/NAME", or "/PATH/OF/SOCKET/NAME". */

#include "config.h"

#include <string.h>

#include "msg.h"
#include "userspace-spec.h"

#define STRING(n) #n
#define STRING_OF(n) STRING (n)

static int
parse_server (struct user_spec *spec, const char *text, const char *end,
              const char **why)
{
  if (spec->nr_servers == USER_MAX_SERVERS) {
    *why = "too many servers, at most " STRING_OF (
      USER_MAX_SERVERS) " are possible";
    return -1;
  }
  return address_parse (&spec->server[spec->nr_servers++], text,
                        (size_t) (end - text), PROTO_DEFAULT_PORT_TEXT, why);
}

/* A path may have commas. */
static int
parse_servers (struct user_spec *spec, const char *text, const char *end,
               const char **why)
{
  const char *comma;

  while (text[0] != '/' &&
         (comma = memchr (text, ',', (size_t) (end - text)))) {
    if (parse_server (spec, text, comma, why) == -1)
      return -1;
    text = comma + 1;
  }
  return parse_server (spec, text, end, why);
}

static int
parse_spec (struct user_spec *spec, const char *text, const char **why)
{
  const char *slash = strrchr (text, '/');
  struct proto_str name;

  memset (spec, 0, sizeof *spec);
  if (!slash || slash == text) {
    *why = "must be HOST[:PORT][,HOST[:PORT]...]/NAME";
    return -1;
  }
  name.s = slash + 1;
  name.len = (uint32_t) strlen (name.s);
  if (!proto_name_ok (name)) {
    *why = "the name of the log must be 1 to " STRING_OF (
      PROTO_MAX_NAME) " characters of A-Z a-z 0-9 . _ - and begin with a "
                      "letter or digit";
    return -1;
  }
  memcpy (spec->log, name.s, name.len);
  return parse_servers (spec, text, slash, why);
}

int
user_spec_parse (struct user_spec *spec, const char *type, const char *text)
{
  const char *why = "";

  if (parse_spec (spec, text, &why) == 0)
    return 0;
  msg_error ("log=%s:%s: %s", type, text, why);
  return -1;
}
