/* SPDX-License-Identifier: BSD-3-Clause */

/* The legs' own records in a running mirror: in which order they are written,
 * what stops when they can't be, and whom a record or a heartbeat keeps out.
 */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <uuid/uuid.h>

#include "beat.h"
#include "cleanup.h"
#include "member-state.h"
#include "leg-ops.h"
#include "mirror-fixture.h"
#include "record-owner.h"
#include "records-init.h"
#include "records-return.h"
#include "suite.h"
#include "sweep.h"
#include "temp-path.h"

#define SHIFT 16
#define NR_REGIONS 16
#define SIZE ((uint64_t) NR_REGIONS << SHIFT)

static struct fx *fx;

/* --- a mirror whose legs have trailers --- */

/* With room to grow. */
static struct leg *
leg_with_room (const char *name, uint64_t size)
{
  return mem_leg_new (name, size + 2 * RECORD_AREA);
}

static void
give_records (void)
{
  struct records_origin origin = {.keep = (1u << fx->nr_legs) - 1};

  for (unsigned i = 0; i < fx->nr_legs; ++i) {
    fx_set_kind (fx, i, LEG_NBD); /* a file would have its record beside it */
    fx->leg[i]->size = SIZE + RECORD_AREA;
    ck_assert_int_eq (record_area_open (&origin.area[i], fx->leg[i], SIZE,
                                        false),
                      0);
  }
  fx->m->limits.size = SIZE;
  ck_assert_int_eq (records_init (fx->m, &origin), 0);
}

static void
new_mirror (unsigned nr_legs, unsigned resyncing)
{
  fx_make_leg = leg_with_room;
  fx = fx_new (nr_legs, NR_REGIONS, SHIFT, resyncing);
  fx->m->config.beat_ms = 1000;
  fx->m->config.log = (char *) "core";
  give_records ();
}

static void
teardown (void)
{
  fx_free (fx);
}

static struct leg_record
record_of (unsigned leg)
{
  uint8_t area[2 * RECORD_SLOT_SIZE];
  struct leg_record r;
  unsigned next;

  mem_leg_peek (fx->leg[leg], area, SIZE, sizeof area);
  ck_assert_int_eq (record_decode_area (&r, area, &next), RECORD_VALID);
  return r;
}

static unsigned
in_sync_by (unsigned leg)
{
  return record_of (leg).in_sync;
}

/* --- who has which --- */

TEST (each_leg_has_a_record_and_an_id_of_its_own)
{
  struct leg_record a, b;

  new_mirror (2, 0);
  a = record_of (0);
  b = record_of (1);
  ck_assert_mem_eq (a.mirror, b.mirror, RECORD_ID_SIZE);
  ck_assert_mem_eq (a.history, b.history, RECORD_ID_SIZE);
  ck_assert_mem_ne (a.leg, b.leg, RECORD_ID_SIZE);
  ck_assert_mem_eq (a.legs[1], b.leg, RECORD_ID_SIZE);
  ck_assert_uint_eq (a.slot, 0);
  ck_assert_uint_eq (b.slot, 1);
  ck_assert_uint_eq (a.in_sync, 3);
  ck_assert_uint_eq (a.sequence, b.sequence);
  ck_assert_uint_eq (a.flags, 0);
}

TEST (a_resync_target_is_not_in_sync_by_any_record)
{
  new_mirror (2, 2);
  ck_assert_uint_eq (in_sync_by (0), 1);
  ck_assert_uint_eq (in_sync_by (1), 1);
}

TEST (what_is_known_already_is_not_written_again)
{
  uint64_t before;

  new_mirror (2, 0);
  before = record_of (0).sequence;
  ck_assert_int_eq (records_renew (fx->m, NO_DEADLINE), 0);
  ck_assert_uint_eq (record_of (0).sequence, before);
}

/* --- a leg leaves (S4, S5) --- */

TEST (s5_no_record_says_more_than_the_log)
{
  struct op op;

  new_mirror (2, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a'); /* marked */
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert_uint_eq (in_sync_by (0), 3);
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert_uint_eq (in_sync_by (0), 1);
  ck_assert_uint_eq (record_of (0).generation, 2);
}

TEST (s4_no_answer_before_the_survivors_know)
{
  struct op op;

  new_mirror (2, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  mem_leg_hold (fx->leg[0], LEG_WRITE, 2, 1); /* after the data */
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  ck_assert (!op_ended (&op));
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  ck_assert_uint_eq (in_sync_by (0), 1);
}

/* The record must be on the medium, not in the cache of the leg. */
TEST (s4_the_record_is_flushed)
{
  struct leg_record r;
  uint8_t area[2 * RECORD_SLOT_SIZE];
  unsigned next;

  new_mirror (2, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
  mem_leg_read_stable (fx->leg[0], area, SIZE, sizeof area);
  ck_assert_int_eq (record_decode_area (&r, area, &next), RECORD_VALID);
  ck_assert_uint_eq (r.in_sync, 1);
}

TEST (a_survivor_that_can_not_be_told_has_failed_too)
{
  new_mirror (3, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[2], LEG_WRITE, 1, 1, EIO);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 2, 1, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  ck_assert_uint_eq (in_sync_by (0), 1);
}

TEST (s6_if_the_last_leg_can_not_be_told_nothing_is_answered)
{
  new_mirror (2, 0);
  fx->m->config.log_timeout = 1;
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  mem_leg_fail (fx->leg[0], LEG_WRITE, 2, MEM_LEG_ALWAYS, ENOSPC);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'b', EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  ck_assert_uint_eq (in_sync_by (0), 3);
  mem_leg_forget_rules (fx->leg[0]);
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (in_sync_by (0), 1);
}

/* A torn write leaves the other slot. */
TEST (slots_alternate)
{
  uint64_t before;

  new_mirror (2, 0);
  before = record_of (0).sequence;
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
  ck_assert_uint_eq (record_of (0).sequence, before + 1);
  mem_leg_change (fx->leg[0], SIZE + RECORD_SLOT_SIZE + 100, 1, 0x5a);
  ck_assert_uint_eq (record_of (0).sequence, before);
}

/* --- a leg joins (S18) --- */

static void
nothing_is_missed (unsigned leg)
{
  dirty_log_set_region_sync (fx->log, leg, 0, NR_REGIONS, true);
}

TEST (s18_the_records_come_before_the_log)
{
  struct op op;

  new_mirror (2, 2);
  nothing_is_missed (1);
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  mem_leg_release (fx->leg[0], 1, 0);
  op_join (&op);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_IN_SYNC);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  ck_assert_uint_eq (in_sync_by (0), 3);
  ck_assert_uint_eq (in_sync_by (1), 3);
}

TEST (s18_nobody_is_announced_before_the_log)
{
  struct op op;

  new_mirror (2, 2);
  nothing_is_missed (1);
  mem_log_hold (fx->log, MEM_LOG_COMMIT);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  WAIT_FOR (in_sync_by (0) == 3);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  mem_log_hold (fx->log, 0);
  op_join (&op);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

/* While the log calls leg 1 in-sync, or may, no record says that it is not. */
TEST (s18_who_has_joined_stays_in_the_records)
{
  struct records_state state;
  struct op op;

  new_mirror (3, 2);
  nothing_is_missed (1);
  mem_log_hold (fx->log, MEM_LOG_COMMIT);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  WAIT_FOR (in_sync_by (0) == 7);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  {
    CLEANUP_LOCK (&fx->m->lock);
    records_take_locked (fx->m, 0, &state);
  }
  ck_assert_uint_eq (state.in_sync, 7);
  mem_log_hold (fx->log, 0);
  op_join (&op);
  ck_assert_uint_eq (fx_in_sync (fx), 7);
}

/* Leg 2 leaves while the record that calls leg 1 in-sync is on its way. */
TEST (s18_nobody_joins_the_log_when_the_records_go_another_way)
{
  struct op op;

  new_mirror (3, 2);
  nothing_is_missed (1);
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  {
    struct records_state state;
    CLEANUP_LOCK (&fx->m->lock);

    records_take_locked (fx->m, 0, &state);
  }
  mem_leg_release (fx->leg[0], 1, 0);
  op_join (&op);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  ck_assert_uint_eq (fx_in_sync (fx), 5);
}

/* Leg 1 fails while a record that calls legs 1 and 2 in-sync is on its way. */
TEST (s18_a_late_record_does_not_bring_back_who_failed)
{
  struct records_state late;

  new_mirror (3, 4);
  {
    CLEANUP_LOCK (&fx->m->lock);
    records_take_locked (fx->m, 4, &late);
  }
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  ck_assert_uint_eq (in_sync_by (0), 1);
  ck_assert_int_eq (records_write (fx->m, &late, 4), -1);
  ck_assert_uint_eq (in_sync_by (0), 1);
}

/* --- the end --- */

TEST (at_a_clean_end_all_say_so)
{
  new_mirror (2, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  sweep (fx->m, true, NO_DEADLINE);
  records_close (fx->m);
  ck_assert_uint_eq (record_of (0).flags, RECORD_CLEAN);
  ck_assert_uint_eq (record_of (1).flags, RECORD_CLEAN);
}

TEST (with_a_mark_left_no_end_is_clean)
{
  new_mirror (2, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  records_close (fx->m);
  ck_assert_uint_eq (record_of (0).flags, 0);
}

/* --- what lies within the mirror --- */

/* Of a kernel's log nobody knows the size before the plan is made. */
TEST (a_record_within_the_mirror_is_left_alone)
{
  struct records_origin origin = {.keep = 0};
  uint8_t before[RECORD_AREA], after[RECORD_AREA];
  struct record_found found;

  new_mirror (1, 0);
  mem_leg_peek (fx->leg[0], before, SIZE, sizeof before);
  ck_assert_int_eq (record_area_open (&origin.area[0], fx->leg[0], 0, false),
                    0);
  ck_assert_int_eq (record_area_read (&origin.area[0], &found), 0);
  ck_assert_int_eq (found.verdict, RECORD_VALID);
  fx->m->limits.size = SIZE + RECORD_AREA;
  ck_assert_int_eq (records_init (fx->m, &origin), 0);
  mem_leg_peek (fx->leg[0], after, SIZE, sizeof after);
  ck_assert_mem_eq (before, after, sizeof before);
  fx->m->limits.size = SIZE;
}

/* --- a leg that has grown --- */

/* Leg 0 with so many bytes more: what is found of its record by where it was. */
static bool
found_there (uint64_t more, struct record_found *found, bool *can_move)
{
  struct leg *leg = mem_leg_new ("/grown", SIZE + RECORD_AREA + more);
  struct record_area area;
  bool error, there;

  leg->kind = LEG_NBD;
  ck_assert_int_eq (leg_open (leg, 0), 0);
  mem_leg_peek (fx->leg[0], mem_leg_data (leg), 0, SIZE + RECORD_AREA);
  ck_assert_int_eq (record_area_open (&area, leg, SIZE, false), 0);
  ck_assert_int_eq (record_area_read (&area, found), 0);
  ck_assert_int_eq (record_area_in_place (&area, found), more < 4096);
  there = record_area_read_old (&area, SIZE, fx->m->records.common.mirror,
                                found, &error);
  ck_assert (!error);
  *can_move = there && record_area_can_move (&area, found);
  leg_free (leg);
  return there;
}

TEST (the_record_of_a_leg_that_has_grown_is_found)
{
  struct record_found found;
  bool can_move;

  new_mirror (2, 0);
  ck_assert (found_there (RECORD_AREA, &found, &can_move));
  ck_assert (can_move);
  ck_assert_uint_eq (found.record.leg_size, SIZE + RECORD_AREA);
  ck_assert (found_there (4096, &found, &can_move));
  ck_assert (!can_move); /* it would lie across itself */
  ck_assert (!found_there (512, &found, &can_move));
  ck_assert_int_eq (found.verdict, RECORD_VALID); /* it is in its place */
  fx->m->records.common.mirror[0] ^= 1;
  ck_assert (!found_there (RECORD_AREA, &found, &can_move));
}

/* --- heartbeats --- */

static struct leg_beat
beat_on (unsigned leg)
{
  uint8_t buf[RECORD_BEAT_SIZE];
  struct leg_beat beat;

  mem_leg_peek (fx->leg[leg], buf, SIZE + RECORD_BEAT_OFFSET, sizeof buf);
  ck_assert_int_eq (record_beat_decode (&beat, buf), RECORD_VALID);
  return beat;
}

/* Of a mirror on another host. */
static struct leg_beat
foreign_beat (void)
{
  struct leg_beat beat = {
    .count = 7,
    .interval_ms = 100,
    .used = true,
  };

  record_owner_self (&beat.owner);
  strcpy (beat.owner.host, "elsewhere");
  uuid_generate (beat.session);
  memcpy (beat.mirror, fx->m->records.common.mirror, RECORD_ID_SIZE);
  return beat;
}

static void
put_beat (unsigned leg, const struct leg_beat *beat)
{
  uint8_t buf[RECORD_BEAT_SIZE];

  record_beat_encode (buf, beat);
  for (size_t i = 0; i < sizeof buf; ++i)
    mem_leg_change (fx->leg[leg], SIZE + RECORD_BEAT_OFFSET + i, 1, buf[i]);
}

TEST (who_runs_says_so_on_each_leg)
{
  new_mirror (2, 0);
  fx_start (fx);
  for (unsigned i = 0; i < 2; ++i) {
    struct leg_beat beat = beat_on (i);

    ck_assert (beat.used);
    ck_assert_uint_eq (beat.owner.pid, (uint32_t) getpid ());
    ck_assert_uint_eq (beat.interval_ms, 1000);
  }
}

TEST (it_goes_on)
{
  new_mirror (2, 0);
  fx_start (fx);
  WAIT_FOR (beat_on (0).count > 1 && beat_on (1).count > 1);
}

TEST (a_leg_with_the_beat_of_another_is_not_written_any_more)
{
  char why[LEG_ERROR_SIZE];
  struct leg_beat beat;

  new_mirror (2, 0);
  fx_start (fx);
  beat = foreign_beat ();
  put_beat (1, &beat);
  WAIT_FOR (fx_failed (fx) == 2);
  leg_last_error (fx->leg[1], why, sizeof why);
  ck_assert_ptr_nonnull (strstr (why, "elsewhere"));
  ck_assert_mem_eq (beat_on (1).session, beat.session, RECORD_ID_SIZE);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
}

/* This host stood still for so long that another one took over, and ended. */
TEST (a_leg_that_another_has_used_meanwhile_is_given_up)
{
  struct leg_beat beat;

  new_mirror (2, 0);
  fx_start (fx);
  beat = foreign_beat ();
  beat.used = false;
  put_beat (1, &beat);
  WAIT_FOR (fx_failed (fx) == 2 || beat_on (1).used);
  ck_assert_uint_eq (fx_failed (fx), 2);
}

TEST (the_last_leg_is_given_up_too)
{
  struct leg_beat beat;

  new_mirror (1, 0);
  fx->m->config.log_timeout = 1;
  fx_start (fx);
  beat = foreign_beat ();
  put_beat (0, &beat);
  WAIT_FOR (atomic_load (&fx->leg[0]->lost));
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', EIO);
}

/* --- a file's record, beside it --- */

static bool
no_lease (struct leg *leg)
{
  (void) leg;
  return false;
}

static void
answered (struct leg_io *io)
{
  (void) io;
}

static struct record_found
found_in (struct record_area *area)
{
  struct record_found found;

  ck_assert_int_eq (record_area_read (area, &found), 0);
  return found;
}

/* Whoever has the log by now may have written a later one. */
TEST (s19_without_the_lease_no_file_is_written)
{
  char path[100], beside[120];
  static const struct leg_ops no_ops;
  struct leg leg = {
    .ops = &no_ops,
    .kind = LEG_FILE,
    .name = path,
    .may_write = no_lease,
  };
  struct leg_beat beat;
  struct record_area area;
  struct record_write w;
  struct leg_record r;

  new_mirror (1, 0);
  r = record_of (0);
  beat = foreign_beat ();
  temp_path (path, sizeof path, "unit-records");
  close (mkstemp (path));
  snprintf (beside, sizeof beside, "%s.mirrorleg", path);
  ck_assert_int_eq (record_area_open (&area, &leg, 0, false), 0);
  ck_assert_int_eq (record_area_make (&area), 0);
  unlink (path);
  unlink (beside);
  record_area_submit (&area, &w, &r, answered, NULL);
  ck_assert (w.io.unsent);
  ck_assert_int_eq (w.io.error, ESTALE);
  ck_assert_int_eq (record_area_write_beat (&area, &beat, 0), -1);
  ck_assert_int_eq (found_in (&area).verdict, RECORD_BLANK);
  ck_assert (!found_in (&area).has_beat);
  leg.may_write = NULL;
  record_area_submit (&area, &w, &r, answered, NULL);
  ck_assert_int_eq (w.io.error, 0);
  ck_assert_int_eq (record_area_write_beat (&area, &beat, 0), 0);
  ck_assert_int_eq (found_in (&area).verdict, RECORD_VALID);
  ck_assert (found_in (&area).has_beat);
  record_area_close (&area);
}

/* --- a leg comes back --- */

/* As its rejoiner sees it. */
static bool
lets_in (void)
{
  return records_let_in (&fx->m->member[1]) &&
         beat_lets_in (&fx->m->member[1]);
}

static void
put_record (const struct leg_record *r)
{
  uint8_t buf[RECORD_SLOT_SIZE];

  record_encode (buf, r);
  memcpy (mem_leg_data (fx->leg[1]) + SIZE, buf, sizeof buf);
  memset (mem_leg_data (fx->leg[1]) + SIZE + sizeof buf, 0, sizeof buf);
}

TEST (the_leg_it_was_is_let_in)
{
  new_mirror (2, 2);
  ck_assert (lets_in ());
}

TEST (a_leg_of_another_mirror_is_not)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  r.mirror[0] ^= 1;
  put_record (&r);
  ck_assert (!lets_in ());
}

/* A guest may write what looks like a record. */
TEST (clients_data_is_no_record)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  r.mirror[0] ^= 1;
  put_record (&r);
  fx->m->limits.size = SIZE + RECORD_AREA;
  ck_assert (lets_in ());
  fx->m->limits.size = SIZE;
}

TEST (nor_is_another_leg_of_this_one)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  r.leg[0] ^= 1;
  put_record (&r);
  ck_assert (!lets_in ());
}

TEST (nor_who_has_gone_on_elsewhere)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  r.generation += 10;
  put_record (&r);
  ck_assert (!lets_in ());
}

TEST (who_knows_the_history_before_is_let_in_and_who_went_on_is_not)
{
  struct leg_record r, before;

  new_mirror (2, 2);
  before = r = record_of (1);
  uuid_generate (fx->m->records.common.history);
  memcpy (fx->m->records.common.parent, r.history, RECORD_ID_SIZE);
  fx->m->records.common.parent_generation = r.generation;
  put_record (&before);
  ck_assert (lets_in ());
  r.generation++;
  put_record (&r);
  ck_assert (!lets_in ());
}

/* A second copy of the log let it serve alone; its generation tells nothing. */
TEST (nor_who_was_the_only_one_elsewhere)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  r.in_sync = 2;
  r.primary = 1;
  put_record (&r);
  ck_assert (!lets_in ());
}

/* ... and source=N@G has left it behind since, and knows of it. */
TEST (who_was_the_only_one_before_another_history_is_let_in)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  r.in_sync = 2;
  r.primary = 1;
  put_record (&r);
  uuid_generate (fx->m->records.common.history);
  memcpy (fx->m->records.common.parent, r.history, RECORD_ID_SIZE);
  fx->m->records.common.parent_generation = r.generation;
  ck_assert (lets_in ());
}

/* The mirror had no records for a while, and began another history. */
TEST (who_was_stale_in_an_unknown_history_has_gone_nowhere)
{
  struct leg_record r;
  uint64_t generation;

  new_mirror (2, 2);
  r = record_of (1);
  uuid_generate (fx->m->records.common.history);
  ck_assert (lets_in ()); /* it has not gone on since it left */
  dirty_log_set_generation (fx->log, 9);
  generation = 9;
  r.generation = generation; /* it was a target then */
  put_record (&r);
  ck_assert (lets_in ());
  r.generation = generation + 1;
  put_record (&r);
  ck_assert (!lets_in ());
  r.generation = generation;
  r.in_sync = 3;
  put_record (&r);
  ck_assert (!lets_in ());
}

TEST (who_still_beats_elsewhere_keeps_the_leg)
{
  struct leg_beat beat;

  new_mirror (2, 2);
  beat = foreign_beat ();
  for (unsigned i = 0; i < 20; ++i, ++beat.count) {
    put_beat (1, &beat);
    ck_assert (!lets_in ());
  }
}

TEST (who_is_silent_for_two_beats_does_not)
{
  struct leg_beat beat;
  uint64_t begin;

  new_mirror (2, 2);
  beat = foreign_beat ();
  put_beat (1, &beat);
  begin = now_ns ();
  while (!lets_in ())
    ck_assert_uint_lt (now_ns () - begin, 10 * NSEC_PER_SEC);
  ck_assert_uint_gt (now_ns () - begin, 200 * NSEC_PER_MSEC);
}

TEST (who_has_ended_does_not)
{
  struct leg_beat beat;

  new_mirror (2, 2);
  beat = foreign_beat ();
  beat.used = false;
  put_beat (1, &beat);
  ck_assert (lets_in ());
}

/* Leg 1 is in use, and lost; what is on it is changed before it is back. */
static void
comes_back_changed (void (*change) (const struct leg_record *before))
{
  struct leg_record before;

  new_mirror (2, 0);
  fx->m->rejoin =
    (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC, NSEC_PER_SEC};
  for (unsigned leg = 0; leg < 2; ++leg)
    fx_fill (fx, leg, 0, SIZE, 'x');
  before = record_of (1);
  fx_start (fx);
  ck_assert_uint_lt (before.sequence, record_of (1).sequence);
  mem_leg_hold_open (fx->leg[1], true);
  leg_lose (fx->leg[1], ECONNRESET, "the test says so");
  change (&before);
  mem_leg_hold_open (fx->leg[1], false);
  WAIT_FOR (fx_in_sync (fx) == 3);
}

static void
is_copied_whole (void)
{
  ck_assert_uint_ge (fx_sent (fx, 0, LEG_READ), NR_REGIONS);
  ck_assert_uint_ge (fx_sent (fx, 1, LEG_WRITE), NR_REGIONS);
}

static void
change_nothing (const struct leg_record *before)
{
  (void) before;
}

/* As it was before the mirror began. */
static void
roll_back (const struct leg_record *before)
{
  put_record (before);
}

static void
roll_back_data (const struct leg_record *before)
{
  put_record (before);
  memset (mem_leg_data (fx->leg[1]), 'y', SIZE);
}

static void
remove_record (const struct leg_record *before)
{
  (void) before;
  memset (mem_leg_data (fx->leg[1]) + SIZE, 0, RECORD_AREA);
}

TEST (a_leg_that_comes_back_as_it_was_gets_what_it_missed)
{
  comes_back_changed (change_nothing);
  ck_assert_uint_lt (fx_sent (fx, 1, LEG_WRITE), NR_REGIONS);
}

/* It was rolled back while it was out.  What the log says that it misses is what
 * it missed since it left.
 */
TEST (a_leg_that_comes_back_older_gets_everything)
{
  comes_back_changed (roll_back);
  is_copied_whole ();
}

/* It is the leg, by its record, though it holds something else. */
TEST (a_leg_that_comes_back_older_may_differ)
{
  comes_back_changed (roll_back_data);
  is_copied_whole ();
}

/* To before it had one, perhaps. */
TEST (a_leg_that_comes_back_without_its_record_gets_everything)
{
  comes_back_changed (remove_record);
  is_copied_whole ();
}

static void
grow (const struct leg_record *before)
{
  (void) before;
  mem_leg_replace (fx->leg[1], SIZE + 2 * RECORD_AREA, fx->leg[1]->min_block,
                   (const char *) fx->leg[1]->id);
}

/* Its record is not at its end any more. */
TEST (a_leg_that_comes_back_larger_gets_what_it_missed)
{
  uint8_t area[2 * RECORD_SLOT_SIZE];
  struct leg_record r;
  unsigned next;

  comes_back_changed (grow);
  ck_assert_uint_lt (fx_sent (fx, 1, LEG_WRITE), NR_REGIONS);
  mem_leg_peek (fx->leg[1], area, SIZE + RECORD_AREA, sizeof area);
  ck_assert_int_eq (record_decode_area (&r, area, &next), RECORD_VALID);
}

static bool
is_taken_for_older (void)
{
  ck_assert (lets_in ());
  return fx->m->member[1].is_older;
}

/* The leg was out when the mirror began: what it had the records of others say. */
TEST (what_a_leg_had_before_a_restart_counts)
{
  struct leg_record r;

  new_mirror (2, 2);
  r = record_of (1);
  fx->m->records.had[1] = (struct record_had){.sequence = r.sequence};
  ck_assert (!is_taken_for_older ());
  fx->m->records.had[1].sequence++;
  ck_assert (is_taken_for_older ());
}

TEST (so_do_its_heartbeats)
{
  struct record_had had = {.sequence = 1};
  struct leg_beat beat;

  new_mirror (2, 2);
  beat = foreign_beat ();
  beat.used = false;
  beat.interval_ms = 5000;
  put_beat (1, &beat);
  memcpy (had.session, beat.session, RECORD_ID_SIZE);
  had.count = beat.count + 60;
  fx->m->records.had[1] = had;
  fx->m->config.leg_timeout = fx->m->config.flush_timeout = 10;
  ck_assert (is_taken_for_older ());
  fx->m->records.had[1].count = beat.count + 12;
  ck_assert (!is_taken_for_older ());
}

/* What a leg had stays in the records of those that are left. */
TEST (who_is_left_says_what_a_leg_had)
{
  struct leg_record r;
  uint64_t had;

  new_mirror (2, 0);
  fx_start (fx);
  had = record_of (1).sequence;
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_hold_open (fx->leg[1], true);
  leg_lose (fx->leg[1], ECONNRESET, "the test says so");
  WAIT_FOR (in_sync_by (0) == 1);
  r = record_of (0);
  ck_assert_uint_eq (r.had[1].sequence, had);
  ck_assert_mem_eq (r.had[1].session, fx->m->beats.session, RECORD_ID_SIZE);
  ck_assert_uint_ge (r.had[1].count, 1);
  mem_leg_hold_open (fx->leg[1], false);
}

static struct suite_group tests = {.teardown = teardown, .timeout = 60};

int
main (void)
{
  return suite_main ("records");
}
