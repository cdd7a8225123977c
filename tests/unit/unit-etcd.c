/* SPDX-License-Identifier: BSD-3-Clause */

/* Logs in etcd: who may write, and what a change becomes whose answer is
 * lost, or which comes late.  Servers are two contexts on one fake etcd.
 */

#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base64.h"
#include "deadline.h"
#include "dirty-log.h"
#include "disk-format.h"
#include "etcd-json.h"
#include "etcd-log.h"
#include "etcd-seat.h"
#include "etcd-store.h"
#include "fake-etcd.h"
#include "suite.h"
#include "unit-wait.h"

#define NR_SERVERS 2

static const uint8_t run_ids[NR_SERVERS][16] = {"server a", "server b"};
static const char *const addresses[NR_SERVERS] = {"a:1", "b:1"};
static struct etcd *servers[NR_SERVERS];

static void
start_server (unsigned i, unsigned lease_s)
{
  const struct etcd_options options = {
    .member = {"m1:1", "m2:1"},
    .nr_members = 2,
    .prefix = "p",
    .advertise = addresses[i],
    .run_id = run_ids[i],
    .lease_s = lease_s,
  };

  servers[i] = etcd_new (&options, &fake_etcd);
  ck_assert_ptr_nonnull (servers[i]);
  ck_assert_int_eq (etcd_start (servers[i]), 0);
  WAIT_FOR (etcd_lease (servers[i]) != 0);
}

/* Leases so long that no server looks after its own. */
static void
setup (void)
{
  fake_etcd_reset ();
  for (unsigned i = 0; i < NR_SERVERS; ++i)
    start_server (i, 1000);
}

static void
setup_short (void)
{
  fake_etcd_reset ();
  for (unsigned i = 0; i < NR_SERVERS; ++i)
    start_server (i, 1);
}

static void
teardown (void)
{
  fake_etcd_mute (false);
  for (unsigned i = 0; i < NR_SERVERS; ++i)
    etcd_free (servers[i]);
  fake_etcd_reset ();
}

static struct suite_group tests = {.setup = setup, .teardown = teardown};
static struct suite_group timed = {.setup = setup_short, .teardown = teardown};
static struct suite_group plain;

static struct etcd_seat *
take (unsigned i)
{
  char server[ETCD_SERVER_SIZE] = "";
  struct etcd_seat *seat = NULL;

  ck_assert_int_eq (etcd_seat_take (servers[i], "log", &seat, server), 0);
  return seat;
}

static int
put (struct etcd_seat *seat, const char *value)
{
  struct json_object *operations = json_object_new_array ();

  json_object_array_add (operations,
                         etcd_put ("p/log/x", value, strlen (value), 0));
  return etcd_seat_change (seat, operations);
}

static void
expect_value (const char *wanted)
{
  char value[64] = "";

  ck_assert_int_ne (fake_etcd_value ("p/log/x", value, sizeof value), -1);
  ck_assert_str_eq (value, wanted);
}

/* --- base64 --- */

TEST_IN (plain, base64_comes_back)
{
  uint8_t data[300];

  for (size_t i = 0; i < sizeof data; ++i)
    data[i] = (uint8_t) (i * 7 + i / 256);
  for (size_t len = 0; len <= sizeof data; ++len) {
    size_t back_len = 0;
    char *text = base64_encode (data, len);
    char *back = base64_decode (text, &back_len);

    ck_assert_uint_eq (back_len, len);
    ck_assert_mem_eq (back, data, len);
    free (text);
    free (back);
  }
}

TEST_IN (plain, what_is_no_base64_is_refused)
{
  static const char *const bad[] = {
    "A",     "AB",      "ABC",  "A===",  "====",    "AB=C",
    "A\tBC", "AB\xff=", "=ABC", "ABCD=", "AB==CDEF"};
  size_t len;

  for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    errno = 0;
    ck_assert_msg (base64_decode (bad[i], &len) == NULL, "%s", bad[i]);
    ck_assert_int_eq (errno, EPROTO);
  }
}

/* --- seats --- */

TEST (a_log_has_one_server)
{
  char server[ETCD_SERVER_SIZE] = "";
  struct etcd_conn *c = etcd_conn_new (servers[1]);
  struct etcd_seat *a = take (0), *b = NULL;

  ck_assert_int_eq (etcd_seat_take (servers[1], "log", &b, server), -1);
  ck_assert_int_eq (errno, EREMOTE);
  ck_assert_str_eq (server, "a:1");
  ck_assert_int_eq (etcd_seat_look (c, "log", server), -1);
  ck_assert_int_eq (errno, EREMOTE);
  ck_assert_str_eq (server, "a:1");
  etcd_seat_leave (a);
  ck_assert_int_eq (etcd_seat_look (c, "log", server), 0);
  etcd_seat_leave (take (1));
  etcd_conn_free (c);
}

TEST (taken_without_an_answer_is_taken)
{
  struct etcd_seat *a;

  fake_etcd_fate (FATE_UNHEARD, 1);
  a = take (0);
  ck_assert_int_eq (put (a, "1"), 0);
  etcd_seat_leave (a);
}

TEST (left_without_an_answer_is_found_again)
{
  struct etcd_seat *a = take (0);

  fake_etcd_fate (FATE_LOST, 1);
  etcd_seat_leave (a);
  a = take (0);
  ck_assert_int_eq (put (a, "1"), 0);
  etcd_seat_leave (a);
}

/* Its lease ended, and it does not know. */
static struct etcd_seat *
seat_that_is_stale (struct etcd_seat **other)
{
  struct etcd_seat *a = take (0);

  ck_assert_int_eq (put (a, "a"), 0);
  fake_etcd_end_lease (etcd_lease (servers[0]));
  *other = take (1);
  ck_assert_int_eq (put (*other, "b"), 0);
  return a;
}

TEST (a_stale_server_s_change_is_refused)
{
  struct etcd_seat *b, *a = seat_that_is_stale (&b);

  ck_assert_int_eq (put (a, "stale"), -1);
  ck_assert_int_eq (errno, ESTALE);
  ck_assert (etcd_seat_is_lost (a));
  expect_value ("b");
  ck_assert_int_eq (put (b, "b again"), 0);
  etcd_seat_leave (a);
  expect_value ("b again");
  ck_assert_int_eq (put (b, "and again"), 0);
  etcd_seat_leave (b);
}

/* So it is the comparison that does it. */
TEST (without_the_guard_it_would_be_made)
{
  struct etcd_seat *b, *a = seat_that_is_stale (&b);

  fake_etcd_ignore_compares (true);
  ck_assert_int_eq (put (a, "stale"), 0);
  expect_value ("stale");
  fake_etcd_ignore_compares (false);
  etcd_seat_leave (a);
  etcd_seat_leave (b);
}

TEST_IN (timed, a_lease_that_ends_is_noticed)
{
  struct etcd_seat *a = take (0);

  ck_assert (etcd_seat_is_valid (a, now_boot_ns ()));
  fake_etcd_end_lease (etcd_lease (servers[0]));
  WAIT_FOR (etcd_seat_is_lost (a));
  ck_assert (!etcd_seat_is_valid (a, now_boot_ns ()));
  ck_assert_int_eq (put (a, "late"), -1);
  ck_assert_int_eq (errno, ESTALE);
  etcd_seat_leave (a);
}

/* By its own clock, while it hears nothing. */
TEST_IN (timed, nothing_is_promised_without_answers)
{
  struct etcd_seat *a = take (0);
  uint64_t start;

  ck_assert (etcd_seat_is_valid (a, now_boot_ns ()));
  start = now_ns ();
  fake_etcd_mute (true);
  WAIT_FOR (!etcd_seat_is_valid (a, now_boot_ns ()));
  ck_assert_uint_lt (now_ns () - start, NSEC_PER_SEC);
  ck_assert (!etcd_seat_is_lost (a));
  fake_etcd_mute (false);
  WAIT_FOR (etcd_seat_is_valid (a, now_boot_ns ()));
  ck_assert_int_eq (put (a, "1"), 0);
  etcd_seat_leave (a);
}

/* --- changes without an answer --- */

TEST (a_change_whose_answer_is_lost_is_made_once)
{
  struct etcd_seat *a = take (0);

  ck_assert_int_eq (put (a, "1"), 0);
  fake_etcd_fate (FATE_UNHEARD, 1);
  ck_assert_int_eq (put (a, "2"), 0);
  expect_value ("2");
  ck_assert_int_eq (put (a, "3"), 0);
  expect_value ("3");
  etcd_seat_leave (a);
}

TEST (a_change_that_is_lost_is_tried_again)
{
  struct etcd_seat *a = take (0);

  fake_etcd_fate (FATE_LOST, 3);
  ck_assert_int_eq (put (a, "1"), 0);
  expect_value ("1");
  etcd_seat_leave (a);
}

TEST (a_change_that_comes_late_does_not_undo_a_later_one)
{
  struct etcd_seat *a = take (0);

  ck_assert_int_eq (put (a, "0"), 0);
  fake_etcd_fate (FATE_LATE, 1);
  ck_assert_int_eq (put (a, "1"), 0);
  ck_assert_int_eq (put (a, "2"), 0);
  ck_assert_uint_eq (fake_etcd_deliver (), 0);
  expect_value ("2");
  etcd_seat_leave (a);
}

TEST (it_would_without_its_number)
{
  struct etcd_seat *a = take (0);

  ck_assert_int_eq (put (a, "0"), 0);
  fake_etcd_fate (FATE_LATE, 1);
  ck_assert_int_eq (put (a, "1"), 0);
  ck_assert_int_eq (put (a, "2"), 0);
  fake_etcd_ignore_compares (true);
  ck_assert_uint_eq (fake_etcd_deliver (), 1);
  expect_value ("1");
  fake_etcd_ignore_compares (false);
  etcd_seat_leave (a);
}

/* The first change of all: there is no number to compare with. */
TEST (nor_does_the_first_one)
{
  struct etcd_seat *a = take (0);

  fake_etcd_fate (FATE_LATE, 1);
  ck_assert_int_eq (put (a, "1"), 0);
  ck_assert_int_eq (put (a, "2"), 0);
  ck_assert_uint_eq (fake_etcd_deliver (), 0);
  expect_value ("2");
  etcd_seat_leave (a);
}

/* What was given up may be made before the next one. */
TEST (a_change_that_was_given_up_may_come_first)
{
  struct etcd_seat *a = take (0);

  ck_assert_int_eq (put (a, "0"), 0);
  etcd_hurry (servers[0]); /* one try */
  fake_etcd_fate (FATE_LATE, 1);
  ck_assert_int_eq (put (a, "1"), -1);
  ck_assert_int_eq (errno, EIO);
  ck_assert_uint_eq (fake_etcd_deliver (), 1);
  expect_value ("1");
  put (a, "2"); /* learns of it */
  ck_assert_int_eq (put (a, "3"), 0);
  expect_value ("3");
  etcd_seat_leave (a);
}

TEST (a_full_database_is_said)
{
  struct etcd_seat *a = take (0);

  fake_etcd_fate (FATE_NO_SPACE, 1);
  ck_assert_int_eq (put (a, "1"), -1);
  ck_assert_int_eq (errno, ENOSPC);
  ck_assert_ptr_nonnull (strstr (etcd_seat_error (a), "space exceeded"));
  ck_assert_int_eq (put (a, "2"), 0);
  expect_value ("2");
  etcd_seat_leave (a);
}

TEST (somebody_else_s_number_ends_it)
{
  struct etcd_seat *a = take (0);

  ck_assert_int_eq (put (a, "1"), 0);
  fake_etcd_set ("p/log/number", "999");
  ck_assert_int_eq (put (a, "2"), -1);
  ck_assert_int_eq (errno, ESTALE);
  expect_value ("1");
  etcd_seat_leave (a);
}

TEST (a_number_that_is_none_is_refused)
{
  char server[ETCD_SERVER_SIZE];
  struct etcd_seat *a;

  fake_etcd_set ("p/log/number", "-1");
  ck_assert_int_eq (etcd_seat_take (servers[0], "log", &a, server), -1);
  ck_assert_int_eq (errno, EUCLEAN);
}

TEST (what_is_deleted_leaves_nothing)
{
  struct etcd_seat *a = take (0);

  fake_etcd_set ("p/log/size", "4096");
  fake_etcd_set ("p/log/owner", "{}");
  fake_etcd_set ("p/log/b/00000000", "x");
  fake_etcd_set ("p/log2/b/00000000", "x");
  ck_assert_int_eq (etcd_seat_delete (a), 0);
  etcd_seat_leave (a);
  ck_assert_uint_eq (fake_etcd_count ("p/log/"), 0);
  ck_assert_uint_eq (fake_etcd_count ("p/log2/"), 1);
}

/* --- the store --- */

static uint8_t block[3 * DISK_BLOCK] __attribute__ ((aligned (4096)));

static struct log_store *
open_store (struct etcd_seat *seat)
{
  struct log_store *store =
    etcd_store_open (etcd_seat_conn (seat), "log", seat);

  ck_assert_ptr_nonnull (store);
  return store;
}

static void
write_at (struct log_store *store, size_t at, const void *data, size_t len)
{
  size_t from = at / DISK_BLOCK * DISK_BLOCK;

  memcpy (block + at, data, len);
  ck_assert_int_eq (store->ops->write (store, block + from, DISK_BLOCK, from),
                    0);
}

static void
expect_bytes (unsigned server)
{
  static uint8_t buf[sizeof block] __attribute__ ((aligned (4096)));
  struct etcd_conn *c = etcd_conn_new (servers[server]);
  struct log_store *store = etcd_store_open (c, "log", NULL);

  ck_assert_ptr_nonnull (store);
  ck_assert_uint_eq (store->size, sizeof block);
  ck_assert_int_eq (store->ops->read (store, buf, sizeof buf, 0), 0);
  ck_assert_mem_eq (buf, block, sizeof buf);
  store->ops->close (store);
  etcd_conn_free (c);
}

TEST (what_is_synced_is_there_and_no_more)
{
  struct etcd_seat *a = take (0);
  struct log_store *store = open_store (a);

  memset (block, 0, sizeof block);
  ck_assert_uint_eq (store->size, 0);
  ck_assert_int_eq (store->ops->extend (store, sizeof block), 0);
  write_at (store, 0, "one", 3);
  write_at (store, DISK_BLOCK + 1024, "two", 3);
  ck_assert_uint_eq (fake_etcd_count ("p/log/b/"), 0);
  ck_assert_int_eq (store->ops->sync (store), 0);
  ck_assert_uint_eq (fake_etcd_count ("p/log/b/"), 2);
  expect_bytes (1);
  write_at (store, DISK_BLOCK + 1024, "\0\0\0", 3);
  ck_assert_int_eq (store->ops->sync (store), 0);
  ck_assert_uint_eq (fake_etcd_count ("p/log/b/"), 1);
  expect_bytes (1);
  store->ops->close (store);
  etcd_seat_leave (a);
}

TEST (what_did_not_change_is_not_sent)
{
  struct etcd_seat *a = take (0);
  struct log_store *store = open_store (a);
  unsigned before;

  memset (block, 0, sizeof block);
  ck_assert_int_eq (store->ops->extend (store, sizeof block), 0);
  write_at (store, 0, "one", 3);
  ck_assert_int_eq (store->ops->sync (store), 0);
  before = fake_etcd_txns ();
  write_at (store, 0, "one", 3);
  ck_assert_int_eq (store->ops->sync (store), 0);
  ck_assert_uint_eq (fake_etcd_txns (), before);
  store->ops->close (store);
  etcd_seat_leave (a);
}

/* A sector without a good answer is sent again, also with the old content. */
TEST (what_has_no_answer_is_sent_again)
{
  struct etcd_seat *a = take (0);
  struct log_store *store = open_store (a);

  memset (block, 0, sizeof block);
  ck_assert_int_eq (store->ops->extend (store, sizeof block), 0);
  write_at (store, 0, "one", 3);
  ck_assert_int_eq (store->ops->sync (store), 0);
  etcd_hurry (servers[0]);
  write_at (store, 0, "two", 3);
  fake_etcd_fate (FATE_UNHEARD, 1);
  ck_assert_int_eq (store->ops->sync (store), -1);
  write_at (store, 0, "one", 3);
  (void) store->ops->sync (store); /* learns of the first try */
  ck_assert_int_eq (store->ops->sync (store), 0);
  expect_bytes (1);
  store->ops->close (store);
  etcd_seat_leave (a);
}

TEST (a_large_change_goes_in_several)
{
  static uint8_t large[256 * DISK_BLOCK] __attribute__ ((aligned (4096)));
  struct etcd_seat *a = take (0);
  struct log_store *store = open_store (a);

  memset (large, 1, sizeof large);
  ck_assert_int_eq (store->ops->write (store, large, sizeof large, 0), 0);
  ck_assert_int_eq (store->ops->sync (store), 0);
  ck_assert_uint_eq (fake_etcd_count ("p/log/b/"), sizeof large / 512);
  store->ops->close (store);
  etcd_seat_leave (a);
}

static const char *const bad_sectors[][2] = {
  {"p/log/b/00000000", "short"},
  {"p/log/b/0000000g", "x"},
  {"p/log/b/ffffffff", "x"},
  {"p/log/size", "much"},
  {"p/log/size", "99999999999999999999"},
};

LOOP_TEST (what_is_damaged_is_refused,
           sizeof bad_sectors / sizeof bad_sectors[0])
{
  struct etcd_conn *c = etcd_conn_new (servers[0]);

  fake_etcd_set ("p/log/size", "4096");
  fake_etcd_set (bad_sectors[_i][0], bad_sectors[_i][1]);
  ck_assert_ptr_null (etcd_store_open (c, "log", NULL));
  etcd_conn_free (c);
}

/* --- a log --- */

#define NR_REGIONS 2000u

static struct dirty_log *
new_log (struct etcd_seat *seat)
{
  static const uint8_t uuid[16] = "a mirror";
  const struct log_geometry geo = {
    .size = NR_REGIONS * UINT64_C (65536),
    .region_size = 65536,
    .nr_regions = NR_REGIONS,
  };
  struct dirty_log *log =
    etcd_log_open (etcd_seat_conn (seat), seat, "log", 0);

  ck_assert_ptr_nonnull (log);
  ck_assert_int_eq (dirty_log_create_as (log, &geo, 1, uuid), 0);
  return log;
}

/* As another server would find it. */
static void
expect_marked (const bool *marked)
{
  struct etcd_conn *c = etcd_conn_new (servers[1]);
  struct dirty_log *log = etcd_log_open (c, NULL, "log", LOG_READ_ONLY);

  ck_assert_ptr_nonnull (log);
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    if (marked[r])
      ck_assert_msg (!dirty_log_is_clean (log, r), "region %u", r);
  dirty_log_close (log, NO_DEADLINE);
  etcd_conn_free (c);
}

/* Whatever becomes of requests: what a flush made durable is there. */
LOOP_TEST (no_mark_is_lost, 20)
{
  static bool marked[NR_REGIONS], durable[NR_REGIONS];
  struct etcd_seat *a = take (0);
  struct dirty_log *log = new_log (a);

  srand ((unsigned) _i);
  memset (marked, 0, sizeof marked);
  memset (durable, 0, sizeof durable);
  ck_assert_int_eq (dirty_log_flush (log, NO_DEADLINE), 0);
  etcd_hurry (servers[0]);
  for (unsigned i = 0; i < 60; ++i) {
    unsigned r = (unsigned) rand () % NR_REGIONS;

    fake_etcd_fate ((enum fake_fate) (rand () % (FATE_LATE + 1)),
                    (unsigned) rand () % 2);
    if (rand () % 4 == 0)
      fake_etcd_deliver ();
    dirty_log_mark_run (log, r, 1);
    marked[r] = true;
    if (dirty_log_flush (log, NO_DEADLINE) == 0)
      memcpy (durable, marked, sizeof durable);
    fake_etcd_deliver ();
    expect_marked (durable);
  }
  dirty_log_close (log, NO_DEADLINE);
  etcd_seat_leave (a);
}

int
main (void)
{
  return suite_main ("etcd");
}
