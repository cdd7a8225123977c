/* SPDX-License-Identifier: BSD-3-Clause */

/* What may be in strings. */

#include "config.h"

#include <string.h>

#include "proto-str.h"

static bool
str_has (struct proto_str str, unsigned char first, unsigned char last)
{
  for (uint32_t i = 0; i < str.len; ++i)
    if ((unsigned char) str.s[i] < first || (unsigned char) str.s[i] > last)
      return false;
  return true;
}

bool
proto_ascii_ok (struct proto_str str)
{
  return str_has (str, ' ', '~');
}

/* UTF-8, but no control characters. */
bool
proto_text_ok (struct proto_str str)
{
  return str_has (str, ' ', 0xff) &&
         (str.len == 0 || !memchr (str.s, 0x7f, str.len));
}

/* JSON may contain the byte 7f as it is. */
bool
proto_json_ok (struct proto_str str)
{
  return str_has (str, ' ', 0xff);
}

/* A path can have any character. */
bool
proto_leg_name_ok (struct proto_str str)
{
  return str_has (str, 1, 0xff);
}

static bool
alnum (char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9');
}

bool
proto_name_ok (struct proto_str name)
{
  if (name.len < 1 || name.len > PROTO_MAX_NAME || !alnum (name.s[0]))
    return false;
  for (uint32_t i = 1; i < name.len; ++i)
    if (!alnum (name.s[i]) && name.s[i] != '.' && name.s[i] != '_' &&
        name.s[i] != '-')
      return false;
  return true;
}

bool
proto_name_or_empty_ok (struct proto_str name)
{
  return name.len == 0 || proto_name_ok (name);
}
