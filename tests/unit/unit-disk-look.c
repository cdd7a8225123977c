/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk log whose file is taken away while it is in use: log/disk/disk-look.h.
 *
 * The store has two media, the old file and the one that takes its place.  A
 * crash at any moment must find all that was acknowledged, in the old one until
 * the new one has the name, and then in the new one.
 */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "deadline.h"
#include "disk-look.h"
#include "disk.h"
#include "log-life.h"
#include "mem-store.h"
#include "suite.h"

#define NR 33000
#define REGION LOG_MIN_REGION_SIZE

enum {
  OLD,
  NEW
};

static struct {
  struct log_store store; /* first */
  struct mem_store *medium[2];
  unsigned now;
  enum file_place place;
  bool cut;
  bool name_is_taken;
  unsigned fail_at; /* call to the new file */
  unsigned renewals;
} two;

static struct dirty_log *lg; /* "log" is the C library's */

/* --- the store --- */

static struct log_store *
enter (struct log_store *store)
{
  struct log_store *inner = mem_store_open (two.medium[two.now]);

  ck_assert_ptr_eq (store, &two.store);
  inner->size = store->size;
  return inner;
}

static int
leave (struct log_store *inner, int r)
{
  two.store.size = inner->size;
  return r;
}

static int
two_read (struct log_store *store, void *buf, size_t count, uint64_t offset)
{
  struct log_store *inner = enter (store);

  return leave (inner, inner->ops->read (inner, buf, count, offset));
}

static int
two_write (struct log_store *store, const void *buf, size_t count,
           uint64_t offset)
{
  struct log_store *inner = enter (store);

  return leave (inner, inner->ops->write (inner, buf, count, offset));
}

static int
two_sync (struct log_store *store)
{
  struct log_store *inner = enter (store);

  return leave (inner, inner->ops->sync (inner));
}

static int
two_create (struct log_store *store)
{
  struct log_store *inner = enter (store);

  return leave (inner, inner->ops->create (inner));
}

static int
two_extend (struct log_store *store, uint64_t size)
{
  struct log_store *inner = enter (store);

  return leave (inner, inner->ops->extend (inner, size));
}

static enum file_place
two_look (struct log_store *store)
{
  (void) store;
  return two.place;
}

static bool
two_is_cut (struct log_store *store)
{
  if (two.cut)
    store->size = 0;
  return two.cut;
}

static int
two_renew (struct log_store *store)
{
  two.renewals++;
  mem_store_free (two.medium[NEW]);
  two.medium[NEW] = mem_store_new (0);
  mem_store_fail_at (two.medium[NEW], two.fail_at);
  two.now = NEW;
  store->size = 0;
  return 0;
}

static int
two_renewed (struct log_store *store, bool keep)
{
  if (keep && !two.name_is_taken) {
    two.place = FILE_HERE;
    return 0;
  }
  two.now = OLD;
  store->size = mem_store_size (two.medium[OLD]);
  errno = EEXIST;
  return keep ? -1 : 0;
}

static void
two_close (struct log_store *store)
{
  (void) store;
}

static const struct log_store_ops two_ops = {
  .read = two_read,
  .write = two_write,
  .sync = two_sync,
  .create = two_create,
  .create_done = two_create,
  .extend = two_extend,
  .look = two_look,
  .is_cut = two_is_cut,
  .renew = two_renew,
  .renewed = two_renewed,
  .close = two_close,
};

/* --- the log --- */

static void
set_leg (unsigned slot)
{
  static const uint8_t id[LOG_ID_SIZE] = {1};

  dirty_log_set_leg (lg, slot, 1, id, NR * (uint64_t) REGION, "/leg");
}

/* Two legs, in-sync; regions 5 and 4100 marked; leg 1 misses 32999. */
static void
setup (void)
{
  const struct log_geometry geo = {NR * (uint64_t) REGION, REGION, NR};

  memset (&two, 0, sizeof two);
  two.store.ops = &two_ops;
  two.medium[OLD] = mem_store_new (0);
  two.medium[NEW] = mem_store_new (0);
  lg = disk_log_open_store (&two.store, "/l", 0);
  ck_assert_ptr_nonnull (lg);
  ck_assert_int_eq (dirty_log_create (lg, &geo, 7), 0);
  for (unsigned s = 0; s < 2; ++s) {
    set_leg (s);
    dirty_log_set_region_sync (lg, s, 0, NR, true);
    dirty_log_leg_in_sync (lg, s);
  }
  ck_assert_int_eq (dirty_log_commit (lg, NO_DEADLINE), 0);
  dirty_log_mark (lg, 5);
  dirty_log_mark (lg, 4100);
  dirty_log_set_region_sync (lg, 1, 32999, 1, false);
  ck_assert_int_eq (dirty_log_flush (lg, NO_DEADLINE), 0);
}

static void
teardown (void)
{
  dirty_log_stay_unclean (lg, true);
  two.place = FILE_HERE;
  two.cut = false;
  dirty_log_close (lg, NO_DEADLINE);
  mem_store_free (two.medium[OLD]);
  mem_store_free (two.medium[NEW]);
}

static struct suite_group tests = {.setup = setup, .teardown = teardown};

/* What a start would find there has all that was acknowledged. */
static void
check_medium (unsigned which)
{
  struct mem_store *copy = mem_store_file (mem_store_bytes (two.medium[which]),
                                           mem_store_size (two.medium[which]));
  struct dirty_log *found =
    disk_log_open_store (mem_store_open (copy), "/l", LOG_READ_ONLY);

  ck_assert_ptr_nonnull (found);
  ck_assert_int_eq (dirty_log_info (found)->found, LOG_FOUND_OURS);
  ck_assert_mem_eq (dirty_log_info (found)->uuid, dirty_log_info (lg)->uuid,
                    16);
  ck_assert (dirty_log_info (found)->unclean);
  ck_assert (!dirty_log_is_clean (found, 5));
  ck_assert (!dirty_log_is_clean (found, 4100));
  ck_assert_uint_eq (dirty_log_count (found, LOG_MAP_MARKED),
                     dirty_log_count (lg, LOG_MAP_MARKED));
  ck_assert (!dirty_log_in_sync (found, 1, 32999, 1));
  ck_assert_int_eq (dirty_log_leg_state (found, 0), LOG_LEG_IN_SYNC);
  ck_assert_int_eq (dirty_log_leg_state (found, 1), LOG_LEG_STALE);
  ck_assert_uint_eq (dirty_log_flush_number (found),
                     dirty_log_flush_number (lg));
  dirty_log_close (found, NO_DEADLINE);
  mem_store_free (copy);
}

static void
expect_status (bool misplaced, const char *last_error)
{
  struct log_status status;

  dirty_log_status (lg, &status);
  ck_assert (status.misplaced == misplaced);
  ck_assert (status.failed == misplaced);
  ck_assert_str_eq (status.last_error, last_error);
}

static void
look (void)
{
  disk_look ((struct disk_log *) lg, true);
}

static void
mark_and_flush (uint64_t region)
{
  dirty_log_mark (lg, region);
  ck_assert_int_eq (dirty_log_flush (lg, NO_DEADLINE), 0);
}

TEST (a_file_that_is_there_is_left_alone)
{
  unsigned calls = mem_store_calls (two.medium[OLD]);

  look ();
  ck_assert_uint_eq (mem_store_calls (two.medium[OLD]), calls);
  expect_status (false, "");
}

TEST (a_file_that_was_removed_is_written_anew)
{
  two.place = FILE_REMOVED;
  look ();
  ck_assert_uint_eq (two.now, NEW);
  check_medium (NEW);
  expect_status (false, "its file was removed, written anew");
  mark_and_flush (77);
  check_medium (NEW);
  look ();
  ck_assert_uint_eq (two.renewals, 1);
}

/* Also the slots: the older one must not be damaged, or the newer one would not
 * count without the third copy.
 */
TEST (what_is_written_anew_goes_on_as_any_log)
{
  two.place = FILE_RENAMED;
  look ();
  expect_status (false, "its file has another name now, written anew");
  for (unsigned i = 0; i < 4; ++i) {
    dirty_log_set_primary (lg, i % 2);
    mark_and_flush (100 + i);
    check_medium (NEW);
  }
  dirty_log_clear (lg, 100);
  ck_assert_int_eq (dirty_log_commit (lg, NO_DEADLINE), 0);
  check_medium (NEW);
}

/* The old file has nothing of what was written to the new one. */
LOOP_TEST (a_new_file_that_fails_leaves_the_old_one, 12)
{
  two.place = FILE_REMOVED;
  two.fail_at = (unsigned) _i + 1;
  dirty_log_mark (lg, 9); /* queued */
  look ();
  if (two.now == NEW) { /* there are no so many calls */
    check_medium (NEW);
    return;
  }
  expect_status (true, "its file was removed");
  ck_assert_int_eq (dirty_log_flush (lg, NO_DEADLINE), 0);
  check_medium (OLD);
  dirty_log_set_primary (lg, 1);
  mark_and_flush (10);
  check_medium (OLD);
  two.fail_at = 0;
  look ();
  ck_assert_uint_eq (two.now, NEW);
  check_medium (NEW);
}

TEST (a_name_that_is_taken_meanwhile_is_not_taken_away)
{
  two.place = FILE_REMOVED;
  two.name_is_taken = true;
  look ();
  ck_assert_uint_eq (two.now, OLD);
  expect_status (true, "its file was removed");
  mark_and_flush (11);
  check_medium (OLD);
}

TEST (a_slot_that_is_durable_is_not_overwritten_after_a_failed_renewal)
{
  struct disk_log *d = (struct disk_log *) lg;
  uint64_t durable = d->durable_sequence;

  two.place = FILE_REMOVED;
  two.name_is_taken = true;
  look ();
  ck_assert_uint_eq (d->durable_sequence, durable);
  dirty_log_set_primary (lg, 1);
  ck_assert_int_eq (dirty_log_flush (lg, NO_DEADLINE), 0);
  ck_assert_uint_ne (d->durable_sequence % 2, durable % 2);
}

TEST (another_file_is_only_said)
{
  unsigned calls = mem_store_calls (two.medium[OLD]);

  two.place = FILE_REPLACED;
  look ();
  ck_assert_uint_eq (two.renewals, 0);
  ck_assert_uint_eq (mem_store_calls (two.medium[OLD]), calls);
  expect_status (true, "another file has its name now");
  mark_and_flush (12);
  expect_status (true, "another file has its name now");
  two.place = FILE_HERE;
  look ();
  expect_status (false, "another file has its name now");
}

TEST (a_directory_that_was_moved_is_only_said)
{
  two.place = FILE_ASTRAY;
  look ();
  ck_assert_uint_eq (two.renewals, 0);
  expect_status (true,
                 "its directory was renamed or is not mounted there any more");
}

TEST (a_file_that_was_cut_is_written_again)
{
  two.cut = true;
  memset (mem_store_bytes (two.medium[OLD]), 0,
          mem_store_size (two.medium[OLD]));
  look ();
  two.cut = false;
  ck_assert_uint_eq (two.renewals, 0);
  check_medium (OLD);
  expect_status (false, "its file was cut, written anew");
}

TEST (the_last_flush_writes_it_anew)
{
  two.place = FILE_REMOVED;
  dirty_log_clear (lg, 5);
  dirty_log_clear (lg, 4100);
  dirty_log_close (lg, NO_DEADLINE);
  ck_assert_uint_eq (two.now, NEW);
  two.store.size = mem_store_size (two.medium[NEW]);
  lg = disk_log_open_store (&two.store, "/l", LOG_READ_ONLY);
  ck_assert_ptr_nonnull (lg);
  ck_assert_int_eq (dirty_log_info (lg)->found, LOG_FOUND_OURS);
  ck_assert (!dirty_log_info (lg)->unclean);
}

int
main (void)
{
  return suite_main ("disk-look");
}
