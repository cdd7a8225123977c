/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "byte-order.h"
#include "cleanup.h"
#include "crc32c.h"
#include "full-io.h"
#include "msg.h"
#include "sums-format.h"
#include "sums.h"

#define BATCH 256          /* sums read or written at once */
#define WORTH_A_HOLE 16384 /* sums */

void
sums_init (struct sums *s)
{
  memset (s, 0, sizeof *s);
  s->fd = -1;
  pthread_mutex_init (&s->fail_lock, NULL);
}

void
sums_free (struct sums *s)
{
  if (s->fd != -1)
    close (s->fd);
  free (s->path);
  pthread_mutex_destroy (&s->fail_lock);
}

void
sums_move (struct sums *to, struct sums *from)
{
  to->path = from->path;
  to->fd = from->fd;
  to->size = from->size;
  to->verify = from->verify;
  atomic_store (&to->on, atomic_load (&from->on));
  from->path = NULL;
  from->fd = -1;
  atomic_store (&from->on, false);
}

/* --- it can't be written --- */

static int
remove_durably (const char *path)
{
  CLEANUP_FREE char *copy = strdup (path);
  CLEANUP_CLOSE int dir = -1;

  if (!copy || (unlink (path) == -1 && errno != ENOENT))
    return -1;
  dir = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return dir == -1 ? -1 : fsync (dir);
}

void
sums_fail (struct sums *s)
{
  int err = errno;
  CLEANUP_LOCK (&s->fail_lock);

  if (!atomic_exchange (&s->on, false))
    return;
  errno = err;
  msg_warning ("checksums: %s: %m: there are none any more", s->path);
  if (remove_durably (s->path) == 0)
    return;
  msg_error (
    "checksums: %s: can't be removed: %m: regions stay marked, so that "
    "it is not believed later",
    s->path);
  atomic_store (&s->stuck, true);
}

/* --- the head --- */

int
sums_write_head (struct sums *s, uint64_t number, bool closed)
{
  uint8_t head[SUMS_HEAD];

  sums_encode (head, &(struct sums_head){.uuid = s->uuid,
                                         .size = s->size,
                                         .number = number,
                                         .closed = closed});
  if (full_pwrite (s->fd, head, sizeof head, 0) == -1)
    return -1;
  return fdatasync (s->fd);
}

bool
sums_sync (struct sums *s)
{
  if (atomic_load (&s->on) && fdatasync (s->fd) == -1)
    sums_fail (s);
  return !atomic_load (&s->stuck);
}

/* --- sums --- */

/* The last block may be a short one. */
static uint64_t
block_end (const struct sums *s, uint64_t block)
{
  uint64_t end = (block + 1) * SUMS_BLOCK;

  return end < s->size ? end : s->size;
}

/* 0 stands for one that is not known. */
static uint32_t
sum_of (const void *buf, uint64_t count)
{
  uint32_t sum = crc32c (0, buf, (size_t) count);

  return sum ? sum : 1;
}

static uint32_t
sum_of_zeroes (uint64_t count)
{
  static const uint8_t zeroes[SUMS_BLOCK];

  return sum_of (zeroes, count);
}

static bool
is_whole (const struct sums *s, uint64_t block, uint64_t offset,
          uint64_t count)
{
  return block * SUMS_BLOCK >= offset &&
         block_end (s, block) <= offset + count;
}

static uint32_t
new_sum (const struct sums *s, const void *buf, uint64_t block,
         uint64_t offset, uint64_t count)
{
  uint64_t begin = block * SUMS_BLOCK;

  if (!is_whole (s, block, offset, count))
    return 0;
  if (!buf)
    return sum_of_zeroes (block_end (s, block) - begin);
  return sum_of ((const char *) buf + (begin - offset),
                 block_end (s, block) - begin);
}

static uint64_t
place_of (uint64_t block)
{
  return SUMS_HEAD + 4 * block;
}

uint64_t
sums_file_size (const struct sums *s)
{
  return place_of ((s->size + SUMS_BLOCK - 1) / SUMS_BLOCK);
}

void
sums_written (struct sums *s, const void *buf, uint64_t offset, uint64_t count)
{
  uint64_t block = offset / SUMS_BLOCK;
  uint64_t end = (offset + count + SUMS_BLOCK - 1) / SUMS_BLOCK;
  uint8_t sums[4 * BATCH];

  while (block < end && atomic_load (&s->on)) {
    uint64_t nr = end - block < BATCH ? end - block : BATCH;

    for (uint64_t i = 0; i < nr; ++i)
      put_le32 (sums + 4 * i, new_sum (s, buf, block + i, offset, count));
    if (full_pwrite (s->fd, sums, 4 * nr, place_of (block)) == -1)
      sums_fail (s);
    block += nr;
  }
}

/* A hole reads as zeroes, and is less to write. */
static bool
forget_by_hole (struct sums *s, uint64_t block, uint64_t nr)
{
  return nr >= WORTH_A_HOLE &&
         fallocate (s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    (off_t) place_of (block), (off_t) (4 * nr)) == 0;
}

void
sums_forget (struct sums *s, uint64_t offset, uint64_t count)
{
  static const uint8_t unknown[4 * BATCH];
  uint64_t block = offset / SUMS_BLOCK;
  uint64_t end = (offset + count + SUMS_BLOCK - 1) / SUMS_BLOCK;

  if (forget_by_hole (s, block, end - block))
    return;
  while (block < end && atomic_load (&s->on)) {
    uint64_t nr = end - block < BATCH ? end - block : BATCH;

    if (full_pwrite (s->fd, unknown, 4 * nr, place_of (block)) == -1)
      sums_fail (s);
    block += nr;
  }
}

static enum sums_verdict
check_batch (struct sums *s, const uint8_t *sums, uint64_t block, uint64_t nr,
             const char *buf)
{
  enum sums_verdict verdict = SUMS_UNKNOWN;
  uint64_t begin = block * SUMS_BLOCK;

  for (uint64_t i = 0; i < nr; ++i) {
    uint64_t at = (block + i) * SUMS_BLOCK;
    uint32_t known = get_le32 (sums + 4 * i);

    if (known == 0)
      continue;
    atomic_fetch_add (&s->verified, 1);
    if (known != sum_of (buf + (at - begin), block_end (s, block + i) - at))
      return SUMS_WRONG;
    verdict = SUMS_RIGHT;
  }
  return verdict;
}

enum sums_verdict
sums_check (struct sums *s, const void *buf, uint64_t offset, uint64_t count)
{
  enum sums_verdict verdict = SUMS_UNKNOWN, part;
  uint64_t block = (offset + SUMS_BLOCK - 1) / SUMS_BLOCK;
  uint64_t end = (offset + count) / SUMS_BLOCK;
  uint8_t sums[4 * BATCH];

  if (offset + count == s->size)
    end = (s->size + SUMS_BLOCK - 1) / SUMS_BLOCK;
  while (block < end && atomic_load (&s->on)) {
    uint64_t nr = end - block < BATCH ? end - block : BATCH;

    if (full_pread (s->fd, sums, 4 * nr, place_of (block)) == -1)
      return SUMS_UNKNOWN;
    part = check_batch (s, sums, block, nr,
                        (const char *) buf + (block * SUMS_BLOCK - offset));
    if (part == SUMS_WRONG)
      return part;
    if (part == SUMS_RIGHT)
      verdict = part;
    block += nr;
  }
  return verdict;
}
