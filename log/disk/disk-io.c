/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the disk log meets its store. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "disk-io.h"
#include "zero.h"

#define CHUNK (UINT64_C (1) << 20)
#define SMALL (UINT64_C (64) << 20) /* looked at as a whole */
#define SAMPLES 256

void *
disk_buffer (size_t size)
{
  void *p = NULL;
  int err = posix_memalign (&p, DISK_BLOCK, size);

  if (err) {
    errno = err;
    return NULL;
  }
  return p;
}

int
disk_read (struct disk_log *d, void *buf, uint64_t count, uint64_t offset)
{
  uint64_t size = d->store->size, there = 0;

  if (offset < size)
    there = count < size - offset ? count : size - offset;
  memset ((uint8_t *) buf + there, 0, count - there);
  return there > 0 ? d->store->ops->read (d->store, buf, there, offset) : 0;
}

int
disk_store_write (struct disk_log *d, const void *buf, uint64_t count,
                  uint64_t offset)
{
  struct log_store *store = d->store;

  d->wrote = true;
  if (store->fixed_size && count > store->size - offset)
    count = store->size - offset;
  return store->ops->write (store, buf, count, offset);
}

int
disk_store_sync (struct disk_log *d)
{
  return d->store->ops->sync (d->store);
}

int
disk_block_0_write (struct disk_log *d)
{
  if (disk_store_write (d, d->map[DISK_MAP_KERNEL].image, DISK_BLOCK, 0) == -1)
    return -1;
  return disk_store_sync (d);
}

/* --- what is there --- */

int
disk_is_zero (struct disk_log *d, uint64_t offset, uint64_t count)
{
  CLEANUP_FREE uint8_t *buf = disk_buffer (CHUNK);
  uint64_t end = offset + count, n;

  if (!buf)
    return -1;
  if (end > d->store->size)
    end = d->store->size;
  for (; offset < end; offset += n) {
    n = end - offset < CHUNK ? end - offset : CHUNK;
    n = (n + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
    if (disk_read (d, buf, n, offset) == -1)
      return -1;
    for (uint64_t i = 0; i < n; i += DISK_BLOCK)
      if (!is_zero (buf + i, DISK_BLOCK))
        return 0;
  }
  return 1;
}

int
disk_is_blank (struct disk_log *d)
{
  uint64_t size = d->store->size, step, last;
  int r;

  if (size <= SMALL)
    return disk_is_zero (d, 0, size);
  step = size / SAMPLES / DISK_BLOCK * DISK_BLOCK;
  last = (size - CHUNK) / DISK_BLOCK * DISK_BLOCK;
  r = disk_is_zero (d, 0, CHUNK);
  if (r == 1)
    r = disk_is_zero (d, last, size - last);
  for (uint64_t i = 1; r == 1 && i < SAMPLES; ++i)
    r = disk_is_zero (d, i * step, DISK_BLOCK);
  return r;
}
