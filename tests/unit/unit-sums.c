/* SPDX-License-Identifier: BSD-3-Clause */

/* Checksums of what clients wrote: the sum itself, the file, what a start believes of
 * it, and who wins by it.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "crc32c.h"
#include "full-io.h"
#include "log-life.h"
#include "mirror-fixture.h"
#include "order.h"
#include "suite.h"
#include "sums-open.h"
#include "sums.h"
#include "temp-path.h"

#define SHIFT 16
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 32
#define SIZE (NR_REGIONS * REGION)

static char dir[200], log_path[256], sums_path[256];
static char *data; /* of a whole mirror */
static struct sums s;

static void
remember (char *path, const char *name)
{
  snprintf (path, 256, "%s/%s", dir, name);
}

static void
setup (void)
{
  temp_path (dir, sizeof dir, "unit-sums");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  remember (log_path, "log");
  remember (sums_path, "log.checksums");
  data = malloc (SIZE);
  for (uint64_t i = 0; i < SIZE; ++i)
    data[i] = (char) (i / 512 * 7 + i);
  sums_init (&s);
}

static void
teardown (void)
{
  char command[256];

  sums_free (&s);
  free (data);
  snprintf (command, sizeof command, "rm -r %s", dir);
  ck_assert_int_eq (system (command), 0);
}

/* --- the sum --- */

TEST (crc32c_is_the_one_of_rfc_3720)
{
  static const uint8_t zeroes[32];
  uint8_t ones[32];

  memset (ones, 0xff, sizeof ones);
  ck_assert_uint_eq (crc32c (0, "123456789", 9), 0xe3069283);
  ck_assert_uint_eq (crc32c (0, zeroes, 32), 0x8a9136aa);
  ck_assert_uint_eq (crc32c (0, ones, 32), 0x62a8ab43);
  ck_assert_uint_eq (crc32c (0, NULL, 0), 0);
}

TEST (the_table_and_the_processor_agree)
{
  for (size_t len = 0; len < 70; ++len)
    for (size_t at = 0; at < 9; ++at) {
      uint32_t all = crc32c (0, data + at, len);

      ck_assert_uint_eq (crc32c_by_table (0, data + at, len), all);
      ck_assert_uint_eq (crc32c (crc32c (0, data + at, len / 3),
                                 data + at + len / 3, len - len / 3),
                         all);
    }
}

/* --- the file --- */

static void
make_file (uint64_t size)
{
  s.path = strdup (sums_path);
  s.size = size;
  s.fd = open (sums_path, O_RDWR | O_CREAT, 0600);
  ck_assert_int_ge (s.fd, 0);
  ck_assert_int_eq (ftruncate (s.fd, (off_t) sums_file_size (&s)), 0);
  atomic_store (&s.on, true);
}

static enum sums_verdict
check (uint64_t offset, uint64_t count)
{
  return sums_check (&s, data + offset, offset, count);
}

TEST (what_was_written_is_right_and_anything_else_is_wrong)
{
  make_file (SIZE);
  ck_assert_int_eq (check (0, SIZE), SUMS_UNKNOWN);
  sums_written (&s, data + 8192, 8192, 4096);
  ck_assert_int_eq (check (8192, 4096), SUMS_RIGHT);
  ck_assert_int_eq (check (0, SIZE), SUMS_RIGHT);
  data[8192 + 4095] ^= 1;
  ck_assert_int_eq (check (8192, 4096), SUMS_WRONG);
  ck_assert_int_eq (check (0, SIZE), SUMS_WRONG);
  ck_assert_int_eq (check (0, 8192), SUMS_UNKNOWN);
  ck_assert_int_eq (check (12288, 8192), SUMS_UNKNOWN);
}

TEST (long_ranges_are_like_short_ones)
{
  make_file (SIZE);
  sums_written (&s, data, 0, SIZE);
  ck_assert_int_eq (check (0, SIZE), SUMS_RIGHT);
  ck_assert_uint_eq (atomic_load (&s.verified), SIZE / SUMS_BLOCK);
  data[SIZE - 1] ^= 1;
  ck_assert_int_eq (check (0, SIZE), SUMS_WRONG);
  sums_forget (&s, SIZE - 4096, 4096);
  ck_assert_int_eq (check (0, SIZE), SUMS_RIGHT);
}

TEST (a_block_written_in_part_is_not_known)
{
  make_file (SIZE);
  sums_written (&s, data, 0, 16384);
  sums_written (&s, data + 512, 512, 8192);
  ck_assert_int_eq (check (0, 4096), SUMS_UNKNOWN);
  ck_assert_int_eq (check (4096, 4096), SUMS_RIGHT);
  ck_assert_int_eq (check (8192, 4096), SUMS_UNKNOWN);
  ck_assert_int_eq (check (12288, 4096), SUMS_RIGHT);
}

TEST (a_block_read_in_part_is_not_looked_at)
{
  make_file (SIZE);
  sums_written (&s, data, 0, 4096);
  data[0] ^= 1;
  ck_assert_int_eq (check (512, 7680), SUMS_UNKNOWN);
  ck_assert_int_eq (check (0, 3584), SUMS_UNKNOWN);
}

TEST (zeroes_have_a_sum)
{
  make_file (SIZE);
  sums_written (&s, NULL, 4096, 8192);
  ck_assert_int_eq (check (4096, 4096), SUMS_WRONG);
  memset (data, 0, 12288);
  ck_assert_int_eq (check (0, 12288), SUMS_RIGHT);
}

TEST (the_last_block_may_be_short)
{
  make_file (SIZE - 3584);
  sums_written (&s, data + SIZE - 8192, SIZE - 8192, 4608);
  ck_assert_int_eq (check (SIZE - 4096, 512), SUMS_RIGHT);
  data[SIZE - 4096 + 511] ^= 1;
  ck_assert_int_eq (check (SIZE - 4096, 512), SUMS_WRONG);
}

TEST (a_file_that_can_t_be_written_is_removed)
{
  make_file (SIZE);
  close (s.fd);
  s.fd = open (sums_path, O_RDONLY);
  sums_written (&s, data, 0, 4096);
  ck_assert (!atomic_load (&s.on));
  ck_assert_int_eq (access (sums_path, F_OK), -1);
  ck_assert (sums_sync (&s));
}

/* So that marks say what is not in it. */
TEST (one_that_can_t_be_removed_either_keeps_marks)
{
  make_file (SIZE);
  free (s.path);
  s.path = strdup (dir); /* a directory can't be unlinked */
  errno = EIO;
  sums_fail (&s);
  ck_assert (!atomic_load (&s.on));
  ck_assert (!sums_sync (&s));
}

/* --- a start --- */

static struct mirror_config config;
static struct dirty_log *lg;

static void
open_log (void)
{
  const struct log_geometry geo = {
    .size = SIZE, .region_size = REGION, .nr_regions = NR_REGIONS};
  char spec[300];

  snprintf (spec, sizeof spec, "disk:%s", log_path);
  lg = dirty_log_open (spec, 0);
  ck_assert_ptr_nonnull (lg);
  if (dirty_log_info (lg)->found == LOG_FOUND_NEW)
    ck_assert_int_eq (dirty_log_create (lg, &geo, 1), 0);
}

static void
begin_of_size (uint64_t size)
{
  open_log ();
  ck_assert_int_eq (sums_open (&s, &config, lg, size), 0);
  ck_assert_int_eq (dirty_log_commit (lg, NO_DEADLINE), 0);
  ck_assert_int_eq (dirty_log_start (lg), 0);
  ck_assert_int_eq (sums_begin (&s, lg), 0);
}

static void
begin (void)
{
  begin_of_size (SIZE);
}

static void
write_in (uint64_t region)
{
  dirty_log_mark (lg, region);
  ck_assert_int_eq (dirty_log_flush (lg, NO_DEADLINE), 0);
  if (atomic_load (&s.on))
    sums_written (&s, data + region * REGION, region * REGION, REGION);
}

static void
clear (uint64_t region)
{
  ck_assert (sums_sync (&s));
  dirty_log_clear (lg, region);
  ck_assert_int_eq (dirty_log_commit (lg, NO_DEADLINE), 0);
}

static void
end (bool crash)
{
  if (!crash)
    sums_close (&s, lg);
  dirty_log_stay_unclean (lg, crash);
  dirty_log_close (lg, NO_DEADLINE);
  sums_free (&s);
  sums_init (&s);
}

/* With checksums on: a mirror whose regions 0 and 1 have sums. */
static void
first_run (bool crash)
{
  config =
    (struct mirror_config){.checksums = (char *) "on", .source_leg = -1};
  begin ();
  write_in (0);
  write_in (1);
  clear (0);
  if (!crash)
    clear (1);
  end (crash);
}

static enum sums_verdict
region (uint64_t r)
{
  return check (r * REGION, REGION);
}

TEST (after_a_clean_end_all_is_believed)
{
  first_run (false);
  begin ();
  ck_assert_int_eq (region (0), SUMS_RIGHT);
  ck_assert_int_eq (region (1), SUMS_RIGHT);
  ck_assert_int_eq (region (2), SUMS_UNKNOWN);
  end (false);
  begin ();
  ck_assert_int_eq (region (1), SUMS_RIGHT);
  end (false);
}

TEST (after_a_crash_marked_regions_are_not_known)
{
  first_run (true);
  data[REGION] ^= 1; /* was being written */
  begin ();
  ck_assert_int_eq (region (0), SUMS_RIGHT);
  ck_assert_int_eq (region (1), SUMS_UNKNOWN);
  end (false);
}

TEST (what_ends_with_marks_is_not_closed)
{
  first_run (true);
  begin ();
  write_in (3);
  sums_close (&s, lg); /* something is marked */
  end (true);
  begin ();
  ck_assert_int_eq (region (0), SUMS_RIGHT);
  ck_assert_int_eq (region (3), SUMS_UNKNOWN);
  end (false);
}

static void
is_begun_anew (void)
{
  begin ();
  ck_assert_int_eq (region (0), SUMS_UNKNOWN);
  ck_assert_int_eq (region (1), SUMS_UNKNOWN);
  end (false);
}

/* Another program, or an earlier version, that knows nothing of them. */
static void
run_without (bool crash)
{
  open_log ();
  ck_assert_int_eq (dirty_log_start (lg), 0);
  write_in (1);
  clear (1);
  end (crash);
}

TEST (a_run_without_them_after_a_clean_end_is_noticed)
{
  first_run (false);
  run_without (false);
  is_begun_anew ();
}

TEST (a_clean_run_without_them_after_a_crash_is_noticed)
{
  first_run (true);
  run_without (false);
  is_begun_anew ();
}

TEST (a_crash_of_a_run_without_them_is_noticed)
{
  first_run (false);
  run_without (true);
  is_begun_anew ();
}

/* It has flushed the log no more often than a clean end does. */
TEST (a_crash_at_its_first_write_is_noticed)
{
  first_run (false);
  open_log ();
  write_in (1);
  end (true);
  is_begun_anew ();
}

TEST (with_checksums_off_the_file_is_removed)
{
  first_run (false);
  config.checksums = NULL;
  begin ();
  end (false);
  ck_assert_int_eq (access (sums_path, F_OK), -1);
}

TEST (but_only_if_it_is_one)
{
  first_run (false);
  ck_assert_int_eq (truncate (sums_path, 0), 0);
  config.checksums = NULL;
  begin ();
  end (false);
  ck_assert_int_eq (access (sums_path, F_OK), 0);
}

TEST (an_operator_who_says_what_is_right_is_believed)
{
  first_run (false);
  config.sync = SYNC_FORCE;
  is_begun_anew ();
  first_run (false);
  config.source_leg = 0;
  is_begun_anew ();
}

TEST (a_log_made_anew_does_not_vouch_for_them)
{
  first_run (false);
  ck_assert_int_eq (unlink (log_path), 0);
  is_begun_anew ();
}

TEST (another_size_begins_anew)
{
  first_run (false);
  begin_of_size (SIZE / 2);
  ck_assert_int_eq (check (0, REGION), SUMS_UNKNOWN);
  end (false);
}

static void
damage (uint64_t at)
{
  int fd = open (sums_path, O_RDWR);
  uint8_t byte;

  ck_assert_int_eq (full_pread (fd, &byte, 1, at), 0);
  byte ^= 4;
  ck_assert_int_eq (full_pwrite (fd, &byte, 1, at), 0);
  close (fd);
}

TEST (a_damaged_head_is_not_believed)
{
  for (uint64_t at = 8; at < SUMS_HEAD; at += at < 64 ? 1 : 517) {
    first_run (false);
    damage (at);
    is_begun_anew ();
  }
}

TEST (what_is_something_else_is_left_alone)
{
  first_run (false);
  damage (0);
  open_log ();
  ck_assert_int_eq (sums_open (&s, &config, lg, SIZE), -1);
  dirty_log_close (lg, NO_DEADLINE);
  damage (0);
  sums_free (&s);
  sums_init (&s);
  begin ();
  ck_assert_int_eq (region (0), SUMS_RIGHT);
  end (false);
}

/* --- who wins --- */

static struct fx *fx;
static struct outcome out;

static void
begin_mirror (void)
{
  setup ();
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  fx_keep_image (fx); /* legs are altered where nothing is marked */
  make_file (SIZE);
  sums_move (&fx->m->sums, &s);
  fx->m->sums.verify = true;
}

static void
end_mirror (void)
{
  fx_free (fx);
  teardown ();
}

static struct suite_group mirror = {.setup = begin_mirror,
                                    .teardown = end_mirror,
                                    .timeout = 60};

static bool
is_done (void)
{
  static struct mirror_status status;

  mirror_status (fx->m, &status);
  return strcmp (status.scrub.state, "done") == 0;
}

static void
repair_as (const char *from)
{
  struct order order = {
    .verb = ORDER_SCRUB_START, .repair = true, .from = from};

  ck_assert_msg (mirror_order (fx->m, &order, &out) == 0, "%s", out.text);
  WAIT_FOR (is_done ());
}

static void
repair_all (void)
{
  repair_as (NULL);
}

static uint64_t
repaired (void)
{
  return atomic_load (&fx->m->sums.repaired);
}

TEST_IN (mirror, the_right_leg_wins_a_scrub_in_both_directions)
{
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 0, 4 * REGION, 'a');
  mem_leg_change (fx->leg[0], 5000, 1, 'x');
  mem_leg_change (fx->leg[1], 2 * REGION, 9000, 'y');
  repair_all ();
  ck_assert (fx_same (fx, 0, 1));
  for (uint64_t at = 0; at < 4 * REGION; at += 100)
    ck_assert_int_eq (fx_byte (fx, 0, at), 'a');
  ck_assert_uint_eq (repaired (), 4);
}

TEST_IN (mirror, what_has_no_sum_is_not_guessed)
{
  fx_start (fx);
  mem_leg_change (fx->leg[1], REGION, 512, 'y');
  repair_all ();
  ck_assert (!fx_same (fx, 0, 1));
  ck_assert_uint_eq (repaired (), 0);
}

TEST_IN (mirror, two_wrong_legs_are_not_made_equal)
{
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  mem_leg_change (fx->leg[0], 0, 1, 'x');
  mem_leg_change (fx->leg[1], 0, 1, 'y');
  repair_all ();
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'x');
  ck_assert_int_eq (fx_byte (fx, 1, 0), 'y');
}

TEST_IN (mirror, a_reader_gets_what_was_written_and_the_leg_is_repaired)
{
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 0, 2 * REGION, 'a');
  for (unsigned leg = 0; leg < 2; ++leg) {
    struct op op;

    fx->m->config.read_policy = READ_ROUND_ROBIN;
    mem_leg_change (fx->leg[leg], 4096, 1, 'x');
    for (unsigned i = 0; i < 2; ++i) {
      op_start (fx, &op, OP_READ, 4096, 4096, 0);
      op_succeeds (&op);
      ck_assert_int_eq (op.byte, 'a');
    }
    ck_assert_int_eq (fx_byte (fx, leg, 4096), 'a');
  }
  ck_assert_uint_eq (atomic_load (&fx->m->sums.wrong), 2);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

TEST_IN (mirror, nobody_is_shown_what_no_leg_should_hold)
{
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  mem_leg_change (fx->leg[0], 0, 1, 'x');
  mem_leg_change (fx->leg[1], 0, 1, 'x');
  do_fails (fx, OP_READ, 0, 4096, 0, EIO);
  do_succeeds (fx, OP_WRITE, 0, 4096, 'b');
  do_succeeds (fx, OP_READ, 0, 4096, 0);
}

TEST_IN (mirror, without_verify_reads_a_reader_does_not_look)
{
  fx->m->sums.verify = false;
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  mem_leg_change (fx->leg[0], 0, 1, 'x');
  do_succeeds (fx, OP_READ, 0, 4096, 0);
  ck_assert_uint_eq (atomic_load (&fx->m->sums.verified), 0);
}

TEST_IN (mirror, a_write_that_failed_everywhere_has_no_sum)
{
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  do_fails (fx, OP_WRITE, 0, 4096, 'b', EIO);
  mem_leg_change (fx->leg[0], 0, 4096, 'c');
  do_succeeds (fx, OP_READ, 0, 4096, 0);
}

TEST_IN (mirror, zeroes_and_writes_in_part_are_noted)
{
  do_succeeds (fx, OP_ZERO, 0, REGION, 0);
  mem_leg_change (fx->leg[0], 0, 1, 'x');
  mem_leg_change (fx->leg[1], 0, 1, 'x');
  do_fails (fx, OP_READ, 0, 4096, 0, EIO);
  do_succeeds (fx, OP_WRITE, 512, 512, 'b');
  do_succeeds (fx, OP_READ, 0, 4096, 0);
}

/* A repair by an operator's word makes what was written before wrong. */
TEST_IN (mirror, an_operator_s_word_is_stronger)
{
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  mem_leg_change (fx->leg[1], 0, 4096, 'y');
  repair_as ("1");
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'y');
  do_succeeds (fx, OP_READ, 0, 4096, 0);
}

TEST_IN (mirror, no_mark_is_cleared_before_the_sums_are_durable)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  atomic_store (&fx->m->sums.stuck, true);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  op_join (&op);
  ck_assert (!fx_is_clean (fx, 0));
  atomic_store (&fx->m->sums.stuck, false);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  op_join (&op);
  ck_assert (fx_is_clean (fx, 0));
}

static struct suite_group tests = {.setup = setup,
                                   .teardown = teardown,
                                   .timeout = 60};

int
main (void)
{
  return suite_main ("sums");
}
