/* SPDX-License-Identifier: BSD-3-Clause */

/* What the disk log makes of what it finds, and what it leaves there. */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "byte-order.h"
#include "cleanup.h"
#include "deadline.h"
#include "disk-number.h"
#include "disk.h"
#include "full-io.h"
#include "log-life.h"
#include "mem-store.h"
#include "owner.h"
#include "suite.h"

#define NR 33000
#define REGION LOG_MIN_REGION_SIZE

static const struct log_geometry geo = {
  .size = NR * (uint64_t) REGION - 512,
  .region_size = REGION,
  .nr_regions = NR,
};

static struct dirty_log *
open_mem (struct mem_store *m)
{
  return disk_log_open_store (mem_store_open (m), "mem", 0);
}

/* With the lock: a flush returns before its thread has counted it. */
static struct log_status
status_of (struct dirty_log *log)
{
  struct log_status status;

  dirty_log_status (log, &status);
  return status;
}

static void
add_legs (struct dirty_log *log, unsigned nr)
{
  const uint8_t id[LOG_ID_SIZE] = {1, 2, 3};
  char name[16];

  for (unsigned s = 0; s < nr; ++s) {
    snprintf (name, sizeof name, "/leg%u", s);
    dirty_log_set_leg (log, s, 2, id, log->info.geo.size, name);
    dirty_log_set_region_sync (log, s, 0, log->info.geo.nr_regions, true);
    dirty_log_leg_in_sync (log, s);
  }
}

static struct dirty_log *
create_mem (struct mem_store *m)
{
  struct dirty_log *log = open_mem (m);

  ck_assert_ptr_nonnull (log);
  ck_assert_int_eq (dirty_log_create (log, &geo, 1), 0);
  add_legs (log, 2);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  return log;
}

/* --- the kernel's vectors --- */

/* Number of regions and the bitmap as vectors/dm-log/README.md has them; 0
 * = we refuse.  Differences to the kernel, on purpose: it takes version 3
 * for a log and writes to it (a19 to a21).  Bad magic (a22) was replaced by
 * the kernel before the image was taken; test_refused has what we do.
 */
static const struct {
  const char *name;
  uint64_t nr;
  const char *bitmap;
} vectors[] = {
  {"a01-fresh-64", 64, "0000000000000000"},
  {"a02-midsync-64", 64, "ff03000000000000"},
  {"a03-synced-64", 64, "ffffffffffffffff"},
  {"a04-inflight-0-3-17-63", 64, "f6fffdffffffff7f"},
  {"a05-inflight-done", 64, "ffffffffffffffff"},
  {"a06-powercut-5-33", 64, "dffffffffdffffff"},
  {"a07-after-cut-reassembled", 64, "dffffffffdffffff"},
  {"a08-after-cut-resynced", 64, "ffffffffffffffff"},
  {"a09-grown-64-to-100", 100, "ffffffffffffffff0000000000000000"},
  {"a10-grown-100-synced", 100, "ffffffffffffffffffffffff0f000000"},
  {"a11-shrunk-100-to-33", 33, "ffffffff01000000"},
  {"a12-fresh-33-partial", 33, "0000000000000000"},
  {"a13-synced-33-partial", 33, "ffffffff01000000"},
  {"a14-fresh-65", 65, "00000000000000000000000000000000"},
  {"a15-synced-65", 65, "ffffffffffffffff0100000000000000"},
  {"a16-forcesync-65", 65, "00000000000000000000000000000000"},
  {"a17-forcesync-65-second-resume", 65, "00000000000000000000000000000000"},
  {"a18-was-version1", 65, "ffffffffffffffff0100000000000000"},
  {"a19-was-version3", 0, ""},
  {"a20-version3-synced", 0, ""},
  {"a21-version3-second-activation", 0, ""},
  {"a22-bad-magic", 65, "00000000000000000000000000000000"},
  {"a23-regionsize-1024-to-2048", 32, "dfffffff00000000"},
  {"a24-log-write-failed", 64, "ffffffffffffffff"},
  {"a25-log-back-after-resume", 64, "fffdffffffffffff"},
  {"a26-nosync-65", 65, "ffffffffffffffff0100000000000000"},
  {"a27-nosync-65-inflight-2", 65, "fbffffffffffffff0100000000000000"},
  {"a28-nosync-65-after-cut", 65, "ffffffffffffffff0100000000000000"},
  {"a30-flushfail-now", 64, "ffffffffffffffff"},
  {"a31-flushfail-then-2-writes-to-10", 64, "fffbffffffffffff"},
  {"a32-flushfail-after-resume", 64, "ffffffffffffffff"},
  {"a33-leg1-writefail-noerr", 64, "ffffefffffffffff"},
  {"a34-leg0-writefail", 64, "ffffffbfffffffff"},
  {"a35-leg0-back-after-reboot", 64, "ffffffbfffffffff"},
  {"a36-stale-leg0-won", 64, "ffffffffffffffff"},
  {"a37-handle-errors-leg0-write", 64, "fffffffffffeffff"},
  {"a38-discard-inflight-regions-20-21", 64, "ffffffffffffffff"},
};
#define NR_VECTORS ((int) (sizeof vectors / sizeof vectors[0]))

static struct mem_store *
load_vector (const char *name)
{
  char path[256];
  uint8_t bytes[4096];
  int fd;

  snprintf (path, sizeof path, SRCDIR "/tests/vectors/dm-log/%s.bin", name);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  ck_assert_msg (fd >= 0, "%s: %m", path);
  ck_assert_int_eq (full_pread (fd, bytes, sizeof bytes, 0), 0);
  close (fd);
  return mem_store_file (bytes, sizeof bytes);
}

static unsigned
hex_byte (const char *hex, uint64_t i)
{
  char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

  return (unsigned) strtoul (two, NULL, 16);
}

LOOP_TEST (test_vector, NR_VECTORS)
{
  const char *hex = vectors[_i].bitmap;
  uint64_t nr = vectors[_i].nr;
  struct mem_store *m = load_vector (vectors[_i].name);
  struct dirty_log *log = open_mem (m);

  ck_assert ((log == NULL) == (nr == 0));
  if (log) {
    ck_assert_int_eq (log->info.found, LOG_FOUND_KERNEL);
    ck_assert_uint_eq (log->info.geo.nr_regions, nr);
    ck_assert_uint_eq (log->info.geo.size, 0);
    for (uint64_t r = 0; r < nr; ++r)
      ck_assert_msg (bitset_test (&log->marked, r) ==
                       !(hex_byte (hex, r / 8) >> (r % 8) & 1),
                     "%s: region %" PRIu64, vectors[_i].name, r);
    dirty_log_close (log, NO_DEADLINE);
  }
  ck_assert_uint_eq (mem_store_calls (m), 0);
  mem_store_free (m);
}

/* Version 3 synced, wrong magic, garbage, too short, impossible size. */
TEST (test_refused)
{
  for (int kind = 0; kind < 5; ++kind) {
    struct mem_store *m = load_vector ("a15-synced-65");
    uint8_t *bytes = mem_store_bytes (m), before[4096];

    switch (kind) {
    case 0:
      bytes[0] = 'X';
      break;
    case 1:
      put_le32 (bytes + 4, 4);
      break;
    case 2:
      memset (bytes, 0xa5, 4096);
      break;
    case 3:
      put_le64 (bytes + 8, 1000000);
      break;
    default:
      put_le64 (bytes + 8, UINT64_MAX);
    }
    memcpy (before, bytes, sizeof before);
    ck_assert_ptr_null (open_mem (m));
    ck_assert_uint_eq (mem_store_calls (m), 0);
    ck_assert_int_eq (memcmp (bytes, before, sizeof before), 0);
    mem_store_free (m);
  }
}

static struct disk_slot
newest_slot (struct mem_store *m)
{
  struct disk_slot slot[2];

  for (unsigned i = 0; i < 2; ++i)
    ck_assert_int_eq (disk_slot_decode (&slot[i], mem_store_bytes (m) +
                                                    DISK_SLOT_OFFSET (i)),
                      DISK_SLOT_VALID);
  return slot[slot[1].sequence > slot[0].sequence];
}

/* The kernel's log becomes ours: what is behind its bitmap stays. */
TEST (test_convert)
{
  struct mem_store *m = load_vector ("a06-powercut-5-33");
  struct dirty_log *log = open_mem (m);
  uint8_t *bytes = mem_store_bytes (m), before[4096];
  struct log_geometry small = {64 * (uint64_t) REGION, REGION, 64};

  memcpy (before, bytes, sizeof before);
  ck_assert_int_eq (dirty_log_create (log, &small, 1), 0);
  add_legs (log, 2);
  dirty_log_set_region_sync (log, 1, 5, 1, false);
  dirty_log_set_region_sync (log, 1, 33, 1, false);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (get_le32 (bytes + 4), 1);
  ck_assert_uint_eq (get_le64 (bytes + 8), 64);
  ck_assert_int_eq (memcmp (bytes + 1024, before + 1024, 4096 - 1024), 0);
  /* Both slots: no flipped byte makes it the kernel's own again. */
  ck_assert_uint_ge (newest_slot (m).sequence, 3);
  dirty_log_close (log, NO_DEADLINE);

  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert (!log->info.unclean);
  ck_assert_uint_eq (log->missed[1].count, 2);
  ck_assert_uint_eq (log->marked.count, 0);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* A log that was found empty, and has been written since, is ours. */
TEST (test_create_again)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  struct log_geometry other = {100 * (uint64_t) REGION, REGION, 100};

  dirty_log_mark_run (log, 0, 50);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_int_eq (dirty_log_create (log, &other, 7), 0);
  dirty_log_mark_run (log, 98, 2);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);

  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert_uint_eq (log->info.geo.nr_regions, 100);
  ck_assert_uint_eq (log->record.generation, 7);
  ck_assert_uint_eq (log->marked.count, 2);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* The same on a device that has room for the kernel's bitmap only. */
TEST (test_convert_small_device)
{
  struct mem_store *vector = load_vector ("a06-powercut-5-33");
  struct mem_store *m = mem_store_new (2048);
  struct log_geometry small = {64 * (uint64_t) REGION, REGION, 64};
  struct dirty_log *log;

  memcpy (mem_store_bytes (m), mem_store_bytes (vector), 2048);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_KERNEL);
  ck_assert_int_eq (dirty_log_create (log, &small, 1), 0);
  ck_assert (log->info.shared_map);
  add_legs (log, 2);
  dirty_log_set_region_sync (log, 1, 5, 1, false);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  ck_assert_int_eq (memcmp (mem_store_bytes (m) + 1032,
                            mem_store_bytes (vector) + 1032, 2048 - 1032),
                    0);
  dirty_log_close (log, NO_DEADLINE);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert_uint_eq (log->marked.count, 1);
  ck_assert (bitset_test (&log->missed[1], 5));
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
  mem_store_free (vector);
}

/* --- our own --- */

static bool
kernel_clean (struct mem_store *m, uint64_t r)
{
  return mem_store_bytes (m)[1024 + r / 8] >> (r % 8) & 1;
}

static void
check_kernel_bitmap (struct mem_store *m, const uint64_t *dirty, size_t nr)
{
  uint64_t bits = bitset_words (NR) * 64;

  for (uint64_t r = 0; r < bits; ++r) {
    bool clean = r < NR;

    for (size_t i = 0; i < nr; ++i)
      clean = clean && r != dirty[i];
    ck_assert_msg (kernel_clean (m, r) == clean, "region %" PRIu64, r);
  }
}

TEST (test_kernel_bitmap)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  const uint64_t dirty[] = {0, 24575, 24576, NR - 1};
  const uint8_t header[] = {0x72, 0x52, 0x69, 0x4d, 1, 0, 0, 0,
                            0xe8, 0x80, 0,    0,    0, 0, 0, 0};

  ck_assert_int_eq (memcmp (mem_store_bytes (m), header, sizeof header), 0);
  check_kernel_bitmap (m, NULL, 0);
  for (size_t i = 0; i < 4; ++i)
    dirty_log_mark (log, dirty[i]);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  check_kernel_bitmap (m, dirty, 4);

  /* A clear is lazy; a missed region stays dirty for the kernel. */
  dirty_log_set_region_sync (log, 1, 0, 1, false);
  for (size_t i = 0; i < 4; ++i)
    dirty_log_clear (log, dirty[i]);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  check_kernel_bitmap (m, dirty, 4);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  check_kernel_bitmap (m, dirty, 1);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

TEST (test_reload)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  uint8_t uuid[16];

  memcpy (uuid, log->info.uuid, sizeof uuid);
  dirty_log_set_primary (log, 1);
  dirty_log_close (log, NO_DEADLINE);

  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert (!log->info.unclean && !log->info.shared_map);
  ck_assert_int_eq (memcmp (uuid, log->info.uuid, sizeof uuid), 0);
  ck_assert_uint_eq (log->info.geo.size, geo.size);
  ck_assert_uint_eq (log->info.owner_pid, (uint64_t) getpid ());
  ck_assert_uint_eq (log->record.primary, 1);
  ck_assert_str_eq (log->record.leg[1].name, "/leg1");
  ck_assert_int_eq (log->record.leg[1].state, LOG_LEG_IN_SYNC);
  ck_assert_uint_eq (log->record.leg[1].kind, 2);
  ck_assert_uint_eq (log->record.leg[1].id[2], 3);

  /* Started: unclean, and so it stays if something is marked. */
  ck_assert_int_eq (dirty_log_start (log), 0);
  dirty_log_mark (log, 9);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert (!(newest_slot (m).flags & DISK_CLEAN_SHUTDOWN));
  log = open_mem (m);
  ck_assert (log->info.unclean);
  ck_assert_uint_eq (log->marked.count, 1);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* A flush lowers a leg's record, only a commit raises it. */
TEST (test_flush_only_lowers)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  struct disk_slot a, b;
  uint8_t *bytes = mem_store_bytes (m);

  dirty_log_leg_failed (log, 1);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_leg_in_sync (log, 1);
  dirty_log_set_primary (log, 1);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_int_eq (disk_slot_decode (&a, bytes + 16), DISK_SLOT_VALID);
  ck_assert_int_eq (disk_slot_decode (&b, bytes + 512), DISK_SLOT_VALID);
  ck_assert_int_eq (a.leg[1].state, LOG_LEG_STALE);
  ck_assert_int_eq (b.leg[1].state, LOG_LEG_STALE);
  ck_assert_int_eq (a.primary + b.primary, 1);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  log = open_mem (m);
  ck_assert_int_eq (log->record.leg[1].state, LOG_LEG_IN_SYNC);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* Opened, looked at, closed: not one byte was written. */
TEST (test_open_writes_nothing)
{
  struct mem_store *m = mem_store_new (0);
  unsigned calls;

  dirty_log_close (create_mem (m), NO_DEADLINE);
  calls = mem_store_calls (m);
  dirty_log_close (open_mem (m), NO_DEADLINE);
  ck_assert_uint_eq (mem_store_calls (m), calls);
  mem_store_free (m);
}

TEST (test_kernel_used_it_since)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  uint8_t *bytes = mem_store_bytes (m);

  dirty_log_close (log, NO_DEADLINE);
  put_le32 (bytes + 4, 2);
  bytes[1024 + 100] &= 0x7f;
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_KERNEL_SINCE);
  ck_assert_uint_eq (log->kernel_dirty.count, 1);
  ck_assert (bitset_test (&log->kernel_dirty, 807));
  ck_assert (bitset_test (&log->marked, 807));
  ck_assert (log->info.unclean);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (get_le32 (bytes + 4), 1);
  dirty_log_close (log, NO_DEADLINE);

  put_le32 (bytes + 4, 2);
  put_le64 (bytes + 8, NR - 1);
  ck_assert_ptr_null (open_mem (m));
  mem_store_free (m);
}

/* Rule (16): whatever the bits there say. */
TEST (test_behind_a_growth_that_did_not_finish_all_is_dirty)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log;

  dirty_log_close (create_mem (m), NO_DEADLINE);
  put_le64 (mem_store_bytes (m) + 8, NR - 70);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert_uint_eq (log->marked.count, 70);
  ck_assert_uint_eq (bitset_next_set (&log->marked, 0), NR - 70);
  ck_assert (log->info.unclean);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* Each flush that wrote has its number on the medium, also after a raise;
 * a torn newest one leaves the one before.
 */
TEST (test_flush_number)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  struct disk_layout layout;
  uint64_t before = log->flush_number, now;
  uint8_t *block;

  ck_assert_uint_gt (before, 0);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (log->flush_number, before);
  dirty_log_mark (log, 7);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (log->flush_number, before + 1);
  dirty_log_set_primary (log, 1);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (log->flush_number, before + 2);
  dirty_log_clear (log, 7);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  now = log->flush_number;
  ck_assert_uint_gt (now, before + 2);
  dirty_log_close (log, NO_DEADLINE);

  log = open_mem (m);
  ck_assert_uint_ge (log->flush_number, now);
  now = log->flush_number;
  dirty_log_close (log, NO_DEADLINE);
  disk_layout_init (&layout, NR, 0);
  block = mem_store_bytes (m) + layout.area_offset +
          DISK_FLUSH_NUMBER_BLOCK * DISK_BLOCK;
  block[now % 2 * 512 + 33] ^= 1;
  log = open_mem (m);
  ck_assert_uint_eq (log->flush_number, now - 1);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

static uint8_t *
flush_number_block (struct mem_store *m)
{
  struct disk_layout layout;

  disk_layout_init (&layout, NR, 0);
  return mem_store_bytes (m) + layout.area_offset +
         DISK_FLUSH_NUMBER_BLOCK * DISK_BLOCK;
}

/* The number of the newest flush, if its regions are first and second. */
static uint64_t
check_recent (struct mem_store *m, unsigned nr, uint64_t first,
              uint64_t second)
{
  struct dirty_log *log = open_mem (m);
  uint64_t number = log->flush_number;

  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert_uint_eq (log->recent.nr, nr);
  ck_assert (nr < 1 || log->recent.region[0] == first);
  ck_assert (nr < 2 || log->recent.region[1] == second);
  dirty_log_close (log, NO_DEADLINE);
  return number;
}

static struct mem_store *
recent_image (void)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);

  for (uint64_t r = 7; r < 9; ++r) {
    dirty_log_mark (log, r);
    ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
    dirty_log_clear (log, r);
    ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  }
  dirty_log_close (log, NO_DEADLINE);
  return m;
}

TEST (test_regions_cleared_last_are_kept)
{
  struct mem_store *m = recent_image ();

  check_recent (m, 2, 8, 7);
  mem_store_free (m);
}

/* A flush that was cut short leaves the list of the one before. */
TEST (test_regions_cleared_last_survive_a_torn_write)
{
  struct mem_store *m = recent_image ();
  uint64_t number = check_recent (m, 2, 8, 7);

  flush_number_block (m)[number % 2 * 512 + 33] ^= 1;
  ck_assert_uint_eq (check_recent (m, 2, 8, 7), number - 1);
  mem_store_free (m);
}

/* Nobody is sent to look at wrong places, and no log is refused for it. */
TEST (test_damaged_regions_cleared_last_are_forgotten)
{
  struct mem_store *m = recent_image ();
  uint64_t number = check_recent (m, 2, 8, 7);
  uint8_t *at = flush_number_block (m) + number % 2 * 512;

  for (unsigned i = 40; i < 176; ++i) {
    at[i] ^= 0xff;
    check_recent (m, 0, 0, 0);
    at[i] ^= 0xff;
  }
  mem_store_free (m);
}

/* As a version before this one writes: the number grows, and what is behind
 * it stays.
 */
TEST (test_regions_cleared_last_of_another_number_do_not_count)
{
  struct mem_store *m = recent_image ();
  struct dirty_log *log = open_mem (m);
  uint64_t number = log->flush_number;
  uint8_t *block = flush_number_block (m);

  disk_flush_number_encode (block, log->info.uuid, number + 1);
  disk_flush_number_encode (block, log->info.uuid, number + 2);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert_uint_eq (check_recent (m, 0, 0, 0), number + 2);
  memset (block + 40, 0, 472);
  memset (block + 552, 0, 3544);
  ck_assert_uint_eq (check_recent (m, 0, 0, 0), number + 2);
  mem_store_free (m);
}

static void
slot_crc (uint8_t *slot)
{
  put_le32 (slot + 12, 0);
  put_le32 (slot + 12, (uint32_t) crc32 (0, slot, DISK_SLOT_SIZE));
}

TEST (test_block_size_is_remembered)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);

  ck_assert_uint_eq (dirty_log_min_block (log), 0);
  dirty_log_set_min_block (log, 4096);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (newest_slot (m).min_block, 4096);
  dirty_log_close (log, NO_DEADLINE);
  log = open_mem (m);
  ck_assert_uint_eq (dirty_log_min_block (log), 4096);
  dirty_log_set_min_block (log, LOG_MAX_MIN_BLOCK);
  dirty_log_set_primary (log, 1);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (newest_slot (m).min_block, LOG_MAX_MIN_BLOCK);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* Version 2.0 had zeroes there, and wrote them again. */
TEST (test_block_size_in_other_versions)
{
  struct disk_slot slot = {
    .size = REGION, .region_size = REGION, .area_offset = 4096};
  uint8_t buf[DISK_SLOT_SIZE];

  disk_slot_encode (buf, &slot);
  ck_assert_uint_eq (buf[77], 0);
  put_le32 (buf + 8, 0x00020000);
  slot_crc (buf);
  ck_assert_int_eq (disk_slot_decode (&slot, buf), DISK_SLOT_VALID);
  ck_assert_uint_eq (slot.min_block, 0);
  buf[77] = 10;
  slot_crc (buf);
  ck_assert_int_eq (disk_slot_decode (&slot, buf), DISK_SLOT_BAD);
  for (uint32_t low = 1; low < 3; ++low) {
    put_le32 (buf + 8, 0x00020000 + low);
    buf[77] = 17;
    slot_crc (buf);
    ck_assert_int_eq (disk_slot_decode (&slot, buf), DISK_SLOT_VALID);
    ck_assert_uint_eq (slot.min_block, LOG_MAX_MIN_BLOCK);
    for (unsigned bad = 18; bad < 256; ++bad) {
      buf[77] = (uint8_t) bad;
      slot_crc (buf);
      ck_assert_int_eq (disk_slot_decode (&slot, buf), DISK_SLOT_BAD);
    }
  }
}

TEST (test_version_of_the_future)
{
  struct mem_store *m = mem_store_new (0);
  struct disk_slot slot;
  uint8_t *bytes = mem_store_bytes (m);

  dirty_log_close (create_mem (m), NO_DEADLINE);
  memcpy (bytes + 512, bytes + 16, DISK_SLOT_SIZE);
  ck_assert_int_eq (disk_slot_decode (&slot, bytes + 512), DISK_SLOT_VALID);
  put_le32 (bytes + 512 + 8, DISK_SLOT_VERSION + 0x00010000);
  ck_assert_int_eq (disk_slot_decode (&slot, bytes + 512), DISK_SLOT_BAD);
  /* A right crc tells it from damage. */
  slot_crc (bytes + 512);
  ck_assert_int_eq (disk_slot_decode (&slot, bytes + 512), DISK_SLOT_FOREIGN);
  ck_assert_ptr_null (open_mem (m));
  mem_store_free (m);
}

TEST (test_blank_and_not_blank)
{
  struct mem_store *m = mem_store_new (1 << 20);
  struct dirty_log *log;

  mem_store_bytes (m)[300000] = 1;
  ck_assert_ptr_null (open_mem (m));
  mem_store_bytes (m)[300000] = 0;
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_NEW);
  mem_store_bytes (m)[9000] = 1;
  ck_assert_int_eq (dirty_log_create (log, &geo, 1), -1);
  ck_assert_uint_eq (mem_store_calls (m), 0);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* The area of the log that was being replaced is not there, at whatever
 * offset: it is not looked for, and the log is created.
 */
static void
create_over (uint64_t area_offset, bool device)
{
  const struct disk_slot slot = {
    .sequence = 1,
    .size = geo.size,
    .region_size = REGION,
    .flags = DISK_CREATING,
    .area_offset = area_offset,
  };
  const uint64_t size = 2 << 20;
  CLEANUP_FREE uint8_t *bytes = calloc (1, size);
  struct mem_store *m;
  struct dirty_log *log;

  disk_slot_encode (bytes + DISK_SLOT_OFFSET (1), &slot);
  m = mem_store_file (bytes, size);
  mem_store_open (m)->fixed_size = device;
  log = create_mem (m);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert_uint_eq (mem_store_size (m), size);
  log = open_mem (m);
  ck_assert_ptr_nonnull (log);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

TEST (test_replaced_area_is_not_there)
{
  for (int device = 0; device < 2; ++device) {
    create_over (UINT64_C (2) << 20, device);
    create_over (UINT64_C (1) << 40, device);
    create_over (UINT64_MAX - 4095, device);
  }
}

TEST (test_shared_map)
{
  struct mem_store *m = mem_store_new (11 * 512);
  struct dirty_log *log = open_mem (m);

  ck_assert_int_eq (dirty_log_create (log, &geo, 1), 0);
  ck_assert (log->info.shared_map);
  add_legs (log, 2);
  dirty_log_set_region_sync (log, 1, NR - 2, 2, false);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert (log->info.shared_map && log->info.unclean);
  ck_assert_uint_eq (log->marked.count, 2);
  ck_assert_uint_eq (log->missed[1].count, 2);
  ck_assert_uint_eq (log->missed[0].count, 0);
  ck_assert_int_eq (log->record.leg[1].state, LOG_LEG_STALE);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);

  m = mem_store_new (4096);
  log = open_mem (m);
  ck_assert_int_eq (dirty_log_create (log, &geo, 1), -1);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

static unsigned
third_copies (struct mem_store *m)
{
  struct disk_slot slot;
  unsigned n = 0;

  for (uint64_t at = 4096; at < mem_store_size (m); at += 4096)
    n += disk_slot_decode (&slot, mem_store_bytes (m) + at) == DISK_SLOT_VALID;
  return n;
}

TEST (test_grow)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);

  dirty_log_mark (log, NR - 1);
  for (unsigned i = 2; i < 5; ++i) {
    ck_assert_int_eq (dirty_log_grow (log, i * geo.size, 0), 0);
    dirty_log_set_region_sync (log, 1, i * NR - 9, 1, false);
    ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
    dirty_log_close (log, NO_DEADLINE);
    log = open_mem (m);
    ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
    ck_assert_uint_eq (third_copies (m), 1);
    ck_assert_uint_eq (log->info.geo.size, i * geo.size);
    ck_assert_uint_eq (log->marked.count, 1);
    ck_assert (bitset_test (&log->marked, NR - 1));
    ck_assert_uint_eq (log->missed[1].count, i - 1);
    ck_assert_str_eq (log->record.leg[0].name, "/leg0");
    ck_assert (!kernel_clean (m, i * NR - 9));
    ck_assert (kernel_clean (m, i * NR - 10));
  }
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* --- damage --- */

/* In-sync leg 0, stale leg 1 that misses region 5, a mark at 3.  The newest
 * record is the only one that knows that leg 1 is stale.
 */
static struct mem_store *
damage_image (uint64_t device)
{
  struct mem_store *m = mem_store_new (device);
  struct dirty_log *log = create_mem (m);

  dirty_log_mark (log, 3);
  dirty_log_set_region_sync (log, 1, 5, 1, false);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  return m;
}

static void
check_damaged (struct mem_store *m, uint64_t at)
{
  struct dirty_log *log = open_mem (m);

  if (!log || log->info.found == LOG_FOUND_DAMAGED) {
    dirty_log_close (log, NO_DEADLINE);
    return;
  }
  ck_assert_msg (log->info.found == LOG_FOUND_OURS ||
                   log->info.found == LOG_FOUND_KERNEL_SINCE,
                 "byte %" PRIu64 ": found %d", at, (int) log->info.found);
  ck_assert_uint_eq (log->info.geo.size, geo.size);
  ck_assert_uint_eq (log->info.geo.region_size, geo.region_size);
  ck_assert (bitset_test (&log->marked, 3));
  ck_assert (bitset_test (&log->missed[1], 5));
  ck_assert_msg (log->record.leg[1].state != LOG_LEG_IN_SYNC,
                 "byte %" PRIu64 ": leg 1 is trusted", at);
  ck_assert_uint_ge (log->record.generation, 2);
  dirty_log_close (log, NO_DEADLINE);
}

static void
flip_bytes (struct mem_store *m, uint64_t first, uint64_t nr)
{
  static const uint8_t flips[] = {0x01, 0x02, 0x03, 0x80, 0xff};
  uint8_t *bytes = mem_store_bytes (m), old;

  for (uint64_t i = first; i < first + nr; ++i) {
    old = bytes[i];
    for (size_t f = 0; f < sizeof flips; ++f) {
      bytes[i] = old ^ flips[f];
      check_damaged (m, i);
    }
    bytes[i] = 0;
    check_damaged (m, i);
    bytes[i] = old;
  }
}

TEST (test_flipped_bytes)
{
  struct mem_store *m = damage_image (0);
  struct disk_layout layout;

  disk_layout_init (&layout, NR, 0);
  flip_bytes (m, 0, 1024);
  flip_bytes (m, layout.area_offset, DISK_SLOT_SIZE);
  mem_store_free (m);

  m = damage_image (12 << 10);
  flip_bytes (m, 0, 1024);
  mem_store_free (m);
}

/* One of three copies survives: if it vouches for the newest state. */
TEST (test_lost_sectors)
{
  struct mem_store *m = damage_image (0);
  uint8_t *bytes = mem_store_bytes (m), saved[1024];
  struct disk_layout layout;
  struct dirty_log *log;

  disk_layout_init (&layout, NR, 0);
  memcpy (saved, bytes, sizeof saved);
  /* Either slot alone: the third copy vouches. */
  for (unsigned i = 0; i < 2; ++i) {
    memset (bytes + DISK_SLOT_OFFSET (i) + 30, 0xff, 100);
    log = open_mem (m);
    ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
    dirty_log_close (log, NO_DEADLINE);
    memcpy (bytes, saved, sizeof saved);
  }
  memset (bytes + 20, 0xff, 492);
  memset (bytes + 520, 0xff, 488);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  dirty_log_close (log, NO_DEADLINE);

  memset (bytes + layout.area_offset, 0xff, 512);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_DAMAGED);
  /* A new life over it. */
  ck_assert_int_eq (dirty_log_create (log, &geo, 9), 0);
  add_legs (log, 2);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert_uint_eq (log->record.generation, 9);
  ck_assert_uint_eq (log->marked.count, 0);
  dirty_log_close (log, NO_DEADLINE);

  memset (bytes, 0, 1024);
  log = open_mem (m);
  ck_assert_int_eq (log->info.found, LOG_FOUND_DAMAGED);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* --- files --- */

static char dir[] = "unit-disk.XXXXXX";
static char path[PATH_MAX], spec[PATH_MAX + 8];

static void
file_setup (void)
{
  char here[PATH_MAX / 2];

  ck_assert_ptr_nonnull (getcwd (here, sizeof here));
  ck_assert_ptr_nonnull (mkdtemp (dir));
  snprintf (path, sizeof path, "%s/%s/log", here, dir);
  snprintf (spec, sizeof spec, "disk:%s", path);
}

static void
file_teardown (void)
{
  unlink (path);
  rmdir (dir);
}

static struct dirty_log *
create_file (void)
{
  struct dirty_log *log = dirty_log_open (spec, 0);

  ck_assert_ptr_nonnull (log);
  ck_assert_int_eq (log->info.found, LOG_FOUND_NEW);
  ck_assert_int_eq (access (path, F_OK), -1);
  ck_assert_int_eq (dirty_log_create (log, &geo, 1), 0);
  add_legs (log, 2);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  return log;
}

TEST_IN (files_tests, test_file_is_owned)
{
  struct dirty_log *log = create_file ();
  struct stat st;
  pid_t pid;
  int status;

  ck_assert_ptr_null (dirty_log_open (spec, 0));
  pid = fork ();
  if (pid == 0) {
    stat (path, &st);
    _exit (dirty_log_open (spec, 0) != NULL || owner_pid (&st) != getppid () ||
           dirty_log_open (spec, LOG_READ_ONLY) == NULL);
  }
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_int_eq (status, 0);
  dirty_log_close (log, NO_DEADLINE);
  log = dirty_log_open (spec, 0);
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  dirty_log_close (log, NO_DEADLINE);
}

TEST_IN (files_tests, test_large_file_has_its_blocks)
{
  struct log_geometry large = {LOG_MAX_REGIONS * REGION, REGION,
                               LOG_MAX_REGIONS};
  struct dirty_log *log = dirty_log_open (spec, 0);
  struct stat st;

  ck_assert_int_eq (dirty_log_create (log, &large, 1), 0);
  dirty_log_mark (log, LOG_MAX_REGIONS - 1);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert_int_eq (stat (path, &st), 0);
  ck_assert (st.st_size > 80 << 20);
  ck_assert_int_ge (st.st_blocks * 512, st.st_size);
  log = dirty_log_open (spec, LOG_READ_ONLY);
  ck_assert_uint_eq (log->marked.count, 1);
  dirty_log_close (log, NO_DEADLINE);
}

#define NR_THREADS 6
#define NR_ROUNDS 200

static void *
mark_and_flush (void *arg)
{
  struct dirty_log *log = arg;
  static uint64_t next;

  for (unsigned i = 0; i < NR_ROUNDS; ++i) {
    uint64_t r = __atomic_fetch_add (&next, 1, __ATOMIC_RELAXED) * 7 % NR;

    dirty_log_mark (log, r);
    if (dirty_log_flush (log, NO_DEADLINE) == -1)
      return log;
    if (i % 8 == 0) {
      dirty_log_clear (log, r);
      if (dirty_log_commit (log, NO_DEADLINE) == -1)
        return log;
    }
  }
  return NULL;
}

TEST_IN (files_tests, test_group_commit)
{
  struct dirty_log *log = create_file ();
  pthread_t thread[NR_THREADS];
  void *result;
  uint64_t kept = NR_THREADS * (NR_ROUNDS - NR_ROUNDS / 8);

  ck_assert_int_eq (dirty_log_start (log), 0);
  for (unsigned i = 0; i < NR_THREADS; ++i)
    pthread_create (&thread[i], NULL, mark_and_flush, log);
  for (unsigned i = 0; i < NR_THREADS; ++i) {
    pthread_join (thread[i], &result);
    ck_assert_ptr_null (result);
  }
  ck_assert_uint_eq (status_of (log).marked, kept);
  ck_assert_uint_lt (status_of (log).counters.flushes,
                     NR_THREADS * (NR_ROUNDS + NR_ROUNDS / 8));
  dirty_log_close (log, NO_DEADLINE);
  log = dirty_log_open (spec, LOG_READ_ONLY);
  ck_assert_uint_eq (log->marked.count, kept);
  dirty_log_close (log, NO_DEADLINE);
}

/* --- a store that hangs --- */

static pthread_mutex_t hang = PTHREAD_MUTEX_INITIALIZER;
static bool hanging;

static void
wait_for_hang (void *arg)
{
  (void) arg;
  __atomic_store_n (&hanging, true, __ATOMIC_RELEASE);
  pthread_mutex_lock (&hang);
  pthread_mutex_unlock (&hang);
}

TEST (test_deadline)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);

  ck_assert_int_eq (dirty_log_start (log), 0);
  mem_store_on_call (m, wait_for_hang, NULL);
  pthread_mutex_lock (&hang);
  dirty_log_mark (log, 1);
  ck_assert_int_eq (dirty_log_flush (log, now_ns () + 10 * NSEC_PER_MSEC), -1);
  ck_assert_int_eq (errno, ETIMEDOUT);
  ck_assert (!status_of (log).failed);
  pthread_mutex_unlock (&hang);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert (!kernel_clean (m, 1));
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

static void *
flush_thread (void *arg)
{
  return dirty_log_flush (arg, NO_DEADLINE) == 0 ? NULL : arg;
}

static void
wait_for_requests (struct dirty_log *log, uint64_t cycle)
{
  uint64_t requested;

  do {
    sched_yield ();
    pthread_mutex_lock (&log->lock);
    requested = disk (log)->group.requested;
    pthread_mutex_unlock (&log->lock);
  } while (requested < cycle);
}

/* A write that began before the call proves nothing to the caller. */
TEST (test_served_by_a_later_write)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  pthread_t first, second;
  uint64_t cycle;
  void *result;

  ck_assert_int_eq (dirty_log_start (log), 0);
  mem_store_on_call (m, wait_for_hang, NULL);
  pthread_mutex_lock (&hang);
  pthread_mutex_lock (&log->lock);
  cycle = disk (log)->group.begun + 1;
  pthread_mutex_unlock (&log->lock);
  dirty_log_mark (log, 1);
  pthread_create (&first, NULL, flush_thread, log);
  while (!__atomic_load_n (&hanging, __ATOMIC_ACQUIRE))
    sched_yield ();
  dirty_log_mark (log, 2);
  pthread_create (&second, NULL, flush_thread, log);
  wait_for_requests (log, cycle + 1);
  pthread_mutex_unlock (&hang);
  pthread_join (second, &result);
  ck_assert_ptr_null (result);
  ck_assert (!kernel_clean (m, 1) && !kernel_clean (m, 2));
  pthread_join (first, &result);
  ck_assert_ptr_null (result);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* Nobody is told that a failed write was a good one. */
TEST (test_thread_reports_failure)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);

  ck_assert_int_eq (dirty_log_start (log), 0);
  dirty_log_mark (log, 1);
  mem_store_fail_at (m, 3);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), -1);
  ck_assert_int_eq (errno, EIO);
  mem_store_fail_at (m, 1);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), -1);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_uint_eq (status_of (log).counters.flush_errors, 2);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

/* Closing does not wait for a dead store, and does not free what the
 * thread still uses.
 */
TEST (test_close_has_a_deadline)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);

  ck_assert_int_eq (dirty_log_start (log), 0);
  dirty_log_mark (log, 1);
  mem_store_on_call (m, wait_for_hang, NULL);
  pthread_mutex_lock (&hang);
  dirty_log_close (log, now_ns () + 10 * NSEC_PER_MSEC);
}

/* What operators ordered of legs is what the next start finds. */
TEST (orders_are_kept)
{
  struct mem_store *m = mem_store_new (0);
  struct dirty_log *log = create_mem (m);
  struct log_leg leg;

  dirty_log_set_orders (log, 1, true, 0);
  dirty_log_set_orders (log, 0, false, 2);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  log = open_mem (m);
  dirty_log_get_leg (log, 1, &leg);
  ck_assert (leg.parked && leg.replaces == 0 && leg.kind == 2);
  dirty_log_get_leg (log, 0, &leg);
  ck_assert (!leg.parked && leg.replaces == 2 && leg.kind == 2);
  dirty_log_remove_leg (log, 1);
  dirty_log_get_leg (log, 0, &leg);
  ck_assert_uint_eq (leg.replaces, 0);
  dirty_log_close (log, NO_DEADLINE);
  mem_store_free (m);
}

static struct suite_group tests = {
  .timeout = 600,
};

static struct suite_group files_tests = {
  .setup = file_setup,
  .teardown = file_teardown,
  .timeout = 600,
};

int
main (void)
{
  return suite_main ("disk log");
}
