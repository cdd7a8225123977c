/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

static const char digits[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
base64_encode (const void *data, size_t len)
{
  const uint8_t *from = data;
  char *text = malloc ((len + 2) / 3 * 4 + 1), *to = text;

  if (!text)
    return NULL;
  for (size_t i = 0; i < len; i += 3) {
    uint32_t bits = (uint32_t) from[i] << 16;

    bits |= i + 1 < len ? (uint32_t) from[i + 1] << 8 : 0;
    bits |= i + 2 < len ? from[i + 2] : 0;
    *to++ = digits[bits >> 18];
    *to++ = digits[bits >> 12 & 63];
    *to++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
    *to++ = i + 2 < len ? digits[bits & 63] : '=';
  }
  *to = '\0';
  return text;
}

/* The value of a digit, or -1. */
static int
value_of (char c)
{
  const char *p = c ? strchr (digits, c) : NULL;

  return p ? (int) (p - digits) : -1;
}

/* Four digits with so many bytes in them; false: they are none. */
static bool
decode_four (const char *text, size_t bytes, char *to)
{
  uint32_t bits = 0;

  for (unsigned i = 0; i < 4; ++i) {
    int value = i <= bytes ? value_of (text[i]) : 0;

    if (value == -1)
      return false;
    bits = bits << 6 | (uint32_t) value;
  }
  for (size_t i = 0; i < bytes; ++i)
    to[i] = (char) (bits >> (16 - 8 * i) & 255);
  return true;
}

static size_t
padding (const char *text, size_t len)
{
  if (len == 0 || text[len - 1] != '=')
    return 0;
  return text[len - 2] == '=' ? 2 : 1;
}

char *
base64_decode (const char *text, size_t *len)
{
  size_t digits_len = strlen (text), pad, at = 0;
  char *data;

  errno = EPROTO;
  if (digits_len % 4 != 0)
    return NULL;
  pad = padding (text, digits_len);
  *len = digits_len / 4 * 3 - pad;
  data = malloc (*len + 1);
  if (!data)
    return NULL;
  for (; digits_len > 0; digits_len -= 4, text += 4) {
    size_t bytes = *len - at < 3 ? *len - at : 3;

    if (!decode_four (text, bytes, data + at)) {
      free (data);
      errno = EPROTO;
      return NULL;
    }
    at += bytes;
  }
  data[*len] = '\0';
  return data;
}
