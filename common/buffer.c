/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes in one piece.
 *
 * What is consumed leaves a gap at the front.  It is closed only when it is
 * as long as what must be moved; otherwise the buffer grows to twice that.
 * Either way at least as many bytes come in before the next move.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

void
buffer_free (struct buffer *b)
{
  free (b->data);
  *b = (struct buffer){0};
}

static void
close_gap (struct buffer *b)
{
  if (b->start > 0)
    memmove (b->data, b->data + b->start, b->len);
  b->start = 0;
}

static int
grow (struct buffer *b, size_t room)
{
  size_t cap;
  uint8_t *data;

  if (__builtin_add_overflow (b->len, b->len > room ? b->len : room, &cap)) {
    errno = ENOMEM;
    return -1;
  }
  close_gap (b);
  data = realloc (b->data, cap);
  if (data == NULL)
    return -1;
  b->data = data;
  b->cap = cap;
  return 0;
}

int
buffer_reserve (struct buffer *b, size_t room)
{
  if (buffer_room (b) >= room)
    return 0;
  if (b->start < b->len || b->cap - b->len < room)
    return grow (b, room);
  close_gap (b);
  return 0;
}

int
buffer_append (struct buffer *b, const void *data, size_t len)
{
  if (len == 0)
    return 0;
  if (buffer_reserve (b, len) == -1)
    return -1;
  memcpy (buffer_tail (b), data, len);
  b->len += len;
  return 0;
}

void
buffer_consume (struct buffer *b, size_t n)
{
  b->len -= n;
  b->start = b->len > 0 ? b->start + n : 0;
}

void
buffer_trim (struct buffer *b, size_t keep)
{
  if (b->len == 0 && b->cap > keep)
    buffer_free (b);
}
