/* SPDX-License-Identifier: BSD-3-Clause */

/* Any bytes as a file or device with a log.  The crc of what begins like a
 * slot is made right, else nothing would be looked at.
 *
 * An input is, big endian,
 *
 *      0  flags u8   1 open read-only; 2 leave crcs alone; 4 a device; 8 if
 *                    there is no log of ours, create one
 *      1  size u16   in sectors of 512 bytes
 *
 * and pieces: sector u16, length u16, bytes.  What no piece covers is zero.
 *
 * Opening a log writes nothing.  One that was accepted keeps what was
 * loaded when it is committed, closed, and opened again.
 */

#include "config.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "cleanup.h"
#include "deadline.h"
#include "disk.h"
#include "fuzz.h"
#include "log-life.h"
#include "mem-store.h"
#include "msg.h"

#define SECTOR 512
#define MAX_SECTORS 512

enum {
  FUZZ_READ_ONLY = 1,
  FUZZ_NO_CRC = 2,
  FUZZ_DEVICE = 4,
  FUZZ_CREATE = 8,
};

const char fuzz_corpus[] = "disk-header";

/* Most inputs are refused, and say so. */
void
msg_error (const char *fmt, ...)
{
  (void) fmt;
}

void
msg_debug (const char *fmt, ...)
{
  (void) fmt;
}

/* --- from an input to a store --- */

static void
fix_slot (uint8_t *slot)
{
  if (memcmp (slot, DISK_SLOT_MAGIC, 8) != 0)
    return;
  put_le32 (slot + 12, 0);
  put_le32 (slot + 12, (uint32_t) crc32 (0, slot, DISK_SLOT_SIZE));
}

static void
fix_slots (uint8_t *bytes, size_t size)
{
  if (size < 2 * SECTOR)
    return;
  fix_slot (bytes + DISK_SLOT_OFFSET (0));
  fix_slot (bytes + DISK_SLOT_OFFSET (1));
  for (size_t at = DISK_BLOCK; at + SECTOR <= size; at += DISK_BLOCK)
    fix_slot (bytes + at);
}

static void
put_piece (uint8_t *bytes, size_t size, size_t at, const uint8_t *piece,
           size_t len)
{
  if (at >= size)
    return;
  if (len > size - at)
    len = size - at;
  memcpy (bytes + at, piece, len);
}

static void
put_pieces (uint8_t *bytes, size_t size, const uint8_t *data, size_t left)
{
  size_t len;

  for (; left >= 4; data += 4 + len, left -= 4 + len) {
    len = get_be16 (data + 2);
    if (len > left - 4)
      len = left - 4;
    put_piece (bytes, size, (size_t) get_be16 (data) * SECTOR, data + 4, len);
  }
}

static struct mem_store *
store_of (const uint8_t *data, size_t len)
{
  size_t size = get_be16 (data + 1) % (MAX_SECTORS + 1) * SECTOR;
  CLEANUP_FREE uint8_t *bytes = calloc (1, size + 1);
  struct mem_store *m;

  assert (bytes);
  put_pieces (bytes, size, data + 3, len - 3);
  if (!(data[0] & FUZZ_NO_CRC))
    fix_slots (bytes, size);
  m = mem_store_file (bytes, size);
  mem_store_open (m)->fixed_size = data[0] & FUZZ_DEVICE && size > 0;
  return m;
}

/* --- what an accepted log must do --- */

/* Bits of a log's maps, and its record. */
struct truth {
  uint64_t generation, nr_regions;
  unsigned primary;
  enum log_leg_state state[LOG_MAX_LEGS];
  uint64_t *map[LOG_NR_MAPS];
};

static const struct bitset *
map_of (const struct dirty_log *log, unsigned map)
{
  return map == LOG_MAP_MARKED ? &log->marked
                               : &log->missed[map - LOG_MAP_MISSED (0)];
}

static void
remember (struct truth *t, const struct dirty_log *log)
{
  size_t size = bitset_words (log->info.geo.nr_regions) * sizeof (uint64_t);

  t->generation = log->record.generation;
  t->nr_regions = log->info.geo.nr_regions;
  t->primary = log->record.primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    t->state[s] = log->record.leg[s].state;
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map) {
    t->map[map] = malloc (size);
    assert (t->map[map]);
    memcpy (t->map[map], map_of (log, map)->words, size);
  }
}

/* The second log trusts no more than the first.  With a shared map it may
 * trust less.
 */
static void
check_kept (const struct truth *t, const struct dirty_log *log)
{
  assert (log->info.found == LOG_FOUND_OURS);
  assert (log->record.generation >= t->generation &&
          log->record.primary == t->primary);
  assert (log->info.geo.nr_regions == t->nr_regions);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    assert (log->record.leg[s].state == t->state[s]);
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    for (uint64_t w = 0; w < bitset_words (t->nr_regions); ++w)
      assert (log->info.shared_map
                ? (t->map[map][w] & ~map_of (log, map)->words[w]) == 0
                : t->map[map][w] == map_of (log, map)->words[w]);
}

static void
forget (struct truth *t)
{
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    free (t->map[map]);
}

/* Everything that was loaded is consistent. */
static void
check_loaded (const struct dirty_log *log)
{
  assert (log->record.primary < LOG_MAX_LEGS);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    assert (log->record.leg[s].state <= LOG_LEG_STALE);
    assert (log->record.leg[s].generation <= log->record.generation);
    assert (log->record.leg[s].state == LOG_LEG_STALE ||
            log->missed[s].count == 0);
    assert (strnlen (log->record.leg[s].name, LOG_NAME_SIZE) < LOG_NAME_SIZE);
  }
}

static bool
is_ours (const struct dirty_log *log)
{
  return log->info.found == LOG_FOUND_OURS ||
         log->info.found == LOG_FOUND_KERNEL_SINCE;
}

static void
commit_and_close (struct mem_store *m, struct dirty_log *log)
{
  struct truth t;

  remember (&t, log);
  assert (dirty_log_commit (log, NO_DEADLINE) == 0);
  dirty_log_close (log, NO_DEADLINE);
  log = disk_log_open_store (mem_store_open (m), "again", LOG_READ_ONLY);
  assert (log);
  check_kept (&t, log);
  forget (&t);
  dirty_log_close (log, NO_DEADLINE);
}

/* A device may be too small, or hold something. */
static bool
create (struct dirty_log *log)
{
  const struct log_geometry geo = {
    .size = 100 * (uint64_t) LOG_MIN_REGION_SIZE,
    .region_size = LOG_MIN_REGION_SIZE,
    .nr_regions = 100,
  };

  if (dirty_log_create (log, &geo, 7) == -1)
    return false;
  dirty_log_set_leg (log, 1, 1, (const uint8_t[LOG_ID_SIZE]){1}, geo.size,
                     "/leg");
  dirty_log_mark (log, 99);
  return true;
}

static void
use (struct mem_store *m, struct dirty_log *log, unsigned flags)
{
  check_loaded (log);
  if (flags & FUZZ_READ_ONLY)
    dirty_log_close (log, NO_DEADLINE);
  else if (is_ours (log) || (flags & FUZZ_CREATE && create (log)))
    commit_and_close (m, log);
  else
    dirty_log_close (log, NO_DEADLINE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct mem_store *m;
  struct dirty_log *log;

  if (size < 3)
    return 0;
  m = store_of (data, size);
  log = disk_log_open_store (mem_store_open (m), "fuzz",
                             data[0] & FUZZ_READ_ONLY ? LOG_READ_ONLY : 0);
  assert (mem_store_calls (m) == 0);
  if (log)
    use (m, log, data[0]);
  if (data[0] & FUZZ_READ_ONLY)
    assert (mem_store_calls (m) == 0);
  mem_store_free (m);
  return 0;
}
