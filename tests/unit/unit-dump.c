/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror dump, on logs that the log layer made and on a kernel's. */

#include "config.h"

#undef NDEBUG
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>
#include <json-c/json.h>

#include "deadline.h"
#include "dirty-log.h"
#include "fake-mirror.h"
#include "leg.h"
#include "log-life.h"
#include "run-tool.h"
#include "suite.h"

#define REGION_SIZE (UINT32_C (64) << 10)
#define NR_REGIONS UINT64_C (100)

static char path[96];

static void
set_up (void)
{
  fake_dir ();
  snprintf (path, sizeof path, "%s", fake_path ("log"));
}

static struct dirty_log *
open_log (void)
{
  char spec[128];
  struct dirty_log *log;

  snprintf (spec, sizeof spec, "disk:%s", path);
  log = dirty_log_open (spec, 0);
  ck_assert_ptr_nonnull (log);
  return log;
}

/* Two legs in sync, leg 1 the primary. */
static struct dirty_log *
make_log (void)
{
  static const char *const name[] = {"/dev/vg/a", "/dev/my disk"};
  static const uint8_t id[LOG_ID_SIZE] = {1};
  const struct log_geometry geo = {
    .size = NR_REGIONS * REGION_SIZE,
    .region_size = REGION_SIZE,
    .nr_regions = NR_REGIONS,
  };
  struct dirty_log *log = open_log ();

  ck_assert_int_eq (dirty_log_create (log, &geo, 7), 0);
  for (unsigned s = 0; s < 2; ++s) {
    dirty_log_set_leg (log, s, LEG_BLOCK, id, geo.size, name[s]);
    dirty_log_set_region_sync (log, s, 0, NR_REGIONS, true);
    dirty_log_leg_in_sync (log, s);
  }
  dirty_log_set_primary (log, 1);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  return log;
}

/* The file as it is, to see that nobody wrote to it. */
static char *
snapshot (struct stat *st)
{
  int fd = open (path, O_RDONLY);
  char *buf;

  ck_assert_int_eq (fstat (fd, st), 0);
  buf = malloc ((size_t) st->st_size);
  ck_assert_int_eq (pread (fd, buf, (size_t) st->st_size, 0), st->st_size);
  close (fd);
  return buf;
}

static void
expect_unchanged (char *before, const struct stat *st)
{
  struct stat now;
  char *after = snapshot (&now);

  ck_assert_int_eq (now.st_size, st->st_size);
  ck_assert_int_eq (now.st_mtim.tv_sec, st->st_mtim.tv_sec);
  ck_assert_int_eq (now.st_mtim.tv_nsec, st->st_mtim.tv_nsec);
  ck_assert_mem_eq (before, after, (size_t) st->st_size);
  free (before);
  free (after);
}

TEST (clean_log)
{
  dirty_log_close (make_log (), NO_DEADLINE);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("found       ours\n");
  tool_expect_out ("generation  7\n");
  tool_expect_out ("state       clean\n");
  tool_expect_out ("would serve, copy nothing\n");
  tool_expect_out ("   1  in-sync  primary  block       6.2 MiB           7");
  tool_expect_out ("  /dev/my disk\n");
  ck_assert_ptr_null (strstr (tool_out, "marked"));
}

TEST (log_in_use_is_read_and_not_written)
{
  struct dirty_log *log = make_log ();
  struct stat st;
  char *before, pid[64];

  ck_assert_int_eq (dirty_log_start (log), 0);
  for (uint64_t r = 10; r < 20; ++r)
    dirty_log_mark (log, r);
  dirty_log_mark (log, 99);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  before = snapshot (&st);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("state       unclean");
  tool_expect_out ("marked, 11 regions:\n  10-19 99\n");
  tool_expect_out ("source leg 1: copy 11 marked regions");
  snprintf (pid, sizeof pid, "owner       process %d on ", (int) getpid ());
  tool_expect_out (pid);
  expect_unchanged (before, &st);
  dirty_log_close (log, NO_DEADLINE);
}

TEST (many_runs_are_counted_not_printed)
{
  struct dirty_log *log = make_log ();

  for (uint64_t r = 0; r < NR_REGIONS; r += 2)
    dirty_log_mark (log, r);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("marked, 50 regions:\n  0 2 4 6 8 10 12 14\n");
  tool_expect_out (" 46\n  and 26 more runs\n");
  dirty_log_close (log, NO_DEADLINE);
}

TEST (stale_leg_is_told_with_what_it_misses)
{
  struct dirty_log *log = make_log ();

  dirty_log_set_region_sync (log, 0, 5, 3, false);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("   0  stale");
  tool_expect_out ("missed by leg 0, 3 regions:\n  5-7\n");
  tool_expect_out ("3 to legs that miss them");
}

static struct json_object *
member (struct json_object *obj, const char *key)
{
  struct json_object *value;

  ck_assert_msg (json_object_object_get_ex (obj, key, &value), "%s", key);
  return value;
}

TEST (json)
{
  struct dirty_log *log = make_log ();
  struct json_object *dump, *leg, *run;

  dirty_log_set_region_sync (log, 0, 5, 3, false);
  dirty_log_mark (log, 50);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  ck_assert_int_eq (TOOL ("dump", "--json", path), 0);
  dirty_log_close (log, NO_DEADLINE);

  dump = json_tokener_parse (tool_out);
  ck_assert_ptr_nonnull (dump);
  ck_assert_str_eq (json_object_get_string (member (dump, "found")), "ours");
  ck_assert_str_eq (json_object_get_string (member (dump, "name")), path);
  ck_assert_uint_eq (strlen (json_object_get_string (member (dump, "uuid"))),
                     36);
  ck_assert (!json_object_get_boolean (member (dump, "clean")));
  ck_assert_uint_eq (json_object_get_uint64 (member (dump, "regions")),
                     NR_REGIONS);
  ck_assert_uint_eq (json_object_get_uint64 (member (member (dump, "marked"),
                                                     "count")),
                     1);
  ck_assert_uint_eq (json_object_get_uint64 (member (dump, "generation")), 8);
  leg = json_object_array_get_idx (member (dump, "legs"), 0);
  ck_assert_str_eq (json_object_get_string (member (leg, "state")), "stale");
  run = json_object_array_get_idx (member (member (leg, "missed"), "runs"), 0);
  ck_assert_uint_eq (json_object_get_uint64 (member (run, "first")), 5);
  ck_assert_uint_eq (json_object_get_uint64 (member (run, "count")), 3);
  json_object_put (dump);
}

TEST (names_that_are_not_utf8_are_json)
{
  static const uint8_t id[LOG_ID_SIZE] = {1};
  struct dirty_log *log = make_log ();

  dirty_log_set_leg (log, 0, LEG_BLOCK, id, NR_REGIONS * REGION_SIZE,
                     "/dev/\xc3\xa9\xff");
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert_int_eq (TOOL ("dump", "--json", path), 0);
  tool_expect_out ("\"/dev/\xc3\xa9?\"");
}

TEST (dm_table_begins_with_the_primary)
{
  char expected[256];

  dirty_log_close (make_log (), NO_DEADLINE);
  ck_assert_int_eq (TOOL ("dump", "--dm-table", path), 0);
  snprintf (expected, sizeof expected,
            "0 12800 mirror disk 2 %s 128 2 /dev/my\\ disk 0 /dev/vg/a 0 "
            "1 handle_errors\n",
            path);
  ck_assert_str_eq (tool_out, expected);
}

TEST (dm_table_is_refused_without_good_primary)
{
  struct dirty_log *log = make_log ();

  dirty_log_leg_failed (log, 1);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  dirty_log_close (log, NO_DEADLINE);
  ck_assert_int_eq (TOOL ("dump", "--dm-table", path), 2);
  tool_expect_err ("primary is not in-sync");
  ck_assert_str_eq (tool_out, "");
}

static void
write_file (const void *buf, size_t len, off_t size)
{
  int fd = open (path, O_CREAT | O_WRONLY, 0600);

  ck_assert_int_eq (pwrite (fd, buf, len, 0), (ssize_t) len);
  ck_assert_int_eq (ftruncate (fd, size), 0);
  close (fd);
}

/* Regions 0 ... 9 of 64 are copied. */
TEST (kernels_own_log)
{
  uint8_t image[1536];
  struct stat st;
  char *before;

  memset (image, 0xa5, sizeof image);
  memcpy (image, "rRiM\2\0\0\0\100\0\0\0\0\0\0\0", 16);
  memcpy (image + 1024, "\377\3\0\0\0\0\0\0", 8);
  write_file (image, sizeof image, 65536);
  before = snapshot (&st);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("found       kernel\n");
  tool_expect_out ("marked, 54 regions:\n  10-63\n");
  tool_expect_out ("with the kernel's region-size=");
  ck_assert_int_eq (TOOL ("dump", "--json", path), 0);
  ck_assert_int_eq (TOOL ("dump", "--dm-table", path), 2);
  tool_expect_err ("no record of legs");
  expect_unchanged (before, &st);
}

TEST (log_that_the_kernel_used_since)
{
  int fd;

  dirty_log_close (make_log (), NO_DEADLINE);
  fd = open (path, O_WRONLY);
  ck_assert_int_eq (pwrite (fd, "\2", 1, 4), 1);
  ck_assert_int_eq (pwrite (fd, "\376", 1, 1024), 1); /* region 0 dirty */
  close (fd);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("found       kernel-since\n");
  tool_expect_out ("left dirty by the kernel, 1 region:\n  0\n");
  tool_expect_out ("serve, source leg 1: copy 1 regions it left dirty");
  ck_assert_int_eq (TOOL ("dump", "--json", path), 0);
  tool_expect_out ("\"kernel_dirty\"");
}

/* The kernel's header magic of a log of ours is gone. */
TEST (damaged_log)
{
  int fd;

  dirty_log_close (make_log (), NO_DEADLINE);
  fd = open (path, O_WRONLY);
  ck_assert_int_eq (pwrite (fd, "XXXX", 4, 0), 4);
  close (fd);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("found       damaged\n");
  tool_expect_out ("would refuse");
  ck_assert_int_eq (TOOL ("dump", "--json", path), 0);
  ck_assert_int_eq (TOOL ("dump", "--dm-table", path), 2);
  tool_expect_err ("damaged");
}

TEST (what_is_no_log_is_2)
{
  ck_assert_int_eq (TOOL ("dump", path), 2);
  tool_expect_err ("No such file or directory");
  ck_assert_int_eq (access (path, F_OK), -1);
  write_file ("something else", 14, 65536);
  ck_assert_int_eq (TOOL ("dump", path), 2);
  tool_expect_err (path);
  ck_assert_int_eq (TOOL ("dump", "/"), 2);
  ck_assert_str_eq (tool_out, "");
}

TEST (empty_file_is_a_new_log)
{
  write_file ("", 0, 65536);
  ck_assert_int_eq (TOOL ("dump", path), 0);
  tool_expect_out ("found       new\n");
  ck_assert_int_eq (TOOL ("dump", "--dm-table", path), 2);
}

TEST (usage)
{
  ck_assert_int_eq (TOOL ("dump"), 64);
  tool_expect_err ("LOGFILE or LEG is missing");
  ck_assert_int_eq (TOOL ("dump", "--json", "--dm-table", path), 64);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = fake_dir_remove,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("dump");
}
