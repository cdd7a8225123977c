/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "utf8.h"

/* The length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t
utf8_length (const unsigned char *s)
{
  size_t len = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

  for (size_t i = 1; i < len; ++i)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  /* Not the shortest form, surrogates, above U+10FFFF. */
  if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
      (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
    return 0;
  return len;
}

/* C0, DEL and, in two bytes, C1. */
static bool
is_control (const unsigned char *s)
{
  return s[0] < ' ' || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

static size_t
copy (char *buf, size_t size, const char *text, bool line)
{
  size_t len = 0;

  for (const char *s = text; *s != '\0' && len + 4 < size;) {
    size_t n = utf8_length ((const unsigned char *) s);
    bool bad = n == 0 || (line && is_control ((const unsigned char *) s));

    if (bad)
      buf[len] = '?';
    else
      memcpy (buf + len, s, n);
    len += bad ? 1 : n;
    s += n == 0 ? 1 : n;
  }
  buf[len] = '\0';
  return len;
}

size_t
utf8_copy (char *buf, size_t size, const char *text)
{
  return copy (buf, size, text, false);
}

size_t
utf8_copy_line (char *buf, size_t size, const char *text)
{
  return copy (buf, size, text, true);
}
