/* SPDX-License-Identifier: BSD-3-Clause */

/* Rule S17: what a scrub finds, and what it does not. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "cleanup.h"
#include "mirror-fixture.h"
#include "order.h"
#include "scrub-keep.h"
#include "scrub-look.h"
#include "suite.h"
#include "temp-path.h"

#define SHIFT 16
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 32
#define SIZE (NR_REGIONS * REGION)
#define NR_CHUNKS (SIZE / SCRUB_CHUNK)

static struct fx *fx;
static struct outcome out;
static struct mirror_status status;
static char path[256];

/* Legs that hold 'a' everywhere. */
static void
make (unsigned nr_legs)
{
  fx = fx_new (nr_legs, NR_REGIONS, SHIFT, 0);
  fx->m->rejoin = (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC,
                                        3600 * NSEC_PER_SEC};
  fx_keep_image (fx); /* legs are altered where nothing is marked */
  for (unsigned leg = 0; leg < nr_legs; ++leg)
    fx_fill (fx, leg, 0, SIZE, 'a');
}

static void
make_running (unsigned nr_legs)
{
  make (nr_legs);
  fx_start (fx);
}

static void
make_kept (unsigned nr_legs)
{
  make (nr_legs);
  memset (fx->log->info.uuid, 'u', sizeof fx->log->info.uuid);
  fx->m->scrub.path = strdup (path);
  ck_assert_ptr_nonnull (fx->m->scrub.path);
  fx_start (fx);
}

static void
set_up (void)
{
  int fd;

  temp_path (path, sizeof path, "unit-scrub");
  fd = mkstemp (path);
  ck_assert_int_ge (fd, 0);
  close (fd);
  unlink (path);
}

static void
tear_down (void)
{
  unlink (path);
}

/* --- orders and looks --- */

static int
give (const struct order *order)
{
  return mirror_order (fx->m, order, &out);
}

static void
done (const struct order *order)
{
  ck_assert_msg (give (order) == 0 && out.changed, "%s", out.text);
}

static void
unchanged (const struct order *order)
{
  ck_assert_msg (give (order) == 0 && !out.changed, "%s", out.text);
}

static void
refused (const struct order *order, const char *why)
{
  ck_assert_int_eq (give (order), -1);
  ck_assert_msg (strstr (out.text, why) != NULL, "%s", out.text);
}

#define ORDER(...) (&(struct order){__VA_ARGS__})

static const struct scrub_status *
look (void)
{
  mirror_status (fx->m, &status);
  return &status.scrub;
}

static bool
is (const char *state)
{
  return strcmp (look ()->state, state) == 0;
}

static bool
waits_for (const char *why)
{
  return strstr (look ()->waits, why) != NULL;
}

static void
scrub_all (void)
{
  done (ORDER (.verb = ORDER_SCRUB_START));
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->done_bytes, look ()->total_bytes);
}

static void
repair_all (const char *from)
{
  done (ORDER (.verb = ORDER_SCRUB_REPAIR, .from = from));
  WAIT_FOR (!is ("repairing"));
}

/* Range i that differs; legs in groups as "0 1|2". */
static void
differs (unsigned i, uint64_t offset, uint64_t length, const char *groups)
{
  const struct scrub_found *f = &look ()->differ[i];
  char text[64] = "";

  ck_assert_uint_gt (look ()->nr_differ, i);
  ck_assert_uint_eq (f->offset, offset);
  ck_assert_uint_eq (f->length, length);
  for (unsigned first = 0; first < STATUS_MAX_LEGS; ++first)
    for (unsigned leg = first; leg < STATUS_MAX_LEGS; ++leg)
      if ((f->legs >> leg & 1) && f->same_as[leg] == first)
        snprintf (text + strlen (text), sizeof text - strlen (text), "%s%u",
                  text[0] == '\0' ? ""
                  : leg == first  ? "|"
                                  : " ",
                  leg);
  ck_assert_str_eq (text, groups);
}

static void
alter (unsigned leg, uint64_t offset, uint64_t count, int byte)
{
  mem_leg_change (fx->leg[leg], offset, count, byte);
}

static void
leg_holds (unsigned leg, uint64_t offset, uint64_t count, int byte)
{
  const uint8_t *data = mem_leg_data (fx->leg[leg]) + offset;
  uint64_t same = 0;

  while (same < count && data[same] == byte)
    ++same;
  ck_assert_uint_eq (same, count);
}

/* --- what is found --- */

TEST (equal_legs_show_nothing)
{
  make_running (2);
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->nr_unread, 0);
  ck_assert_uint_eq (look ()->done_bytes, SIZE);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), NR_CHUNKS);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), NR_CHUNKS);
  fx_free (fx);
}

TEST (s17_what_was_altered_is_found_to_the_block)
{
  make_running (2);
  alter (1, 5 * BLOCK + 77, 1, 'x');
  alter (0, SCRUB_CHUNK - BLOCK, 2 * BLOCK, 'x');
  alter (1, SIZE - 1, 1, 'x');
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 3);
  differs (0, 5 * BLOCK, BLOCK, "0|1");
  differs (1, SCRUB_CHUNK - BLOCK, 2 * BLOCK, "0|1");
  differs (2, SIZE - BLOCK, BLOCK, "0|1");
  ck_assert_uint_eq (look ()->found_bytes, 4 * BLOCK);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  fx_free (fx);
}

TEST (which_legs_agree_is_told)
{
  make_running (3);
  alter (2, 0, BLOCK, 'x');
  alter (0, BLOCK, BLOCK, 'x');
  alter (1, 2 * BLOCK, BLOCK, 'x');
  alter (2, 2 * BLOCK, BLOCK, 'y');
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 3);
  differs (0, 0, BLOCK, "0 1|2");
  differs (1, BLOCK, BLOCK, "0|1 2");
  differs (2, 2 * BLOCK, BLOCK, "0|1|2");
  fx_free (fx);
}

TEST (a_range_is_scrubbed_alone)
{
  make_running (2);
  for (unsigned b = 0; b < 4; ++b)
    alter (1, b * REGION, BLOCK, 'x');
  done (ORDER (.verb = ORDER_SCRUB_START, .offset = REGION + 100,
               .length = REGION));
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->begin, REGION);
  ck_assert_uint_eq (look ()->end, 2 * REGION + BLOCK);
  ck_assert_uint_eq (look ()->nr_differ, 2);
  differs (0, REGION, BLOCK, "0|1");
  differs (1, 2 * REGION, BLOCK, "0|1");
  fx_free (fx);
}

TEST (more_than_there_is_room_for_is_said)
{
  make_running (2);
  for (uint64_t b = 0; b < 2 * (STATUS_MAX_SCRUB + 5); b += 2)
    alter (1, b * BLOCK, BLOCK, 'x');
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, STATUS_MAX_SCRUB);
  ck_assert (look ()->differ_cut);
  ck_assert_uint_eq (look ()->found_bytes, (STATUS_MAX_SCRUB + 5) * BLOCK);
  fx_free (fx);
}

/* --- what is not --- */

/* One leg has the write, and the other has not. */
TEST (s17_a_write_under_way_is_no_mismatch)
{
  struct op write;

  make_running (2);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &write, OP_WRITE, 4096, BLOCK, 'w');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  done (ORDER (.verb = ORDER_SCRUB_START));
  WAIT_FOR (fx_ranges (fx) == 2 || is ("done"));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&write);
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->found_bytes, 0);
  fx_free (fx);
}

/* It is read for the third time, with the range taken. */
TEST (s17_a_mismatch_counts_only_if_seen_twice)
{
  make_running (2);
  alter (1, 4096, BLOCK, 'x');
  mem_leg_hold (fx->leg[1], LEG_READ, 3, 1);
  done (ORDER (.verb = ORDER_SCRUB_START));
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert_uint_eq (fx_ranges (fx), 1);
  alter (1, 4096, BLOCK, 'a');
  mem_leg_release (fx->leg[1], 1, 0);
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->nr_differ, 0);
  fx_free (fx);
}

TEST (s17_what_differs_only_at_the_last_look_does_not_count)
{
  make_running (2);
  alter (1, 4096, BLOCK, 'x');
  alter (1, 4096 + 2 * BLOCK, BLOCK, 'x');
  mem_leg_hold (fx->leg[1], LEG_READ, 3, 1);
  done (ORDER (.verb = ORDER_SCRUB_START));
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  alter (1, 4096 + BLOCK, BLOCK, 'x');
  mem_leg_release (fx->leg[1], 1, 0);
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->nr_differ, 2);
  differs (0, 4096, BLOCK, "0|1");
  differs (1, 4096 + 2 * BLOCK, BLOCK, "0|1");
  fx_free (fx);
}

TEST (s17_writers_wait_only_where_legs_differ_and_readers_never)
{
  struct op near, far, read;

  make_running (2);
  alter (1, 4096, BLOCK, 'x');
  mem_leg_hold (fx->leg[1], LEG_READ, 3, 1);
  done (ORDER (.verb = ORDER_SCRUB_START));
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &read, OP_READ, 4096, BLOCK, 0);
  WAIT_FOR (op_ended (&read));
  op_succeeds (&read);
  op_start (fx, &near, OP_WRITE, 4096, BLOCK, 'w');
  WAIT_FOR (fx_ranges (fx) == 2);
  op_start (fx, &far, OP_WRITE, 4096 + BLOCK, BLOCK, 'w');
  op_succeeds (&far);
  ck_assert (!op_ended (&near));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&near);
  WAIT_FOR (is ("done"));
  fx_free (fx);
}

/* Its cache lost a write: it reads as before, and the flush tells. */
TEST (s17_a_leg_is_flushed_before_its_content_counts)
{
  make_running (3);
  alter (1, 4096, BLOCK, 'x');
  mem_leg_fail_open (fx->leg[1], EIO);
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (fx_in_sync (fx), 5);
  fx_free (fx);
}

/* --- random writes meanwhile --- */

struct writer {
  pthread_t thread;
  uint64_t seed;
  atomic_bool stop;
  atomic_uint nr;
};

/* The second half is never written. */
static void *
write_at_random (void *opaque)
{
  struct writer *w = opaque;
  CLEANUP_FREE char *buf = malloc (64 * BLOCK);

  while (!atomic_load (&w->stop)) {
    uint64_t count = (1 + random_next (&w->seed) % 64) * BLOCK;
    uint64_t offset =
      random_next (&w->seed) % ((SIZE / 2 - count) / BLOCK) * BLOCK;

    memset (buf, (int) random_next (&w->seed), count);
    ck_assert_int_eq (mirror_pwrite (fx->m, buf, offset, count, false), 0);
    w->nr++;
  }
  return NULL;
}

static void
start_writers (struct writer *w, unsigned nr, unsigned seed)
{
  for (unsigned i = 0; i < nr; ++i) {
    w[i] = (struct writer){.seed = seed * 100 + i};
    w[i].thread = thread_run (write_at_random, &w[i]);
  }
  for (unsigned i = 0; i < nr; ++i)
    WAIT_FOR (atomic_load (&w[i].nr) > 0);
}

static void
stop_writers (struct writer *w, unsigned nr)
{
  for (unsigned i = 0; i < nr; ++i) {
    atomic_store (&w[i].stop, true);
    pthread_join (w[i].thread, NULL);
  }
}

/* Where 0: nothing; else one byte of this leg is altered. */
static unsigned
alter_at_random (uint8_t *where, unsigned nr_legs, uint64_t *seed)
{
  unsigned blocks = 0;

  for (unsigned i = 0; i < 20; ++i) {
    uint64_t b = random_next (seed) % (SIZE / 2 / BLOCK);
    unsigned leg = (unsigned) (random_next (seed) % nr_legs);

    if (where[b])
      continue;
    where[b] = (uint8_t) (1 + leg);
    blocks++;
    alter (leg, SIZE / 2 + b * BLOCK + random_next (seed) % BLOCK, 1, 'x');
  }
  return blocks;
}

LOOP_TEST (s17_clean_data_written_meanwhile_never_shows, 4)
{
  static uint8_t where[SIZE / 2 / BLOCK];
  uint64_t seed = (uint64_t) _i + 1;
  unsigned nr_legs = 2 + (unsigned) _i % 2, blocks;
  struct writer writers[3];

  make_running (nr_legs);
  mem_leg_delay (fx->leg[1], LEG_WRITE, 1, MEM_LEG_ALWAYS, NSEC_PER_MSEC / 5);
  blocks = alter_at_random (where, nr_legs, &seed);
  start_writers (writers, 3, (unsigned) _i);
  for (unsigned round = 0; round < 3; ++round) {
    scrub_all ();
    ck_assert_uint_eq (look ()->found_bytes, blocks * BLOCK);
    for (unsigned i = 0; i < status.scrub.nr_differ; ++i) {
      const struct scrub_found *f = &status.scrub.differ[i];

      ck_assert_uint_ge (f->offset, SIZE / 2);
      for (uint64_t at = f->offset; at < f->offset + f->length; at += BLOCK)
        ck_assert (where[(at - SIZE / 2) / BLOCK]);
    }
  }
  stop_writers (writers, 3);
  fx_free (fx);
}

/* --- what can't be read --- */

TEST (a_read_error_is_named_and_is_no_mismatch)
{
  const struct scrub_found *f;
  unsigned writes;

  make_running (3);
  writes = fx_sent (fx, 1, LEG_WRITE);
  mem_leg_bad (fx->leg[1], 3 * REGION + BLOCK, BLOCK);
  alter (2, 3 * REGION, BLOCK, 'x');
  alter (2, 5 * REGION, BLOCK, 'x');
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_unread, 1);
  f = &look ()->unread[0];
  ck_assert_uint_eq (f->offset, 3 * REGION);
  ck_assert_uint_eq (f->length, REGION);
  ck_assert_uint_eq (f->legs, 1u << 1);
  ck_assert_uint_eq (look ()->nr_differ, 2);
  differs (0, 3 * REGION, BLOCK, "0 1|2");
  differs (1, 5 * REGION, BLOCK, "0 1|2");
  /* As a client's read would have it (S16). */
  ck_assert_uint_gt (fx_sent (fx, 1, LEG_WRITE), writes);
  fx_free (fx);
}

TEST (what_no_leg_can_read_is_no_mismatch)
{
  make_running (2);
  mem_leg_bad (fx->leg[0], 0, BLOCK);
  mem_leg_bad (fx->leg[1], 0, BLOCK);
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->nr_unread, 1);
  ck_assert_uint_eq (look ()->unread[0].legs, 3);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  fx_free (fx);
}

/* --- legs that leave and come --- */

static void
scrub_first_chunk (void)
{
  done (ORDER (.verb = ORDER_SCRUB_START, .rate = 1024, .has_rate = true));
  WAIT_FOR (look ()->done_bytes == SCRUB_CHUNK);
}

static void
scrub_the_rest (void)
{
  done (ORDER (.verb = ORDER_SCRUB_RESUME, .has_rate = true));
  WAIT_FOR (is ("done"));
}

TEST (a_leg_that_has_left_is_not_compared)
{
  make_running (3);
  scrub_first_chunk ();
  done (ORDER (.verb = ORDER_FAIL, .leg = "2"));
  alter (2, SIZE - BLOCK, BLOCK, 'x');
  alter (1, SIZE - 3 * BLOCK, BLOCK, 'x');
  scrub_the_rest ();
  ck_assert_uint_eq (look ()->nr_differ, 1);
  differs (0, SIZE - 3 * BLOCK, BLOCK, "0|1");
  fx_free (fx);
}

TEST (a_leg_that_is_back_is_compared)
{
  make_running (2);
  done (ORDER (.verb = ORDER_FAIL, .leg = "1"));
  done (ORDER (.verb = ORDER_SCRUB_START, .rate = 1024, .has_rate = true));
  WAIT_FOR (waits_for ("fewer than two"));
  done (ORDER (.verb = ORDER_ATTACH, .leg = "1"));
  WAIT_FOR (look ()->done_bytes == SCRUB_CHUNK);
  alter (1, SIZE - BLOCK, BLOCK, 'x');
  scrub_the_rest ();
  differs (0, SIZE - BLOCK, BLOCK, "0|1");
  fx_free (fx);
}

TEST (a_leg_that_is_lost_while_it_is_read_is_out)
{
  make_running (3);
  mem_leg_fail_open (fx->leg[2], EIO);
  alter (2, BLOCK, BLOCK, 'x');
  mem_leg_hold (fx->leg[2], LEG_READ, 1, 1);
  done (ORDER (.verb = ORDER_SCRUB_START));
  ck_assert (mem_leg_wait_held (fx->leg[2], 1));
  leg_lose (fx->leg[2], ECONNRESET, "the test says so");
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->nr_unread, 0);
  fx_free (fx);
}

TEST (what_was_found_of_a_removed_leg_is_forgotten)
{
  make_running (3);
  alter (2, 0, BLOCK, 'x');
  alter (0, BLOCK, BLOCK, 'x');
  scrub_all ();
  done (ORDER (.verb = ORDER_REMOVE, .leg = "2"));
  ck_assert_uint_eq (look ()->nr_differ, 1);
  differs (0, BLOCK, BLOCK, "0|1");
  fx_free (fx);
}

TEST (a_suspended_mirror_is_not_read)
{
  unsigned reads;

  make_running (2);
  done (ORDER (.verb = ORDER_SUSPEND, .seconds = 300));
  reads = fx_sent (fx, 0, LEG_READ);
  done (ORDER (.verb = ORDER_SCRUB_START));
  WAIT_FOR (waits_for ("suspended"));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), reads);
  done (ORDER (.verb = ORDER_RESUME));
  WAIT_FOR (is ("done"));
  fx_free (fx);
}

TEST (without_the_lease_nothing_is_known)
{
  make_running (2);
  alter (1, 0, BLOCK, 'x');
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  done (ORDER (.verb = ORDER_SCRUB_START));
  WAIT_FOR (waits_for ("lease"));
  ck_assert_uint_eq (look ()->nr_differ, 0);
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (look ()->nr_differ, 1);
  fx_free (fx);
}

/* --- orders --- */

TEST (a_scrub_is_paused_and_goes_on)
{
  make_running (2);
  unchanged (ORDER (.verb = ORDER_SCRUB_STOP));
  refused (ORDER (.verb = ORDER_SCRUB_PAUSE), "no scrub runs");
  refused (ORDER (.verb = ORDER_SCRUB_RESUME), "no scrub is");
  scrub_first_chunk ();
  ck_assert (is ("running"));
  done (ORDER (.verb = ORDER_SCRUB_PAUSE));
  unchanged (ORDER (.verb = ORDER_SCRUB_PAUSE));
  ck_assert (is ("paused"));
  refused (ORDER (.verb = ORDER_SCRUB_START), "under way");
  scrub_the_rest ();
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), NR_CHUNKS);
  refused (ORDER (.verb = ORDER_SCRUB_RESUME), "no scrub is");
  fx_free (fx);
}

TEST (a_scrub_is_stopped_and_keeps_what_it_found)
{
  make_running (2);
  alter (1, 0, BLOCK, 'x');
  scrub_first_chunk ();
  unchanged (ORDER (.verb = ORDER_SCRUB_START));
  done (ORDER (.verb = ORDER_SCRUB_STOP, .dry_run = true));
  ck_assert (is ("running"));
  done (ORDER (.verb = ORDER_SCRUB_STOP));
  unchanged (ORDER (.verb = ORDER_SCRUB_STOP));
  ck_assert (is ("stopped"));
  ck_assert_uint_eq (look ()->nr_differ, 1);
  alter (1, 0, BLOCK, 'a');
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 0);
  fx_free (fx);
}

TEST (a_range_outside_the_mirror_is_refused)
{
  make_running (2);
  refused (ORDER (.verb = ORDER_SCRUB_START, .offset = SIZE), "within");
  refused (ORDER (.verb = ORDER_SCRUB_START, .offset = BLOCK, .length = SIZE),
           "within");
  refused (ORDER (.verb = ORDER_SCRUB_START, .offset = BLOCK,
                  .length = UINT64_MAX),
           "within");
  refused (ORDER (.verb = ORDER_SCRUB_START, .repair = true, .from = "7"),
           "no leg has");
  ck_assert (is ("idle"));
  fx_free (fx);
}

TEST (a_scrub_that_a_leg_holds_up_does_not_hold_up_the_end)
{
  make_running (2);
  mem_leg_hold (fx->leg[1], LEG_READ, 1, 1);
  done (ORDER (.verb = ORDER_SCRUB_START));
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert (mirror_stop (fx->m, now_ns () + NSEC_PER_SEC / 10));
  fx->started = false;
  fx_free (fx);
}

/* --- how fast --- */

static uint64_t
time_of_scrub (uint64_t rate)
{
  uint64_t begin = now_ns ();

  done (ORDER (.verb = ORDER_SCRUB_START, .rate = rate, .has_rate = true));
  WAIT_FOR (is ("done"));
  return now_ns () - begin;
}

TEST (a_scrub_has_a_ceiling)
{
  make_running (2);
  ck_assert_uint_ge (time_of_scrub (16 * SCRUB_CHUNK),
                     (NR_CHUNKS - 1) * NSEC_PER_SEC / 17);
  fx_free (fx);
}

TEST (a_scrub_shares_the_ceiling_of_copies)
{
  make_running (2);
  fx->m->config.resync_rate = 16 * SCRUB_CHUNK;
  ck_assert_uint_ge (time_of_scrub (0), (NR_CHUNKS - 1) * NSEC_PER_SEC / 17);
  fx_free (fx);
}

/* --- a restart --- */

static uint64_t
first_read (unsigned leg)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *records =
    mem_leg_records (fx->leg[leg], &nr);
  uint64_t first = UINT64_MAX;

  for (size_t i = 0; i < nr; ++i)
    if (records[i].op == LEG_READ && records[i].offset < first)
      first = records[i].offset;
  return first;
}

/* Chunks before it are not read again. */
TEST (a_restart_goes_on)
{
  make_kept (2);
  alter (1, BLOCK, BLOCK, 'x');
  scrub_first_chunk ();
  fx_free (fx);

  make_kept (2);
  WAIT_FOR (is ("done"));
  ck_assert_uint_eq (first_read (1), SCRUB_CHUNK);
  ck_assert_uint_eq (look ()->nr_differ, 1);
  fx_free (fx);

  make_kept (2);
  ck_assert (is ("done"));
  differs (0, BLOCK, BLOCK, "0|1");
  fx_free (fx);
}

TEST (a_scrub_that_is_paused_is_so_after_a_restart)
{
  make_kept (2);
  alter (1, BLOCK, BLOCK, 'x');
  scrub_first_chunk ();
  done (ORDER (.verb = ORDER_SCRUB_PAUSE));
  fx_free (fx);

  make_kept (2);
  ck_assert (is ("paused"));
  ck_assert_uint_eq (look ()->done_bytes, SCRUB_CHUNK);
  alter (1, SIZE - BLOCK, BLOCK, 'x');
  scrub_the_rest ();
  ck_assert_uint_eq (look ()->nr_differ, 2);
  differs (0, BLOCK, BLOCK, "0|1");
  differs (1, SIZE - BLOCK, BLOCK, "0|1");
  fx_free (fx);
}

/* As after a crash right behind the reply. */
TEST (an_order_is_kept_before_it_is_answered)
{
  struct scrub_kept *kept = malloc (sizeof *kept);
  const uint8_t *uuid;

  ck_assert_ptr_nonnull (kept);
  make_kept (2);
  uuid = dirty_log_info (fx->log)->uuid;
  scrub_first_chunk ();
  done (ORDER (.verb = ORDER_SCRUB_PAUSE));
  ck_assert_int_eq (scrub_keep_load (path, uuid, SIZE, kept), 1);
  ck_assert_int_eq (kept->phase, SCRUB_PAUSED);
  ck_assert_uint_eq (kept->position, SCRUB_CHUNK);
  done (ORDER (.verb = ORDER_SCRUB_STOP));
  ck_assert_int_eq (scrub_keep_load (path, uuid, SIZE, kept), 1);
  ck_assert_int_eq (kept->phase, SCRUB_STOPPED);
  fx_free (fx);
  free (kept);
}

static void
write_file (const char *text, size_t len)
{
  FILE *f = fopen (path, "w");

  ck_assert_ptr_nonnull (f);
  ck_assert_uint_eq (fwrite (text, 1, len, f), len);
  ck_assert_int_eq (fclose (f), 0);
}

static void
file_begins (const char *text)
{
  char buf[64] = "";
  FILE *f = fopen (path, "r");

  ck_assert_ptr_nonnull (f);
  ck_assert_ptr_nonnull (fgets (buf, sizeof buf, f));
  fclose (f);
  ck_assert_int_eq (strncmp (buf, text, strlen (text)), 0);
}

TEST (what_is_not_ours_is_not_replaced)
{
  write_file ("a letter", 8);
  make_kept (2);
  scrub_all ();
  ck_assert_str_eq (look ()->kept_in, "");
  fx_free (fx);
  file_begins ("a letter");
}

TEST (a_damaged_record_is_replaced)
{
  write_file ("nbdmirrS and so on", 18);
  make_kept (2);
  ck_assert (is ("idle"));
  scrub_all ();
  ck_assert_str_eq (look ()->kept_in, path);
  fx_free (fx);
  make_kept (2);
  ck_assert (is ("done"));
  fx_free (fx);
}

TEST (what_cannot_be_kept_is_said)
{
  snprintf (path + strlen (path), 16, "/no/such");
  make_kept (2);
  refused (ORDER (.verb = ORDER_SCRUB_START), "not recorded");
  WAIT_FOR (is ("done"));
  fx_free (fx);
}

/* Any byte that is altered, any length: refused, or as good as new. */
TEST (a_record_is_taken_whole_or_not_at_all)
{
  struct scrub_kept *kept = calloc (1, sizeof *kept);
  static const uint8_t uuid[16] = "0123456789abcdef", other[16] = "x";
  char buf[512];
  size_t len;
  FILE *f;

  ck_assert_ptr_nonnull (kept);
  kept->phase = SCRUB_DONE;
  kept->end = kept->position = SIZE;
  kept->repair_from = SCRUB_NO_LEG;
  scrub_list_add (&kept->differ, BLOCK, BLOCK, 0xfffffff1);
  scrub_list_add (&kept->unread, 0, SIZE, 2);
  ck_assert_int_eq (scrub_keep_store (path, uuid, kept), 0);
  memset (kept, 0, sizeof *kept);
  ck_assert_int_eq (scrub_keep_load (path, uuid, SIZE, kept), 1);
  ck_assert_uint_eq (kept->differ.range[0].groups, 0xfffffff1);
  ck_assert_uint_eq (kept->unread.range[0].length, SIZE);
  ck_assert_int_eq (scrub_keep_load (path, other, SIZE, kept), 0);
  ck_assert_int_eq (scrub_keep_load (path, uuid, SIZE - BLOCK, kept), 0);
  ck_assert_uint_eq (kept->differ.nr, 0);

  f = fopen (path, "r");
  ck_assert_ptr_nonnull (f);
  len = fread (buf, 1, sizeof buf, f);
  fclose (f);
  for (size_t i = 8; i < len; ++i) {
    buf[i] ^= 1;
    write_file (buf, len);
    ck_assert_int_eq (scrub_keep_load (path, uuid, SIZE, kept), 0);
    buf[i] ^= 1;
    write_file (buf, i);
    ck_assert_int_eq (scrub_keep_load (path, uuid, SIZE, kept), 0);
  }
  free (kept);
}

/* --- repair --- */

TEST (two_legs_are_not_repaired_by_guess)
{
  make_running (2);
  alter (1, BLOCK, BLOCK, 'x');
  refused (ORDER (.verb = ORDER_SCRUB_START, .repair = true), "--from");
  refused (ORDER (.verb = ORDER_SCRUB_REPAIR), "--from");
  scrub_all ();
  refused (ORDER (.verb = ORDER_SCRUB_REPAIR), "--from");
  leg_holds (0, BLOCK, BLOCK, 'a');
  leg_holds (1, BLOCK, BLOCK, 'x');
  ck_assert_uint_eq (look ()->nr_differ, 1);
  fx_free (fx);
}

LOOP_TEST (the_chosen_leg_is_right, 2)
{
  char from[2] = {(char) ('0' + _i), '\0'};

  make_running (2);
  alter (0, BLOCK, 3 * BLOCK, 'o');
  alter (1, BLOCK, 3 * BLOCK, 'i');
  scrub_all ();
  repair_all (from);
  for (unsigned leg = 0; leg < 2; ++leg)
    leg_holds (leg, BLOCK, 3 * BLOCK, _i == 0 ? 'o' : 'i');
  ck_assert (fx_same (fx, 0, 1));
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->repaired_bytes, 3 * BLOCK);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  unchanged (ORDER (.verb = ORDER_SCRUB_REPAIR, .from = from));
  scrub_all ();
  ck_assert_uint_eq (look ()->nr_differ, 0);
  fx_free (fx);
}

TEST (the_majority_is_right)
{
  make_running (3);
  alter (0, BLOCK, BLOCK, 'x');
  alter (2, 3 * BLOCK, BLOCK, 'x');
  alter (1, SCRUB_CHUNK - BLOCK, 2 * BLOCK, 'x');
  scrub_all ();
  repair_all (NULL);
  for (unsigned leg = 0; leg < 3; ++leg)
    leg_holds (leg, 0, SIZE, 'a');
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->repaired_bytes, 4 * BLOCK);
  fx_free (fx);
}

TEST (where_there_is_no_majority_nothing_is_written)
{
  make_running (4);
  alter (1, BLOCK, BLOCK, 'x'); /* all differ, but two */
  alter (2, BLOCK, BLOCK, 'y');
  alter (0, 3 * BLOCK, BLOCK, 'x'); /* two against two */
  alter (1, 3 * BLOCK, BLOCK, 'x');
  alter (3, 5 * BLOCK, BLOCK, 'x'); /* three against one */
  scrub_all ();
  repair_all (NULL);
  ck_assert_uint_eq (look ()->nr_differ, 2);
  differs (0, BLOCK, BLOCK, "0 3|1|2");
  differs (1, 3 * BLOCK, BLOCK, "0 1|2 3");
  leg_holds (1, BLOCK, BLOCK, 'x');
  leg_holds (1, 3 * BLOCK, BLOCK, 'x');
  leg_holds (3, 5 * BLOCK, BLOCK, 'a');
  repair_all ("2");
  ck_assert_uint_eq (look ()->nr_differ, 0);
  for (unsigned leg = 0; leg < 4; ++leg) {
    leg_holds (leg, BLOCK, BLOCK, 'y');
    leg_holds (leg, 3 * BLOCK, BLOCK, 'a');
  }
  fx_free (fx);
}

/* Two of three were right; of two that are left nobody can tell. */
TEST (a_majority_that_has_left_does_not_count)
{
  make_running (3);
  alter (0, BLOCK, BLOCK, 'x');
  scrub_all ();
  done (ORDER (.verb = ORDER_FAIL, .leg = "2"));
  refused (ORDER (.verb = ORDER_SCRUB_REPAIR), "--from");
  refused (ORDER (.verb = ORDER_SCRUB_REPAIR, .from = "2"), "not in-sync");
  leg_holds (0, BLOCK, BLOCK, 'x');
  fx_free (fx);
}

/* The one that is left of the two that agreed is no majority. */
TEST (who_is_right_is_looked_at_again)
{
  make_running (3);
  alter (0, BLOCK, BLOCK, 'x');
  scrub_all ();
  alter (1, BLOCK, BLOCK, 'y');
  repair_all (NULL);
  leg_holds (0, BLOCK, BLOCK, 'x');
  leg_holds (1, BLOCK, BLOCK, 'y');
  leg_holds (2, BLOCK, BLOCK, 'a');
  ck_assert_uint_eq (look ()->nr_differ, 1);
  fx_free (fx);
}

TEST (only_the_wrong_legs_are_written)
{
  unsigned writes[3];

  make_running (3);
  alter (2, BLOCK, BLOCK, 'x');
  scrub_all ();
  for (unsigned leg = 0; leg < 3; ++leg)
    writes[leg] = fx_sent (fx, leg, LEG_WRITE);
  repair_all (NULL);
  for (unsigned leg = 0; leg < 3; ++leg)
    ck_assert_uint_eq (fx_sent (fx, leg, LEG_WRITE), writes[leg] + (leg == 2));
  fx_free (fx);
}

static unsigned
image_primary (void)
{
  struct mem_log_image image;

  mem_log_get_image (fx->log, &image);
  return image.primary;
}

/* Or a crash would leave the region to the wrong leg. */
TEST (a_leg_that_is_right_is_primary_before_the_mark_is_durable)
{
  make_running (3);
  alter (0, BLOCK, BLOCK, 'x');
  scrub_all ();
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  done (ORDER (.verb = ORDER_SCRUB_REPAIR));
  ck_assert (mem_log_wait_inside (fx->log, 1));
  mem_log_release (fx->log, 1);
  WAIT_FOR (image_primary () == 1);
  ck_assert (!fx_image_marked (fx, 0));
  leg_holds (0, BLOCK, BLOCK, 'x');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  leg_holds (0, BLOCK, BLOCK, 'x');
  mem_log_hold (fx->log, 0);
  WAIT_FOR (!is ("repairing"));
  leg_holds (0, BLOCK, BLOCK, 'a');
  fx_free (fx);
}

TEST (what_was_written_since_it_was_found_survives)
{
  unsigned writes;

  make_running (2);
  alter (0, BLOCK, BLOCK, 'x');
  scrub_all ();
  do_succeeds (fx, OP_WRITE, BLOCK, BLOCK, 'w');
  writes = fx_sent (fx, 0, LEG_WRITE);
  repair_all ("1");
  leg_holds (0, BLOCK, BLOCK, 'w');
  leg_holds (1, BLOCK, BLOCK, 'w');
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), writes);
  ck_assert_uint_eq (look ()->nr_differ, 0);
  fx_free (fx);
}

/* It comes while the range is taken. */
TEST (a_repair_holds_off_writers)
{
  struct op write;

  make_running (2);
  alter (0, BLOCK, BLOCK, 'x');
  scrub_all ();
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  done (ORDER (.verb = ORDER_SCRUB_REPAIR, .from = "1"));
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  op_start (fx, &write, OP_WRITE, BLOCK, BLOCK, 'w');
  WAIT_FOR (fx_ranges (fx) == 2);
  leg_holds (1, BLOCK, BLOCK, 'a');
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&write);
  WAIT_FOR (!is ("repairing"));
  leg_holds (0, BLOCK, BLOCK, 'w');
  leg_holds (1, BLOCK, BLOCK, 'w');
  fx_free (fx);
}

TEST (a_leg_that_cannot_be_repaired_has_failed_and_no_other)
{
  make_running (3);
  alter (2, BLOCK, BLOCK, 'x');
  scrub_all ();
  mem_leg_fail_open (fx->leg[2], EIO);
  mem_leg_fail (fx->leg[2], LEG_WRITE, 1, 1, EIO);
  repair_all (NULL);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  ck_assert (fx_misses (fx, 2, 0));
  ck_assert (!fx_misses (fx, 1, 0));
  ck_assert_uint_eq (look ()->nr_differ, 1);
  fx_free (fx);
}

TEST (a_scrub_repairs_what_it_finds)
{
  make_running (3);
  for (unsigned chunk = 0; chunk < NR_CHUNKS; ++chunk)
    alter (chunk % 3, chunk * SCRUB_CHUNK + REGION, 3 * BLOCK, 'x');
  done (ORDER (.verb = ORDER_SCRUB_START, .repair = true));
  WAIT_FOR (is ("done"));
  for (unsigned leg = 0; leg < 3; ++leg)
    leg_holds (leg, 0, SIZE, 'a');
  ck_assert_uint_eq (look ()->nr_differ, 0);
  ck_assert_uint_eq (look ()->found_bytes, NR_CHUNKS * 3 * BLOCK);
  ck_assert_uint_eq (look ()->repaired_bytes, NR_CHUNKS * 3 * BLOCK);
  fx_free (fx);
}

LOOP_TEST (a_scrub_that_repairs_spares_what_is_written_meanwhile, 2)
{
  static uint8_t where[SIZE / 2 / BLOCK];
  uint64_t seed = (uint64_t) _i + 11;
  struct writer writers[3];
  unsigned blocks;

  make_running (3);
  mem_leg_delay (fx->leg[1], LEG_WRITE, 1, MEM_LEG_ALWAYS, NSEC_PER_MSEC / 5);
  blocks = alter_at_random (where, 3, &seed);
  start_writers (writers, 3, (unsigned) _i + 50);
  done (ORDER (.verb = ORDER_SCRUB_START, .repair = true));
  WAIT_FOR (is ("done"));
  stop_writers (writers, 3);
  ck_assert_uint_eq (look ()->repaired_bytes, blocks * BLOCK);
  leg_holds (0, SIZE / 2, SIZE / 2, 'a');
  ck_assert (fx_same (fx, 0, 1));
  ck_assert (fx_same (fx, 0, 2));
  fx_free (fx);
}

/* --- the list, beside one that says it of each block --- */

#define MODEL 64

static void
same_as_model (const struct scrub_list *list, const uint32_t *model)
{
  uint32_t got[MODEL] = {0};
  uint64_t end = 0;

  for (size_t i = 0; i < list->nr; ++i) {
    const struct scrub_range *r = &list->range[i];

    ck_assert (r->length > 0 && r->offset >= end);
    ck_assert (i == 0 || r->offset > end || r->groups != r[-1].groups);
    end = r->offset + r->length;
    for (uint64_t b = r->offset; b < end; ++b)
      got[b] = r->groups;
  }
  ck_assert_mem_eq (got, model, sizeof got);
}

LOOP_TEST (the_list_is_as_its_model, 5)
{
  struct scrub_list *list = calloc (1, sizeof *list);
  uint64_t seed = (uint64_t) _i;
  uint32_t model[MODEL] = {0};

  ck_assert_ptr_nonnull (list);
  for (unsigned i = 0; i < 500; ++i) {
    uint64_t at = random_next (&seed) % MODEL;
    uint64_t n = 1 + random_next (&seed) % (MODEL - at);
    uint32_t groups = (uint32_t) (random_next (&seed) % 3);

    if (groups == 0)
      scrub_list_remove (list, at, n);
    else
      scrub_list_add (list, at, n, groups);
    for (uint64_t b = at; b < at + n; ++b)
      model[b] = groups;
    same_as_model (list, model);
  }
  free (list);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("scrub");
}
