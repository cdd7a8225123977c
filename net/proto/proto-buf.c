/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto-impl.h"

#define MIN_CAP 512

static int
grow (struct proto_buf *buf, size_t len)
{
  size_t cap;
  uint8_t *data;

  if (__builtin_add_overflow (buf->len, len, &cap)) {
    errno = ENOMEM;
    return -1;
  }
  if (cap < buf->cap + buf->cap / 2)
    cap = buf->cap + buf->cap / 2;
  if (cap < MIN_CAP)
    cap = MIN_CAP;
  data = realloc (buf->data, cap);
  if (!data)
    return -1;
  buf->data = data;
  buf->cap = cap;
  return 0;
}

int
proto_buf_append (struct proto_buf *buf, const void *bytes, size_t len)
{
  if (len == 0)
    return 0;
  if (len > buf->cap - buf->len && grow (buf, len) == -1)
    return -1;
  memcpy (buf->data + buf->len, bytes, len);
  buf->len += len;
  return 0;
}

void
proto_buf_free (struct proto_buf *buf)
{
  free (buf->data);
  memset (buf, 0, sizeof *buf);
}
