/* SPDX-License-Identifier: BSD-3-Clause */

/* A log of which one byte is wrong, any byte, or that the kernel has used
 * since, in a real file: start-up is refused, or what it copies is at least
 * what has to be copied.
 */

#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "disk-format.h"
#include "log-life.h"
#include "plan.h"
#include "probe.h"
#include "suite.h"
#include "temp-path.h"

#define NR 64
#define REGION LOG_MIN_REGION_SIZE
#define NR_LEGS 3
#define MARKED 3
#define MISSED 5
#define STALE 1 /* the leg that misses it */

static const struct log_geometry geo = {
  .size = NR * (uint64_t) REGION,
  .region_size = REGION,
  .nr_regions = NR,
};

static const char *const names[NR_LEGS] = {"/a", "/b", "/c"};

static char path[64];
static int fd; /* of the file at path */
static struct leg legs[NR_LEGS];
static struct mirror_config config;

/* --- the file --- */

static void
set_leg (struct dirty_log *log, unsigned s)
{
  struct leg *leg = &legs[s];

  *leg = (struct leg){.name = (char *) names[s],
                      .kind = LEG_FILE,
                      .size = geo.size,
                      .min_block = 512,
                      .id = {(uint8_t) (s + 1)}};
  dirty_log_set_leg (log, s, LEG_FILE, leg->id, leg->size, leg->name);
  dirty_log_set_region_sync (log, s, 0, NR, true);
  dirty_log_leg_in_sync (log, s);
}

static struct dirty_log *
open_log (unsigned flags)
{
  char spec[80];

  snprintf (spec, sizeof spec, "disk:%s", path);
  return dirty_log_open (spec, flags);
}

static struct dirty_log *
create (unsigned nr_legs)
{
  struct dirty_log *log = open_log (0);

  ck_assert_ptr_nonnull (log);
  ck_assert_int_eq (dirty_log_create (log, &geo, 1), 0);
  for (unsigned s = 0; s < nr_legs; ++s)
    set_leg (log, s);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  return log;
}

/* A leg that missed a region, and a write in flight when the end came. */
static void
make_unclean (unsigned nr_legs)
{
  struct dirty_log *log = create (nr_legs);

  dirty_log_set_region_sync (log, STALE, MISSED, 1, false);
  dirty_log_mark (log, MARKED);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
}

static void
make_clean (unsigned nr_legs)
{
  dirty_log_close (create (nr_legs), NO_DEADLINE);
}

static void
setup (void)
{
  temp_path (path, sizeof path, "unit-damage");
  fd = mkstemp (path);
  ck_assert_int_ge (fd, 0);
  config = (struct mirror_config){.source_leg = -1};
}

static void
teardown (void)
{
  close (fd);
  unlink (path);
}

/* --- the plan --- */

/* Legs hold data, and agree where they must. */
static int
never_empty (const struct plan_input *in, unsigned leg, uint64_t size)
{
  (void) in, (void) leg, (void) size;
  return PROBE_NO;
}

static int
always_same (const struct plan_input *in, const struct log_geometry *g,
             unsigned leg, unsigned slot, unsigned source_leg,
             unsigned source_slot)
{
  (void) in, (void) g, (void) leg, (void) slot, (void) source_leg,
    (void) source_slot;
  return PROBE_YES;
}

static void
make_plan (struct dirty_log *log, unsigned nr_legs, struct plan *plan)
{
  struct log_record record;
  struct plan_input in = {
    .config = &config,
    .log = dirty_log_info (log),
    .record = &record,
    .nr_legs = nr_legs,
    .empty = never_empty,
    .same = always_same,
  };

  dirty_log_get_record (log, &record);
  config.nr_legs = nr_legs;
  for (unsigned i = 0; i < nr_legs; ++i)
    in.leg[i] = (struct plan_leg){.name = names[i], .leg = &legs[i]};
  ck_assert_int_eq (plan_make (&in, plan), 0);
}

static bool
is_kernel_dirty (struct dirty_log *log, uint64_t region)
{
  uint64_t first, nr;

  return dirty_log_next_run (log, LOG_MAP_KERNEL_DIRTY, region, &first, &nr) &&
         first == region;
}

/* The slot's leg gets the region from the source (apply.c). */
static bool
is_copied (struct dirty_log *log, const struct plan *plan, unsigned s,
           uint64_t region)
{
  switch (plan->slot[s].miss) {
  case MISS_ALL:
    return true;
  case MISS_KERNEL_DIRTY:
    if (is_kernel_dirty (log, region))
      return true;
    break;
  case MISS_DATA:
  case MISS_NOTHING_MORE:
    break;
  }
  return !dirty_log_in_sync (log, s, region, 1) ||
         (!plan->kernel_used && !dirty_log_is_clean (log, region));
}

/* What start-up would do with the unclean log. */
static void
check_unclean (unsigned nr_legs, uint64_t at)
{
  struct dirty_log *log = open_log (LOG_READ_ONLY);
  struct plan plan;

  if (!log)
    return;
  make_plan (log, nr_legs, &plan);
  if (!plan.refuse) {
    ck_assert_msg (plan.source != STALE, "byte %" PRIu64 ": stale source", at);
    ck_assert_uint_eq (plan.geo.size, geo.size);
    ck_assert_msg (is_copied (log, &plan, STALE, MISSED),
                   "byte %" PRIu64 ": what was missed is not copied", at);
    for (unsigned s = 0; s < nr_legs; ++s)
      ck_assert_msg (s == plan.source || is_copied (log, &plan, s, MARKED),
                     "byte %" PRIu64 ": leg %u: what was marked is not copied",
                     at, s);
  }
  dirty_log_close (log, NO_DEADLINE);
}

/* Any in-sync leg may be the source; nothing must be lost but time. */
static void
check_clean (unsigned nr_legs, uint64_t at)
{
  struct dirty_log *log = open_log (LOG_READ_ONLY);
  struct plan plan;

  if (!log)
    return;
  make_plan (log, nr_legs, &plan);
  if (!plan.refuse) {
    ck_assert_msg (!plan.create, "byte %" PRIu64 ": a new log", at);
    ck_assert_uint_eq (plan.geo.size, geo.size);
  }
  dirty_log_close (log, NO_DEADLINE);
}

static void
flip (uint64_t at, uint8_t with)
{
  uint8_t byte;

  ck_assert_int_eq (pread (fd, &byte, 1, (off_t) at), 1);
  byte ^= with;
  ck_assert_int_eq (pwrite (fd, &byte, 1, (off_t) at), 1);
}

static void
flip_all (unsigned nr_legs, uint64_t first, uint64_t end, uint8_t with,
          void (*check) (unsigned nr_legs, uint64_t at))
{
  for (uint64_t at = first; at < end; ++at) {
    flip (at, with);
    check (nr_legs, at);
    flip (at, with);
  }
}

/* Every byte of our area that is ever used, and some of the others. */
static void
flip_area (unsigned nr_legs, void (*check) (unsigned nr_legs, uint64_t at))
{
  uint64_t end = (uint64_t) lseek (fd, 0, SEEK_END);

  for (uint64_t block = DISK_BLOCK; block < end; block += DISK_BLOCK) {
    flip_all (nr_legs, block, block + 700, 0xff, check);
    for (uint64_t at = block + 700; at < block + DISK_BLOCK; at += 101)
      flip_all (nr_legs, at, at + 1, 0xff, check);
  }
}

static const uint8_t patterns[] = {0x01, 0x02, 0x03, 0x08, 0x20, 0xff};

LOOP_TEST (header_slots_and_bitmap_of_an_unclean_log, sizeof patterns)
{
  make_unclean (3);
  flip_all (3, 0, 1100, patterns[_i], check_unclean);
}

TEST (area_of_an_unclean_log)
{
  make_unclean (3);
  flip_area (3, check_unclean);
}

TEST (header_slots_and_area_of_a_clean_log)
{
  make_clean (2);
  flip_all (2, 0, 1100, 0xff, check_clean);
  flip_area (2, check_clean);
}

/* --- the kernel used it since --- */

/* Images of a kernel's log, and the regions that it left dirty. */
static const struct {
  const char *name;
  uint64_t dirty;
} vectors[] = {
  {"a03-synced-64", 0},
  {"a04-inflight-0-3-17-63",
   1u << 0 | 1u << 3 | 1u << 17 | UINT64_C (1) << 63},
  {"a05-inflight-done", 0},
  {"a06-powercut-5-33", 1u << 5 | UINT64_C (1) << 33},
  {"a07-after-cut-reassembled", 1u << 5 | UINT64_C (1) << 33},
  {"a08-after-cut-resynced", 0},
  {"a02-midsync-64", ~UINT64_C (0x3ff)},
  {"a01-fresh-64", UINT64_MAX},
};

/* What the kernel writes: the header, and the bitmap; not our slots. */
static void
kernel_writes (const char *name)
{
  char file[256];
  uint8_t image[2048];
  int from;

  snprintf (file, sizeof file, SRCDIR "/tests/vectors/dm-log/%s.bin", name);
  from = open (file, O_RDONLY | O_CLOEXEC);
  ck_assert_int_ge (from, 0);
  ck_assert_int_eq (pread (from, image, sizeof image, 0), sizeof image);
  close (from);
  ck_assert_int_eq (pwrite (fd, image, DISK_HEADER_SIZE, 0), DISK_HEADER_SIZE);
  ck_assert_int_eq (pwrite (fd, image + DISK_BITMAP_OFFSET, NR / 8,
                            DISK_BITMAP_OFFSET),
                    NR / 8);
}

/* An end of ours before that, clean or not, does not matter any more: the
 * kernel has resynced what we left dirty.
 */
static void
kernel_since (bool clean, unsigned i)
{
  struct dirty_log *log = create (2);
  struct plan plan;

  if (!clean)
    dirty_log_mark (log, MARKED);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  kernel_writes (vectors[i].name);

  log = open_log (LOG_READ_ONLY);
  ck_assert_int_eq (dirty_log_info (log)->found, LOG_FOUND_KERNEL_SINCE);
  make_plan (log, 2, &plan);
  ck_assert (!plan.refuse);
  ck_assert_uint_eq (plan.source, 0);
  for (uint64_t r = 0; r < NR; ++r)
    ck_assert_int_eq (is_copied (log, &plan, 1, r), vectors[i].dirty >> r & 1);
  dirty_log_close (log, NO_DEADLINE);
}

LOOP_TEST (kernel_after_a_clean_end, sizeof vectors / sizeof vectors[0])
{
  kernel_since (true, (unsigned) _i);
}

LOOP_TEST (kernel_after_an_unclean_end, sizeof vectors / sizeof vectors[0])
{
  kernel_since (false, (unsigned) _i);
}

LOOP_TEST (kernel_while_a_leg_was_stale_is_refused,
           sizeof vectors / sizeof vectors[0])
{
  struct dirty_log *log;
  struct plan plan;

  make_unclean (2);
  kernel_writes (vectors[_i].name);
  log = open_log (LOG_READ_ONLY);
  make_plan (log, 2, &plan);
  ck_assert (plan.refuse);
  ck_assert_ptr_nonnull (strstr (plan.reason, "source=0@"));
  dirty_log_close (log, NO_DEADLINE);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 300,
};

int
main (void)
{
  return suite_main ("damage");
}
