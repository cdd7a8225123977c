/* SPDX-License-Identifier: BSD-3-Clause */

/* Data and holes of a local leg. */

#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "leg-file-extents.h"

/* One extent: from offset to the next change between data and hole. */
static int
next_extent (const struct file_medium *m, uint64_t offset, uint64_t end,
             struct leg_extent *extent)
{
  off_t data = lseek (m->fd, (off_t) offset, SEEK_DATA);
  off_t next = data;

  if (data == -1 && errno != ENXIO)
    return -1;
  extent->hole = extent->zero = data != (off_t) offset;
  if (data == (off_t) offset)
    next = lseek (m->fd, (off_t) offset, SEEK_HOLE);
  if (next <= (off_t) offset || (uint64_t) next > end)
    next = (off_t) end;
  extent->length = (uint64_t) next - offset;
  return 0;
}

int
file_extents_ask (void *arg)
{
  struct file_extents *q = arg;
  uint64_t offset = q->offset, size;

  /* A file that lost its tail must not look as if it had zeroes there. */
  if (file_medium_size (q->medium, &size) == -1 || size < q->end) {
    errno = EIO;
    return -1;
  }
  while (q->medium->leg->kind == LEG_FILE && q->nr < q->max &&
         offset < q->end &&
         next_extent (q->medium, offset, q->end, &q->extents[q->nr]) == 0)
    offset += q->extents[q->nr++].length;
  if (q->nr == 0)
    q->extents[q->nr++] = (struct leg_extent){.length = q->end - offset};
  return 0;
}
