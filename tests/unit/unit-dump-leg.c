/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror dump of a leg: beside a file, in a trailer, over NBD. */

#include "config.h"

#undef NDEBUG
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <json-c/json.h>
#include <zlib.h>

#include "byte-order.h"
#include "fake-mirror.h"
#include "file-id.h"
#include "nbd-server.h"
#include "record-format.h"
#include "record-owner.h"
#include "run-tool.h"
#include "suite.h"

#define LEG_BYTES ((off_t) 1 << 20)
#define TRAILER (LEG_BYTES - RECORD_AREA)

static char leg[96], beside[96];
static uint8_t area[RECORD_AREA];
static struct leg_record sample;
static struct leg_beat beat;

static void
fill (uint8_t *id, unsigned first)
{
  for (unsigned i = 0; i < RECORD_ID_SIZE; ++i)
    id[i] = (uint8_t) (first + i);
}

static void
write_file (const char *path, const void *buf, size_t len, off_t offset)
{
  int fd = open (path, O_CREAT | O_WRONLY, 0600);

  ck_assert_int_eq (pwrite (fd, buf, len, offset), (ssize_t) len);
  close (fd);
}

static void
make_leg (void)
{
  int fd = open (leg, O_CREAT | O_WRONLY, 0600);
  struct stat st;

  ck_assert_int_eq (ftruncate (fd, LEG_BYTES), 0);
  ck_assert_int_eq (fstat (fd, &st), 0);
  file_id (fd, &st, sample.file);
  close (fd);
  write_file (leg, "a disk", 6, 0);
}

/* A process of this host that has ended. */
static void
set_dead_owner (struct record_owner *owner)
{
  pid_t pid = fork ();

  ck_assert_int_ne (pid, -1);
  if (pid == 0)
    _exit (0);
  ck_assert_int_eq (waitpid (pid, NULL, 0), pid);
  record_owner_self (owner);
  owner->pid = (uint32_t) pid;
}

static void
set_up (void)
{
  fake_dir ();
  snprintf (leg, sizeof leg, "%s", fake_path ("a.img"));
  snprintf (beside, sizeof beside, "%s", fake_path ("a.img.mirrorleg"));
  sample = (struct leg_record){
    .sequence = 6,
    .parent_generation = 40,
    .size = TRAILER,
    .leg_size = LEG_BYTES,
    .generation = 42,
    .region_size = 65536,
    .flags = RECORD_CLEAN,
    .slot = 1,
    .primary = 2,
    .configured = 7,
    .in_sync = 6,
    .log_name = "disk:/logs/vm1",
    .name = {"/data/z.img", "/data/a.img", "nbd://b/vm1"},
  };
  fill (sample.mirror, 0x10);
  fill (sample.history, 0x20);
  fill (sample.parent, 0x30);
  fill (sample.leg, 0x40);
  fill (sample.legs[1], 0x40);
  record_owner_self (&sample.owner);
  beat = (struct leg_beat){
    .count = 17,
    .interval_ms = 2500,
    .used = true,
    .generation = 43,
    .flush_number = 12345,
    .owner = sample.owner,
  };
  fill (beat.session, 0x50);
  fill (beat.mirror, 0x10);
  memset (area, 0, sizeof area);
  make_leg ();
}

static void
put_slot (unsigned at, uint64_t sequence)
{
  sample.sequence = sequence;
  record_encode (area + (size_t) at * RECORD_SLOT_SIZE, &sample);
}

static void
put_both (void)
{
  put_slot (0, 6);
  put_slot (1, 7);
  record_beat_encode (area + RECORD_BEAT_OFFSET, &beat);
}

static void
write_beside (void)
{
  write_file (beside, area, sizeof area, 0);
}

static void
write_trailer (void)
{
  write_file (leg, area, sizeof area, TRAILER);
}

TEST (all_of_a_record_and_a_beat_is_told)
{
  char text[256];

  put_both ();
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  ck_assert_str_eq (tool_err, "");
  snprintf (text, sizeof text, "leg         %s\nrecord      %s\n", leg,
            beside);
  tool_expect_out (text);
  tool_expect_out ("found       valid\n"
                   "slot 0      valid, sequence 6\n"
                   "slot 1      valid, sequence 7, counts\n");
  tool_expect_out ("mirror      10111213-1415-1617-1819-1a1b1c1d1e1f\n");
  tool_expect_out ("  after     30313233-3435-3637-3839-3a3b3c3d3e3f, left at "
                   "generation 40\n");
  tool_expect_out ("sequence    7\ngeneration  42\nstate       clean\n");
  snprintf (text, sizeof text,
            "owner       process %d on %s (ended cleanly)\n", (int) getpid (),
            sample.owner.host);
  tool_expect_out (text);
  tool_expect_out ("leg size    1048576 (1 MiB)\n");
  tool_expect_out ("log         disk:/logs/vm1\n");
  tool_expect_out ("   0  stale                   -        ");
  tool_expect_out ("   1  in-sync           this  40414243-4445-4647-4849-"
                   "4a4b4c4d4e4f  /data/a.img\n");
  tool_expect_out ("   2  in-sync  primary        - ");
  tool_expect_out ("  nbd://b/vm1\n");
  tool_expect_out ("beat        valid\nused        yes");
  tool_expect_out ("count       17, one every 2.5 s\n");
  tool_expect_out ("generation  43\nflush       12345\n");
  tool_expect_out ("(may be running)\n");
}

/* The operand is the record's file, also under another name. */
TEST (the_file_with_the_record_itself)
{
  char copy[96];

  put_both ();
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", beside), 0);
  tool_expect_out ("found       valid\n");
  snprintf (copy, sizeof copy, "%s", fake_path ("copy"));
  ck_assert_int_eq (rename (beside, copy), 0);
  ck_assert_int_eq (TOOL ("dump", copy), 0);
  tool_expect_out ("found       valid\n");
}

TEST (a_record_of_another_file_is_told)
{
  sample.file[0] ^= 1;
  put_both ();
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("found       valid, but made for another file");
  ck_assert_int_eq (TOOL ("dump", beside), 0);
  tool_expect_out ("found       valid, but made for another file");
  ck_assert_int_eq (TOOL ("dump", "--json", leg), 0);
  tool_expect_out ("\"other_file\": true");
}

TEST (a_trailer)
{
  char text[96];

  memset (sample.file, 0, sizeof sample.file);
  put_both ();
  write_trailer ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  snprintf (text, sizeof text, "record      in a trailer, at offset %ld\n",
            (long) TRAILER);
  tool_expect_out (text);
  tool_expect_out ("found       valid\n");
}

TEST (what_lies_beside_comes_before_a_trailer)
{
  put_both ();
  write_trailer ();
  put_slot (0, 8);
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("slot 0      valid, sequence 8, counts\n");
  tool_expect_err ("has a record in a trailer");
}

TEST (a_link_to_the_leg)
{
  char name[96];

  put_both ();
  write_beside ();
  snprintf (name, sizeof name, "%s", fake_path ("link"));
  ck_assert_int_eq (symlink (leg, name), 0);
  ck_assert_int_eq (TOOL ("dump", name), 0);
  tool_expect_out (beside);
}

/* --- who wrote it --- */

TEST (an_owner_that_has_ended)
{
  sample.flags = 0;
  set_dead_owner (&sample.owner);
  beat.owner = sample.owner;
  put_both ();
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("state       unclean: in use, or its server did not end");
  tool_expect_out ("(has ended)\n");
  ck_assert_ptr_null (strstr (tool_out, "may be running"));
  ck_assert_int_eq (TOOL ("dump", "--json", leg), 0);
  tool_expect_out ("\"gone\": true");
  ck_assert_ptr_null (strstr (tool_out, "\"gone\": false"));
}

TEST (an_owner_on_another_host)
{
  sample.flags = 0;
  set_dead_owner (&sample.owner);
  strcpy (sample.owner.host, "elsewhere");
  put_slot (0, 6);
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out (" on elsewhere (another host, may be running)\n");
}

TEST (a_beat_that_ended)
{
  beat.used = false;
  put_both ();
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("used        no: the mirror ended cleanly\n");
  ck_assert_ptr_null (strstr (tool_out, "may be running"));
}

/* --- what is not valid --- */

TEST (beside_a_torn_slot_it_is_unclean)
{
  put_both ();
  area[RECORD_SLOT_SIZE + 2000] ^= 1;
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("slot 0      valid, sequence 6, counts\n"
                   "slot 1      damaged\n");
  tool_expect_out ("state       unclean: the other slot is bad");
  ck_assert_int_eq (TOOL ("dump", "--json", leg), 0);
  tool_expect_out ("\"clean\": false");
}

TEST (damaged)
{
  put_both ();
  area[2000] ^= 1;
  area[RECORD_SLOT_SIZE + 2000] ^= 1;
  area[RECORD_BEAT_OFFSET + 300] ^= 1;
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("found       damaged: it counts as none\n");
  tool_expect_out ("beat        damaged\n");
  ck_assert_ptr_null (strstr (tool_out, "mirror  "));
  ck_assert_int_eq (TOOL ("dump", "--json", leg), 0);
  tool_expect_out ("\"found\": \"damaged\"");
}

TEST (two_slots_of_different_legs)
{
  put_slot (0, 6);
  fill (sample.leg, 0x60);
  put_slot (1, 7);
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("damaged: the slots are of different legs");
}

TEST (of_another_version)
{
  uint8_t *slot = area + RECORD_SLOT_SIZE;

  put_both ();
  put_le32 (slot + 8, UINT32_C (0x00020003));
  put_le32 (slot + 12, 0);
  put_le32 (slot + 12, (uint32_t) crc32 (0, slot, RECORD_SLOT_SIZE));
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("found       foreign: ");
  tool_expect_out ("slot 1      foreign, version 2.3\n");
}

TEST (a_blank_record)
{
  write_beside ();
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out ("found       blank: the leg has no record\n");
  ck_assert_int_eq (TOOL ("dump", "--json", leg), 0);
  tool_expect_out ("\"found\": \"blank\"");
}

TEST (no_record)
{
  ck_assert_int_eq (TOOL ("dump", leg), 2);
  ck_assert_str_eq (tool_out, "");
  tool_expect_err ("is not a log");
  tool_expect_err ("has no record of a leg: none in ");
  tool_expect_err (beside);
  tool_expect_err ("none in a trailer at offset 983040");
  ck_assert_int_eq (TOOL ("dump", "--leg", leg), 2);
  tool_expect_err ("has no record");
  ck_assert_ptr_null (strstr (tool_err, "is not a log"));
  ck_assert_int_eq (truncate (leg, RECORD_AREA), 0);
  ck_assert_int_eq (TOOL ("dump", leg), 2);
  tool_expect_err ("it can have no trailer");
}

TEST (what_cannot_be_a_leg)
{
  ck_assert_int_eq (TOOL ("dump", "--leg", "/"), 2);
  tool_expect_err ("/: neither a file nor a block device\n");
  ck_assert_int_eq (TOOL ("dump", "/"), 2);
  ck_assert_ptr_null (strstr (tool_err, "record"));
  ck_assert_int_eq (TOOL ("dump", "/nonexistent"), 2);
  tool_expect_err ("/nonexistent: No such file");
}

/* What users of the mirror write into it is no record. */
TEST (the_first_bytes_of_a_leg_are_not_its_record)
{
  put_both ();
  write_file (leg, area, sizeof area, 0);
  ck_assert_int_eq (TOOL ("dump", leg), 2);
  tool_expect_err ("has no record");
}

static const struct {
  off_t offset;
  const char *bytes;
  size_t len;
  const char *found;
} head[] = {
  {0, "rRiM\2\0\0\0\100\0\0\0\0\0\0\0", 16, "found       kernel\n"},
  {16, "nbdmirrL", 8, "found       damaged\n"},
  {512, "nbdmirrL", 8, "found       damaged\n"},
};

LOOP_TEST (what_begins_like_a_log_is_shown_as_one,
           sizeof head / sizeof head[0])
{
  put_both ();
  write_beside ();
  write_file (leg, head[_i].bytes, head[_i].len, head[_i].offset);
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  tool_expect_out (head[_i].found);
  tool_expect_err ("--leg shows that");
  ck_assert_int_eq (TOOL ("dump", "--leg", leg), 0);
  tool_expect_out ("found       valid\n");
}

/* --- programs --- */

static struct json_object *
member (struct json_object *obj, const char *key)
{
  struct json_object *value;

  ck_assert_msg (json_object_object_get_ex (obj, key, &value), "%s", key);
  return value;
}

static void
expect_text (struct json_object *obj, const char *key, const char *text)
{
  ck_assert_str_eq (json_object_get_string (member (obj, key)), text);
}

static void
expect_u64 (struct json_object *obj, const char *key, uint64_t value)
{
  ck_assert_uint_eq (json_object_get_uint64 (member (obj, key)), value);
}

static struct json_object *
dump_json (void)
{
  struct json_object *dump;

  ck_assert_int_eq (TOOL ("dump", "--json", leg), 0);
  dump = json_tokener_parse (tool_out);
  ck_assert_ptr_nonnull (dump);
  return dump;
}

TEST (json_of_the_record)
{
  struct json_object *dump, *record, *leg_1;

  put_both ();
  write_beside ();
  dump = dump_json ();
  record = member (dump, "leg_record");
  expect_text (record, "place", "file");
  expect_text (record, "path", beside);
  expect_text (record, "found", "valid");
  expect_text (record, "history", "20212223-2425-2627-2829-2a2b2c2d2e2f");
  expect_u64 (record, "parent_generation", 40);
  expect_u64 (record, "sequence", 7);
  expect_u64 (record, "leg_size", (uint64_t) LEG_BYTES);
  expect_text (record, "log", "disk:/logs/vm1");
  ck_assert (json_object_get_boolean (member (record, "clean")));
  ck_assert_uint_eq (json_object_array_length (member (record, "legs")), 3);
  leg_1 = json_object_array_get_idx (member (record, "legs"), 1);
  expect_text (leg_1, "name", "/data/a.img");
  expect_text (leg_1, "state", "in-sync");
  ck_assert (json_object_get_boolean (member (leg_1, "this")));
  ck_assert (!json_object_get_boolean (member (leg_1, "primary")));
  expect_u64 (json_object_array_get_idx (member (record, "slots"), 0),
              "sequence", 6);
  expect_u64 (member (record, "owner"), "pid", sample.owner.pid);
  json_object_put (dump);
}

TEST (json_of_the_beat)
{
  struct json_object *dump, *b;

  put_both ();
  write_beside ();
  dump = dump_json ();
  b = member (dump, "beat");
  expect_text (b, "found", "valid");
  expect_text (b, "session", "50515253-5455-5657-5859-5a5b5c5d5e5f");
  expect_u64 (b, "count", 17);
  expect_u64 (b, "interval_ms", 2500);
  expect_u64 (b, "flush_number", 12345);
  ck_assert (json_object_get_boolean (member (b, "used")));
  json_object_put (dump);
}

TEST (a_name_that_was_cut_off_is_text)
{
  struct json_object *dump, *leg_0;

  memset (sample.name[0], 'x', RECORD_NAME_SIZE - 2);
  strcpy (sample.name[0] + RECORD_NAME_SIZE - 2, "\xc3");
  put_both ();
  write_beside ();
  dump = dump_json ();
  leg_0 =
    json_object_array_get_idx (member (member (dump, "leg_record"), "legs"),
                               0);
  ck_assert_int_eq (json_object_get_string (member (leg_0,
                                                    "name"))[RECORD_NAME_SIZE -
                                                             2],
                    '?');
  json_object_put (dump);
}

/* --- it only reads --- */

static void
snapshot (const char *path, struct stat *st, uint8_t buf[LEG_BYTES])
{
  int fd = open (path, O_RDONLY);

  memset (buf, 0, (size_t) LEG_BYTES);
  ck_assert_int_eq (fstat (fd, st), 0);
  ck_assert_int_ge (pread (fd, buf, (size_t) LEG_BYTES, 0), 0);
  close (fd);
}

TEST (nothing_is_written)
{
  static uint8_t before[2][LEG_BYTES], after[LEG_BYTES];
  const char *const file[] = {leg, beside};
  struct stat st[2], now;

  put_both ();
  area[100] ^= 1;
  write_beside ();
  write_trailer ();
  for (unsigned i = 0; i < 2; ++i)
    snapshot (file[i], &st[i], before[i]);
  ck_assert_int_eq (TOOL ("dump", leg), 0);
  for (unsigned i = 0; i < 2; ++i) {
    snapshot (file[i], &now, after);
    ck_assert_mem_eq (&now.st_mtim, &st[i].st_mtim, sizeof now.st_mtim);
    ck_assert_mem_eq (after, before[i], sizeof after);
  }
}

/* --- exports --- */

static struct nbd_server server;

TEST (an_export)
{
  const char *const args[] = {"-r", "file", leg, NULL};
  char text[sizeof server.uri + 100];

  put_both ();
  write_trailer ();
  nbd_server_start (&server, false, args);
  ck_assert_int_eq (TOOL ("dump", server.uri), 0);
  snprintf (text, sizeof text,
            "leg         %s\n"
            "record      in a trailer, at offset %ld\n"
            "found       valid\n",
            server.uri, (long) TRAILER);
  tool_expect_out (text);
  ck_assert_int_eq (TOOL ("dump", "--json", server.uri), 0);
  tool_expect_out ("\"place\": \"trailer\"");
  nbd_server_end (&server);
}

TEST (an_export_without_record)
{
  const char *const args[] = {"-r", "file", leg, NULL};

  nbd_server_start (&server, false, args);
  ck_assert_int_eq (TOOL ("dump", server.uri), 2);
  tool_expect_err ("has no record of a leg: none in a trailer at offset");
  nbd_server_end (&server);
}

TEST (an_export_that_cannot_be_read)
{
  const char *const args[] = {"--filter=error", "memory", "1M",
                              "error-rate=100%", NULL};

  nbd_server_start (&server, false, args);
  ck_assert_int_eq (TOOL ("dump", server.uri), 2);
  tool_expect_err ("read at offset 983040: ");
  nbd_server_end (&server);
}

TEST (no_server)
{
  ck_assert_int_eq (TOOL ("dump", "nbd+unix:///?socket=/nonexistent/s"), 3);
  tool_expect_err ("connect: ");
  ck_assert_str_eq (tool_out, "");
}

static void
say_nothing (int fd, const void *arg)
{
  (void) arg;
  while (accept (fd, NULL, NULL) != -1)
    ;
}

TEST (a_server_that_says_nothing)
{
  nbd_server_start_own (&server, say_nothing, NULL);
  ck_assert_int_eq (TOOL ("dump", "--timeout", "0.2", server.uri), 3);
  tool_expect_err ("no connection within 0.2 seconds");
  nbd_server_end (&server);
}

TEST (a_server_that_does_not_answer)
{
  const char *const args[] = {"--filter=delay", "memory", "1M", "rdelay=100",
                              NULL};

  nbd_server_start (&server, false, args);
  ck_assert_int_eq (TOOL ("dump", "--timeout", "1", server.uri), 3);
  tool_expect_err ("no answer within 1 seconds");
  nbd_server_kill (&server);
  nbd_server_end (&server);
}

TEST (usage)
{
  ck_assert_int_eq (TOOL ("dump", "--leg", "--dm-table", leg), 64);
  ck_assert_int_eq (TOOL ("dump", "--timeout", "x", leg), 64);
  ck_assert_int_eq (TOOL ("dump", "--dm-table", "nbd://x"), 2);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = fake_dir_remove,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("dump of a leg");
}
