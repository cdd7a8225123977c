/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes in one piece, as many as there are: appended at the end, consumed
 * from the front.  Zeroed is empty.  Each byte is moved a constant number of
 * times, on average.
 *
 * While nothing was consumed the first byte is at data.  len may be made
 * smaller by hand.
 */

#ifndef NBDMIRROR_BUFFER_H
#define NBDMIRROR_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
  uint8_t *data;
  size_t len, cap, start;
};

void buffer_free (struct buffer *b);

/* Have room for this many bytes at the end.  0, or -1 with errno (ENOMEM). */
int buffer_reserve (struct buffer *b, size_t room);

/* 0, or -1 with errno (ENOMEM) and nothing appended. */
int buffer_append (struct buffer *b, const void *data, size_t len);

/* Take n <= len bytes from the front. */
void buffer_consume (struct buffer *b, size_t n);

/* Make it empty, and keep the memory. */
static inline void
buffer_clear (struct buffer *b)
{
  b->start = b->len = 0;
}

/* Give the memory back if the buffer is empty and has more than keep. */
void buffer_trim (struct buffer *b, size_t keep);

/* The first byte, and where the next one goes; NULL without memory. */
static inline uint8_t *
buffer_head (const struct buffer *b)
{
  return b->data ? b->data + b->start : NULL;
}

static inline uint8_t *
buffer_tail (const struct buffer *b)
{
  return b->data ? b->data + b->start + b->len : NULL;
}

static inline size_t
buffer_room (const struct buffer *b)
{
  return b->cap - b->start - b->len;
}

#endif /* NBDMIRROR_BUFFER_H */
