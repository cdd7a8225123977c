/* SPDX-License-Identifier: BSD-3-Clause */

/* Start-up with legs that have records of their own: what these decide, and
 * where they do not.  No I/O, as in unit-plan.
 */

#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan-print.h"
#include "plan-scene.h"
#include "suite.h"

#define MIRROR 7
#define HISTORY 20

/* Legs that are in-sync. */
#define A 1u
#define B 2u
#define C 4u

/* --- what the legs know --- */

static struct leg_record *
own (unsigned leg)
{
  return &scene->in.leg[leg].record;
}

/* Leg i is the one in this slot, and knows of legs /a, /b and, if that is here,
 * /c.
 */
static void
knows (unsigned i, unsigned slot, uint64_t generation, uint64_t sequence,
       unsigned in_sync)
{
  static const char *const name[] = {"/a", "/b", "/c"};
  struct leg_record *r = own (i);

  scene->in.leg[i].record_verdict = RECORD_VALID;
  memset (r, 0, sizeof *r);
  r->sequence = sequence;
  r->mirror[0] = MIRROR;
  r->history[0] = HISTORY;
  r->size = LEG_SIZE;
  r->leg_size = LEG_SIZE;
  r->generation = generation;
  r->region_size = REGION;
  r->slot = (uint8_t) slot;
  r->primary = (uint8_t) __builtin_ctz (in_sync);
  r->configured = scene->in.nr_legs > 2 ? A | B | C : A | B;
  r->in_sync = (uint8_t) in_sync;
  r->leg[0] = (uint8_t) (100 + slot);
  for (unsigned s = 0; s < 3; ++s)
    if (r->configured >> s & 1) {
      r->legs[s][0] = (uint8_t) (100 + s);
      snprintf (r->name[s], sizeof r->name[s], "%s", name[s]);
    }
  snprintf (r->log_name, sizeof r->log_name, "disk:/old");
}

static void
ended_cleanly (unsigned leg)
{
  own (leg)->flags |= RECORD_CLEAN;
}

static void
heard_beat (unsigned leg, uint8_t session, uint64_t count)
{
  struct leg_beat *beat = &scene->in.leg[leg].beat;

  scene->in.leg[leg].has_beat = true;
  beat->session[0] = session;
  beat->mirror[0] = MIRROR;
  beat->count = count;
  beat->interval_ms = 5000;
  beat->generation = 5;
  beat->flush_number = 30;
}

/* The mirror was killed: both legs have the same record. */
static void
both_know (void)
{
  knows (0, 0, 5, 9, A | B);
  knows (1, 1, 5, 9, A | B);
}

static void
both_ended_cleanly (void)
{
  both_know ();
  ended_cleanly (0);
  ended_cleanly (1);
}

/* A third leg /c. */
static void
three_legs (void)
{
  name_leg (2, "/c", 3);
}

/* A log of ours that is of the legs' mirror, which did not end cleanly. */
static void
their_log (void)
{
  our_log ();
  scene->log.unclean = true;
  scene->log.uuid[0] = MIRROR;
  scene->in.log_flush_number = 30;
}

/* --- what is expected --- */

/* A new life of the old mirror. */
static void
begins_anew (uint64_t generation)
{
  ck_assert (scene->plan.create);
  ck_assert_uint_eq (scene->plan.generation,
                     generation - 1 + 2 * LOG_MAX_LEGS);
  ck_assert_uint_eq (scene->plan.mirror[0], MIRROR);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
  ck_assert_uint_eq (scene->plan.geo.nr_regions, NR_REGIONS);
}

static void
copies_all_to (unsigned slot, int leg)
{
  slot_is (slot, leg, true, false, MISS_ALL);
}

static void
copies_nothing_to (unsigned slot, int leg)
{
  slot_is (slot, leg, true, false, MISS_NOTHING_MORE);
}

/* --- a lost log: all legs are here --- */

TEST (legs_that_ended_cleanly_need_no_copy)
{
  both_ended_cleanly ();
  serves (0);
  begins_anew (6);
  copies_nothing_to (0, 0);
  copies_nothing_to (1, 1);
  ck_assert (!scene->plan.unclean);
  ck_assert_uint_eq (scene->plan.history_left, 0);
  ck_assert_uint_eq (scene->same_asked, B);
  notes ("log /l: is new, and made from the record of leg /a");
  notes ("nothing is copied");
}

TEST (after_an_unclean_end_everything_is_copied_from_the_primary)
{
  both_know ();
  own (0)->primary = own (1)->primary = 1;
  serves (1);
  begins_anew (6);
  copies_all_to (0, 0);
  copies_nothing_to (1, 1);
  ck_assert (scene->plan.unclean);
  notes ("EVERYTHING is copied from leg /b");
}

TEST (one_leg_not_clean_is_not_clean)
{
  both_ended_cleanly ();
  own (1)->flags = 0;
  serves (0);
  copies_all_to (1, 1);
}

/* The mirror ended while the last records were written, or a leg was rolled
 * back by one: the one that has the last record is right.
 */
TEST (a_leg_without_the_last_record_is_not_equal)
{
  both_ended_cleanly ();
  own (1)->sequence = 8;
  serves (0);
  copies_all_to (1, 1);
  own (1)->sequence = 10;
  serves (1);
  copies_all_to (0, 0);
}

TEST (a_record_of_an_older_generation_is_not_equal)
{
  both_ended_cleanly ();
  own (1)->generation = 4;
  serves (0);
  copies_all_to (1, 1);
}

/* A crash between two records of one cycle: leg c left. */
TEST (within_a_cycle_the_newer_record_decides)
{
  three_legs ();
  knows (0, 0, 6, 10, A | B);
  knows (1, 1, 5, 9, A | B | C);
  knows (2, 2, 5, 9, A | B | C);
  own (1)->primary = 2;
  serves (0);
  begins_anew (7);
  copies_all_to (1, 1);
  copies_all_to (2, 2);
  notes ("leg /c: is stale by the record of leg /a");
}

/* Two starts in a row were cut off when only leg b had its record, and then one went
 * on without it.
 */
TEST (generation_counts_before_sequence)
{
  knows (0, 0, 6, 8, A);
  knows (1, 1, 5, 9, A | B);
  serves (0);
  begins_anew (7);
  copies_all_to (1, 1);
}

TEST (a_stale_leg_gets_a_full_copy_also_after_a_clean_end)
{
  both_ended_cleanly ();
  own (0)->in_sync = own (1)->in_sync = B;
  own (0)->primary = own (1)->primary = 1;
  serves (1);
  copies_all_to (0, 0);
  notes ("leg /a: is stale");
}

TEST (legs_in_another_order_keep_their_slots)
{
  name_leg (0, "/x", 2);
  name_leg (1, "/a", 1);
  knows (0, 1, 5, 9, A | B);
  knows (1, 0, 5, 9, A | B);
  serves (0);
  copies_nothing_to (0, 1);
  copies_all_to (1, 0);
}

TEST (clean_legs_that_differ_are_refused)
{
  both_ended_cleanly ();
  scene->same[1] = PROBE_NO;
  refuses ("the legs' own records say that both hold the same");
  also_says ("source=0@5 (leg /a)");
  also_says ("source=1@5 (leg /b)");
}

TEST (an_override_says_which_of_two_clean_legs_is_right)
{
  both_ended_cleanly ();
  scene->same[0] = scene->same[1] = PROBE_NO;
  override (1, 5);
  serves (1);
  copies_all_to (0, 0);
}

TEST (an_empty_source_does_not_win_over_data)
{
  both_know ();
  scene->empty[0] = PROBE_YES;
  refuses ("leg /a: is empty, but leg /b");
  scene->empty[1] = PROBE_YES;
  serves (0);
}

/* --- a lost log: a leg is not here --- */

TEST (a_leg_does_not_serve_alone_while_another_may_know_more)
{
  knows (0, 0, 5, 9, A | B);
  absent (1);
  refuses ("leg /b, in-sync by the newest record (of leg /a, generation 5), "
           "is not here");
  also_says ("source=0@5 (leg /a)");
  does_not_say ("source=1@");
  missing_word (1);
  refuses ("leg /b, in-sync by the newest record");
  scene->in.nr_legs = scene->config.nr_legs = 1;
  refuses ("leg /b, in-sync by the newest record");
}

TEST (nor_does_it_if_all_ended_cleanly_or_is_forced)
{
  knows (0, 0, 5, 9, A | B);
  ended_cleanly (0);
  absent (1);
  refuses ("is not here");
  scene->config.sync = SYNC_FORCE;
  refuses ("is not here");
  scene->config.sync = SYNC_NONE;
  refuses ("is not here");
}

TEST (a_stale_leg_does_not_serve_alone)
{
  absent (0);
  knows (1, 1, 5, 9, A);
  refuses ("leg /a, in-sync by the newest record (of leg /b");
  also_says ("source=1@5 (leg /b)");
}

TEST (an_older_record_does_not_help)
{
  three_legs ();
  knows (0, 0, 5, 7, A | B);
  knows (1, 1, 6, 9, B | C);
  absent (2);
  refuses ("leg /c, in-sync by the newest record (of leg /b, generation 6)");
  also_says ("source=1@6 (leg /b)");
  does_not_say ("source=0@");
}

/* It was replaced, or its record was removed: what it knew is not here. */
TEST (a_leg_without_its_record_is_not_seen)
{
  knows (0, 0, 5, 9, A | B);
  refuses ("leg /b, in-sync by the newest record (of leg /a, generation 5), "
           "has no record of its own");
  also_says ("source=1@5 (leg /b)");
  scene->empty[1] = PROBE_YES;
  refuses ("has no record of its own");
  also_says ("source=0@5 (leg /a)");
  does_not_say ("source=1@");
}

/* --- a lost log: a leg that never had a record --- */

/* Leg a has one, leg b can't: it is a disk with data to its end. */
static void
b_never_had_a_record (void)
{
  knows (0, 0, 5, 9, A | B);
  own (0)->legs[1][0] = 0;
}

TEST (the_user_is_asked_for_a_leg_that_never_had_a_record)
{
  b_never_had_a_record ();
  refuses ("leg /b, in-sync by the newest record (of leg /a, generation 5), "
           "has no record of its own");
  also_says ("sync=none if you know that the legs are equal");
  also_says ("sync=force to overwrite the others with leg /a");
  also_says ("source=0@5 (leg /a)");
  also_says ("source=1@5 (leg /b)");
}

TEST (sync_none_vouches_for_a_leg_that_never_had_a_record)
{
  b_never_had_a_record ();
  scene->config.sync = SYNC_NONE;
  serves (0);
  begins_anew (6);
  copies_nothing_to (0, 0);
  copies_nothing_to (1, 1);
}

TEST (sync_force_overwrites_a_leg_that_never_had_a_record)
{
  b_never_had_a_record ();
  scene->config.sync = SYNC_FORCE;
  serves (0);
  begins_anew (6);
  copies_all_to (1, 1);
}

TEST (sync_force_takes_leg_0_that_never_had_a_record)
{
  knows (1, 1, 5, 9, A | B);
  own (1)->legs[0][0] = 0;
  refuses ("sync=force to overwrite the others with leg /a");
  scene->config.sync = SYNC_FORCE;
  serves (0);
  begins_anew (6);
  copies_nothing_to (0, 0);
  copies_all_to (1, 1);
}

TEST (a_leg_that_never_had_a_record_is_known_by_its_place)
{
  b_never_had_a_record ();
  name_leg (1, "/renamed", 9);
  refuses ("leg /renamed, in-sync by the newest record");
  also_says ("sync=none");
  scene->config.sync = SYNC_NONE;
  serves (0);
  copies_nothing_to (1, 1);
  scene->config.sync = SYNC_FORCE;
  serves (0);
  copies_all_to (1, 1);
}

/* Nobody can have meant an empty leg to win, or to be equal. */
TEST (a_leg_that_never_had_a_record_and_is_empty_gets_a_full_copy)
{
  knows (1, 1, 5, 9, A | B);
  own (1)->legs[0][0] = 0;
  scene->empty[0] = PROBE_YES;
  refuses ("sync=force to overwrite the others with leg /b");
  scene->config.sync = SYNC_FORCE;
  serves (1);
  slot_is (0, 0, true, true, MISS_ALL);
  scene->config.sync = SYNC_NONE;
  serves (1);
  slot_is (0, 0, true, true, MISS_ALL);
  copies_nothing_to (1, 1);
}

/* That one had a record and has none now: what it knew is not here. */
TEST (nobody_vouches_for_a_leg_that_had_a_record)
{
  knows (0, 0, 5, 9, A | B);
  refuses ("leg /b, in-sync by the newest record");
  does_not_say ("sync=none");
  scene->config.sync = SYNC_NONE;
  refuses ("leg /b, in-sync by the newest record");
  scene->config.sync = SYNC_FORCE;
  refuses ("leg /b, in-sync by the newest record");
}

TEST (nobody_vouches_for_a_leg_that_is_not_here)
{
  b_never_had_a_record ();
  absent (1);
  scene->config.sync = SYNC_NONE;
  refuses ("leg /b, in-sync by the newest record");
  missing_word (1);
  refuses ("leg /b, in-sync by the newest record");
  scene->config.sync = SYNC_FORCE;
  refuses ("is not here");
  does_not_say ("sync=none");
}

TEST (a_leg_that_is_not_here_is_named_before_one_without_a_record)
{
  three_legs ();
  knows (0, 0, 5, 9, A | B | C);
  own (0)->legs[1][0] = 0;
  absent (2);
  refuses ("leg /c, in-sync by the newest record");
  does_not_say ("sync=none");
  scene->config.sync = SYNC_NONE;
  refuses ("leg /c, in-sync by the newest record");
}

/* It was stale: sync=none would serve old data. */
TEST (nobody_vouches_for_a_stale_leg_that_never_had_a_record)
{
  b_never_had_a_record ();
  own (0)->in_sync = A;
  scene->config.sync = SYNC_NONE;
  refuses ("sync=none: leg /b is not in-sync by the newest record");
}

TEST (beside_an_older_log_nobody_vouches)
{
  their_log ();
  b_never_had_a_record ();
  own (0)->generation = scene->record.generation + 1;
  refuses ("is older than the legs' records, and leg /b");
  does_not_say ("sync=none");
  scene->config.sync = SYNC_FORCE;
  refuses ("is older than the legs' records, and leg /b");
}

TEST (a_stale_leg_that_nobody_named_stays_configured)
{
  knows (0, 0, 5, 9, A);
  scene->in.nr_legs = scene->config.nr_legs = 1;
  serves (0);
  slot_is (1, -1, false, false, MISS_ALL);
  ck_assert_str_eq (scene->plan.slot[1].name, "/b");
  ck_assert_ptr_eq (scene->plan.slot[1].name, own (0)->name[1]);
  notes ("leg /b: is not here");
}

TEST (a_stale_leg_that_cannot_be_opened_stays_configured)
{
  knows (0, 0, 5, 9, A);
  absent (1);
  serves (0);
  slot_is (1, 1, false, false, MISS_ALL);
}

TEST (the_word_missing_stands_for_a_leg_of_the_records)
{
  knows (0, 0, 5, 9, A);
  missing_word (1);
  serves (0);
  slot_is (1, 1, false, false, MISS_ALL);
  ck_assert_str_eq (scene->plan.slot[1].name, "/b");
}

TEST (an_unknown_leg_that_cannot_be_opened_is_refused)
{
  three_legs ();
  both_know ();
  own (0)->configured = own (1)->configured = A | B;
  absent (2);
  refuses ("leg /c: can't be opened and is not in the legs' records");
}

/* --- a lost log: legs without a record --- */

TEST (an_empty_leg_without_a_record_gets_a_full_copy)
{
  knows (0, 0, 5, 9, A);
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
  notes ("leg /b: is empty, will get a full copy");
}

TEST (an_empty_leg_that_no_record_knows_joins)
{
  both_ended_cleanly ();
  name_leg (2, "/new", 9);
  scene->empty[2] = PROBE_YES;
  serves (0);
  copies_nothing_to (1, 1);
  slot_is (2, 2, true, true, MISS_ALL);
}

TEST (data_without_a_record_is_refused)
{
  knows (0, 0, 5, 9, A);
  refuses ("leg /b: holds data and has no record");
  also_says ("whose log was disk:/old");
  name_leg (1, "/new", 9);
  refuses ("leg /new: holds data and has no record");
  scene->config.sync = SYNC_FORCE;
  serves (0);
  slot_is (2, 1, true, true, MISS_ALL);
}

TEST (a_damaged_record_counts_as_none)
{
  both_know ();
  own (0)->in_sync = A;
  scene->in.leg[1].record_verdict = RECORD_BAD;
  refuses ("leg /b: holds data");
  notes ("leg /b: its record is damaged, it counts as none");
}

TEST (a_name_that_was_cut_off_is_still_known)
{
  static char name[300];

  memset (name, 'n', sizeof name - 1);
  name_leg (1, name, 2);
  knows (0, 0, 5, 9, A);
  memset (own (0)->name[1], 'n', RECORD_NAME_SIZE - 1);
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
}

/* --- a lost log: legs that do not belong together --- */

TEST (legs_of_two_mirrors_are_refused)
{
  both_know ();
  own (1)->mirror[0] = MIRROR + 1;
  snprintf (own (1)->log_name, RECORD_LOG_NAME_SIZE, "disk:/other");
  refuses ("leg /a and leg /b are of different mirrors");
  also_says ("disk:/old");
  also_says ("disk:/other");
  also_says ("remove /b.mirrorleg");
  scene->leg[1].kind = LEG_NBD;
  refuses ("if leg /b shall leave its mirror, make it empty");
  scene->config.sync = SYNC_FORCE;
  refuses ("different mirrors");
}

TEST (a_record_of_another_version_is_refused)
{
  scene->in.leg[1].record_verdict = RECORD_FOREIGN;
  refuses ("leg /b: its record is of another version");
  their_log ();
  refuses ("leg /b: its record is of another version");
}

TEST (two_legs_with_one_record_are_refused)
{
  both_know ();
  own (1)->leg[0] = own (0)->leg[0];
  refuses ("leg /a and leg /b carry the same record");
  their_log ();
  refuses ("carry the same record");
}

TEST (a_leg_that_was_removed_is_refused)
{
  three_legs ();
  knows (0, 0, 5, 9, A | B);
  knows (1, 1, 5, 9, A | B);
  knows (2, 2, 3, 4, A | B);
  own (0)->configured = own (1)->configured = A | B;
  memset (own (0)->legs[2], 0, RECORD_ID_SIZE);
  memset (own (1)->legs[2], 0, RECORD_ID_SIZE);
  refuses ("leg /c: was a leg of this mirror, and is none any more");
  /* Another one has its place. */
  own (0)->configured = own (1)->configured = A | B | C;
  own (0)->legs[2][0] = own (1)->legs[2][0] = 99;
  refuses ("leg /c: was a leg of this mirror, and is none any more");
}

/* --- two lines --- */

/* source=1@5 was used: leg b left the history that leg a is in. */
static void
leg_b_left (void)
{
  own (1)->history[0] = HISTORY + 1;
  own (1)->parent[0] = HISTORY;
  own (1)->parent_generation = 5;
}

TEST (a_history_knows_its_parent)
{
  knows (0, 0, 5, 20, A | B);
  knows (1, 1, 6, 10, B);
  leg_b_left ();
  serves (1);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY + 1);
  copies_all_to (0, 0);
}

static void
two_lines (void)
{
  knows (0, 0, 7, 20, A);
  knows (1, 1, 6, 10, B);
  leg_b_left ();
}

TEST (two_lines_are_refused_with_the_words_for_both)
{
  two_lines ();
  refuses ("leg /a and leg /b have both gone on without the other");
  also_says ("source=0@7 (leg /a)");
  also_says ("source=1@7 (leg /b)");
  scene->config.sync = SYNC_FORCE;
  refuses ("have both gone on");
}

TEST (an_override_says_which_line_goes_on)
{
  two_lines ();
  override (1, 7);
  serves (1);
  ck_assert_uint_eq (scene->plan.generation, 7 + 2 * LOG_MAX_LEGS);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY + 1);
  ck_assert_uint_eq (scene->plan.history_left, 7);
  copies_all_to (0, 0);
  override (0, 7);
  serves (0);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY);
  copies_all_to (1, 1);
  override (0, 6);
  refuses ("have both gone on");
  notes ("source=0@6: ignored, the legs' records are at generation 7");
}

TEST (two_lines_beside_a_log_are_refused_too)
{
  their_log ();
  scene->record.generation = 8;
  two_lines ();
  refuses ("leg /a and leg /b have both gone on without the other");
  also_says ("source=0@8 (leg /a)");
  override (0, 8);
  serves (0);
  notes ("is made anew from the record of leg /a, with which the mirror goes");
  ck_assert (scene->plan.create);
  ck_assert_uint_eq (scene->plan.generation, 8 + 2 * LOG_MAX_LEGS);
  copies_all_to (1, 1);
}

/* An older copy of the log let leg b serve without a, which had done the same. */
TEST (two_copies_of_a_log_make_two_lines)
{
  their_log ();
  scene->record.generation = 6;
  scene->record.primary = 1;
  scene->record.leg[0].state = LOG_LEG_STALE;
  knows (0, 0, 6, 20, A);
  knows (1, 1, 6, 10, B);
  refuses ("leg /a and leg /b have both gone on without the other");
  also_says ("source=0@6 (leg /a)");
  also_says ("source=1@6 (leg /b)");
  own (0)->generation = 9;
  refuses ("leg /a and leg /b have both gone on without the other");
  found (LOG_FOUND_NEW);
  refuses ("leg /a and leg /b have both gone on without the other");
}

/* The same, but the second mirror was killed before it had written a record, so it
 * had not served anybody either.
 */
TEST (a_second_line_without_a_record_is_none)
{
  their_log ();
  scene->record.generation = 6;
  scene->record.primary = 1;
  scene->record.leg[0].state = LOG_LEG_STALE;
  scene->record.leg[0].generation = 5;
  knows (0, 0, 6, 10, A);
  knows (1, 1, 5, 9, A | B);
  serves (0);
  begins_anew (7);
  copies_all_to (1, 1);
  notes ("log /l: is an older copy");
  scene->record.leg[0].generation = 6; /* source=1@6, without a record of b */
  serves (1);
  ck_assert (!scene->plan.create);
}

/* The log was lost, and made anew from the records; leg b, the source, was the one
 * with the newest.  The mirror was killed before it had written others.
 */
TEST (a_log_that_never_knew_a_leg_in_sync_is_not_older)
{
  their_log ();
  scene->record.generation = 21;
  scene->record.primary = 1;
  scene->record.leg[0].state = LOG_LEG_STALE;
  scene->record.leg[0].generation = 0;
  knows (0, 0, 5, 9, A);
  knows (1, 1, 5, 10, A | B);
  serves (1);
  ck_assert (!scene->plan.create);
  absent (1);
  refuses ("no leg that is in-sync by the log /l is here");
}

/* Two legs on one side. */
TEST (two_legs_and_a_copy_of_the_log_make_two_lines)
{
  three_legs ();
  their_log ();
  scene->record.generation = 7;
  scene->record.primary = 1;
  record (2, LOG_LEG_STALE, "/c", 3);
  scene->record.leg[0].state = LOG_LEG_STALE;
  scene->record.leg[0].generation = scene->record.leg[2].generation = 5;
  knows (0, 0, 6, 10, A | C);
  knows (1, 1, 7, 10, B);
  knows (2, 2, 6, 10, A | C);
  refuses ("have both gone on without the other");
  /* Or b became in-sync beside c, and c left: this is one line. */
  scene->record.leg[0].generation = 6;
  absent (2);
  serves (1);
  copies_nothing_to (0, 0);
}

/* source=N@G was used twice since leg c left. */
TEST (a_leg_that_left_before_two_histories_is_stale_and_no_more)
{
  three_legs ();
  their_log ();
  scene->record.generation = 9;
  record (2, LOG_LEG_STALE, "/c", 3);
  scene->record.leg[2].generation = 5;
  for (unsigned i = 0; i < 3; ++i)
    knows (i, i, i == 2 ? 5 : 9, 9, i == 2 ? A | B | C : A | B);
  for (unsigned i = 0; i < 2; ++i) {
    own (i)->history[0] = HISTORY + 2;
    own (i)->parent[0] = HISTORY + 1;
    own (i)->parent_generation = 8;
  }
  serves (0);
  copies_nothing_to (1, 1);
  copies_nothing_to (2, 2);
  own (2)->generation = 6;
  refuses ("have both gone on without the other");
}

/* With leg-records=off leg a lost its record, and got another one later, in a
 * history that has none before it; leg b was out all the time.
 */
TEST (a_leg_that_was_out_while_there_were_no_records_is_stale_and_no_more)
{
  their_log ();
  scene->record.generation = 8;
  scene->record.leg[1].state = LOG_LEG_STALE;
  scene->record.leg[1].generation = 5;
  knows (0, 0, 8, 1, A);
  own (0)->history[0] = HISTORY + 5;
  knows (1, 1, 6, 12, A); /* it was back for a moment, but not in-sync */
  serves (0);
  copies_nothing_to (1, 1);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY + 5);
  own (1)->generation = 9;
  refuses ("have both gone on without the other");
  own (1)->generation = 6;
  own (1)->in_sync = A | B;
  refuses ("have both gone on without the other");
}

/* --- names of records in messages --- */

/* A leg may come from anywhere, and the admin reads this on a terminal. */
TEST (what_is_no_text_is_not_printed)
{
  knows (0, 0, 5, 9, A | B);
  snprintf (own (0)->log_name, sizeof own (0)->log_name,
            "disk:/x\nleg /a: all is well\033[2J\xc2\x9b\xff");
  snprintf (own (0)->name[1], sizeof own (0)->name[1], "/b\033[1m");
  own (1)->mirror[0] = MIRROR;
  scene->empty[1] = PROBE_YES;
  override (0, 5);
  serves (0);
  ck_assert_ptr_null (strchr (scene->plan.notes, '\033'));
  notes ("disk:/x?leg /a: all is well?[2J??");
  scene->in.nr_legs = scene->config.nr_legs = 1;
  scene->config.source_leg = -1;
  refuses ("leg /b?[1m, in-sync by the newest record");
  override (0, 5);
  serves (0);
  ck_assert_str_eq (scene->plan.slot[1].name, "");
}

/* The words to go on with come last. */
TEST (long_names_leave_the_words_whole)
{
  static char name[2][LOG_NAME_SIZE];

  both_ended_cleanly ();
  for (unsigned i = 0; i < 2; ++i) {
    memset (name[i], 'a' + (int) i, sizeof name[i] - 1);
    scene->leg[i].name = name[i];
    scene->in.leg[i].name = name[i];
  }
  scene->same[1] = PROBE_NO;
  refuses ("leg bbbb");
  also_says (" source=0@5 (leg aaa");
  also_says (" source=1@5 (leg bbb");
  ck_assert_uint_lt (strlen (scene->plan.reason),
                     4000); /* as a message may be */
}

/* --- source=N@G, sync= --- */

TEST (an_override_lets_a_leg_serve_alone)
{
  knows (0, 0, 5, 9, A | B);
  absent (1);
  override (0, 5);
  serves (0);
  begins_anew (6);
  ck_assert_uint_eq (scene->plan.history_left, 5);
  slot_is (1, 1, false, false, MISS_ALL);
}

TEST (an_override_of_another_generation_does_not)
{
  knows (0, 0, 5, 9, A | B);
  absent (1);
  override (0, 4);
  refuses ("source=0@5");
  notes ("source=0@4: ignored, the legs' records are at generation 5");
  ck_assert_uint_eq (scene->plan.history_left, 0);
}

TEST (an_override_may_name_a_leg_without_a_record)
{
  knows (0, 0, 5, 9, A | B);
  override (1, 5);
  serves (1);
  copies_all_to (0, 0);
  ck_assert_uint_eq (scene->plan.slot[1].record_id[0], 0);
  override (0, 5);
  refuses ("leg /b: holds data and has no record");
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
  override (1, 5);
  refuses ("source=1@5: leg /b is empty");
}

TEST (an_override_that_is_not_needed_is_ignored)
{
  both_know ();
  override (1, 5);
  serves (0);
  notes ("source=1@5: not needed, ignored");
  ck_assert_uint_eq (scene->plan.history_left, 0);
  ck_assert_uint_eq (scene->plan.generation, 5 + 2 * LOG_MAX_LEGS);
}

TEST (sync_force_copies_all_from_the_lowest_leg_that_was_in_sync)
{
  three_legs ();
  for (unsigned i = 0; i < 3; ++i) {
    knows (i, i, 5, 9, B | C);
    own (i)->primary = 2;
    ended_cleanly (i);
  }
  scene->config.sync = SYNC_FORCE;
  serves (1);
  copies_all_to (0, 0);
  copies_all_to (2, 2);
}

TEST (sync_none_copies_nothing_where_all_were_in_sync)
{
  both_know ();
  scene->config.sync = SYNC_NONE;
  serves (0);
  copies_nothing_to (1, 1);
  ck_assert_uint_eq (scene->empty_asked, 0);
  ck_assert_uint_eq (scene->same_asked, 0);
}

TEST (sync_none_is_refused_for_a_stale_leg)
{
  three_legs ();
  for (unsigned i = 0; i < 3; ++i)
    knows (i, i, 5, 9, A | C);
  scene->config.sync = SYNC_NONE;
  refuses ("sync=none: leg /b is not in-sync by the newest record");
  also_says ("source=0@5 (leg /a)");
  override (0, 5);
  serves (0);
  copies_all_to (1, 1);
  copies_all_to (2, 2);
}

/* --- geometry of a lost log --- */

TEST (the_records_say_the_geometry)
{
  both_ended_cleanly ();
  scene->leg[0].size = scene->leg[1].size = 2 * LEG_SIZE;
  own (0)->region_size = own (1)->region_size = 2 * REGION;
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
  ck_assert_uint_eq (scene->plan.geo.region_size, 2 * REGION);
  scene->config.region_size = REGION;
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.nr_regions, NR_REGIONS);
  copies_nothing_to (1, 1);
}

TEST (a_smaller_size_than_the_records_is_refused)
{
  both_know ();
  scene->config.size = LEG_SIZE - MIB;
  refuses ("the legs' records are of a mirror of 67108864 bytes");
}

TEST (a_larger_size_than_the_records_copies_all)
{
  both_ended_cleanly ();
  scene->config.size = LEG_SIZE + MIB;
  refuses ("size=68157440: leg");
  scene->leg[0].size = scene->leg[1].size = 2 * LEG_SIZE;
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE + MIB);
  ck_assert (!scene->plan.grow);
  copies_all_to (1, 1);
}

TEST (too_many_regions_are_refused)
{
  scene->leg[0].size = scene->leg[1].size = UINT64_C (5) << 40;
  both_know ();
  own (0)->size = own (1)->size = UINT64_C (5) << 40;
  own (0)->region_size = own (1)->region_size = 1u << 26;
  scene->config.region_size = 65536;
  refuses ("region-size=65536");
}

/* --- log=core --- */

TEST (core_copies_all_from_leg_0_also_after_a_clean_end)
{
  core_log ();
  both_ended_cleanly ();
  own (0)->primary = own (1)->primary = 1;
  serves (0);
  begins_anew (6);
  copies_all_to (1, 1);
  ck_assert_str_eq (scene->plan.notes, "");
}

TEST (core_does_not_take_a_stale_leg_0)
{
  core_log ();
  three_legs ();
  for (unsigned i = 0; i < 3; ++i) {
    knows (i, i, 5, 9, B | C);
    own (i)->primary = 2;
  }
  serves (2);
  copies_all_to (0, 0);
  copies_all_to (1, 1);
  notes ("log core: everything is copied from leg /c");
}

TEST (core_needs_every_leg_that_is_named)
{
  core_log ();
  knows (0, 0, 5, 9, A);
  absent (1);
  refuses ("leg /b: can't be opened");
}

/* The word missing does not make leg a know what leg b did. */
TEST (core_does_not_let_a_leg_serve_alone)
{
  core_log ();
  knows (0, 0, 5, 9, A | B);
  missing_word (1);
  refuses ("log core: is new, and leg /b");
  override (0, 5);
  serves (0);
}

/* As ever with this log: leg 0 is copied, and nobody has to say so. */
TEST (core_needs_no_words_for_a_leg_that_never_had_a_record)
{
  core_log ();
  b_never_had_a_record ();
  serves (0);
  begins_anew (6);
  copies_all_to (1, 1);
  own (0)->in_sync = A; /* it had failed */
  serves (0);
  copies_all_to (1, 1);
}

TEST (core_takes_leg_0_that_never_had_a_record)
{
  core_log ();
  knows (1, 1, 5, 9, A | B);
  own (1)->legs[0][0] = 0;
  serves (0);
  copies_all_to (1, 1);
  own (1)->in_sync = B;
  own (1)->primary = 1;
  serves (1);
  copies_all_to (0, 0);
}

TEST (core_asks_for_a_leg_that_never_had_a_record_under_another_name)
{
  core_log ();
  b_never_had_a_record ();
  name_leg (1, "/renamed", 9);
  refuses ("leg /renamed, in-sync by the newest record");
  also_says ("sync=force to overwrite the others with leg /a");
  scene->config.sync = SYNC_FORCE;
  serves (0);
  copies_all_to (1, 1);
}

TEST (core_refuses_an_empty_leg_0_beside_data)
{
  core_log ();
  b_never_had_a_record ();
  scene->empty[0] = PROBE_YES;
  refuses ("leg /a: is empty, but leg /b");
}

TEST (core_does_not_overwrite_a_leg_that_no_record_names)
{
  core_log ();
  knows (0, 0, 5, 9, A);
  own (0)->legs[1][0] = 0;
  name_leg (1, "/new", 9);
  refuses ("leg /new: holds data and has no record");
}

/* --- a log that is older than the legs --- */

TEST (a_log_older_than_the_records_is_made_anew)
{
  their_log ();
  knows (0, 0, 6, 9, A);
  knows (1, 1, 5, 8, A | B);
  serves (0);
  begins_anew (7);
  copies_all_to (1, 1);
  notes ("log /l: is an older copy (generation 5)");
  notes ("record of leg /a (generation 6)");
}

/* The mirror was moved there. */
TEST (an_older_log_is_refused_where_the_records_name_another)
{
  their_log ();
  knows (0, 0, 6, 9, A);
  knows (1, 1, 5, 8, A | B);
  scene->config.log = "disk:/l";
  refuses ("log /l: is older than the record of leg /a, which names another "
           "log: start with log=disk:/old");
}

TEST (an_older_log_and_a_leg_that_may_know_more_are_refused)
{
  their_log ();
  knows (0, 0, 6, 9, A | B);
  absent (1);
  refuses ("log /l: is older than the legs' records, and leg /b");
  also_says ("source=0@6 (leg /a)");
  override (0, 6);
  serves (0);
  begins_anew (7);
  ck_assert_uint_eq (scene->plan.history_left, 6);
}

TEST (an_older_log_and_clean_legs_need_no_copy)
{
  their_log ();
  both_ended_cleanly ();
  own (0)->generation = own (1)->generation = 8;
  serves (0);
  begins_anew (9);
  copies_nothing_to (1, 1);
}

TEST (a_heartbeat_that_saw_more_flushes_shows_an_older_log)
{
  their_log ();
  both_know ();
  heard_beat (1, 1, 4);
  serves (0);
  ck_assert (!scene->plan.create);
  scene->in.leg[1].beat.flush_number = 31;
  serves (0);
  begins_anew (6);
  copies_all_to (1, 1);
  notes ("the heartbeat on leg /b has seen a later one");
  scene->in.leg[1].beat.mirror[0] = MIRROR + 1;
  serves (0);
  ck_assert (!scene->plan.create);
}

TEST (a_log_without_flush_numbers_is_not_older)
{
  their_log ();
  both_know ();
  heard_beat (1, 1, 4);
  scene->in.log_flush_number = 0;
  serves (0);
  ck_assert (!scene->plan.create);
}

TEST (a_new_life_is_past_the_generation_of_every_heartbeat)
{
  their_log ();
  both_know ();
  heard_beat (0, 1, 4);
  scene->in.leg[0].beat.generation = 7;
  serves (0);
  begins_anew (8);
}

TEST (a_clean_log_from_before_the_last_start_is_older)
{
  their_log ();
  both_know ();
  scene->log.unclean = false;
  serves (0);
  begins_anew (6);
  copies_all_to (1, 1);
  notes ("from a clean end since which the mirror has begun again");
  scene->log.unclean = true;
  serves (0);
  ck_assert (!scene->plan.create);
}

/* source=0@5 was given, and the start was cut off when the log had it by half. */
TEST (a_log_that_calls_nobody_in_sync_is_made_anew)
{
  their_log ();
  scene->record.generation = 7;
  scene->record.leg[0].state = scene->record.leg[1].state = LOG_LEG_STALE;
  knows (0, 0, 6, 10, A);
  knows (1, 1, 5, 9, A | B);
  serves (0);
  begins_anew (8);
  copies_all_to (1, 1);
  notes ("log /l: calls no leg in-sync");
  absent (0);
  refuses ("leg /a, in-sync by the newest record");
  scene->in.leg[1].record_verdict = RECORD_BLANK;
  refuses (
    "the log /l calls no leg in-sync: a start with source= was cut off");
}

/* With leg-records=off, which took away the record of leg a only: b was out. */
TEST (a_leg_that_became_in_sync_without_a_record_does_not_make_the_log_old)
{
  their_log ();
  scene->log.unclean = false;
  knows (1, 1, 5, 9, A);
  serves (0);
  ck_assert (!scene->plan.create);
  copies_nothing_to (1, 1);
}

/* It failed as a target, for which there is no new generation. */
TEST (a_stale_leg_does_not_know_of_the_clean_end)
{
  their_log ();
  knows (0, 0, 5, 10, A);
  ended_cleanly (0);
  knows (1, 1, 5, 9, A);
  absent (0);
  scene->log.unclean = false;
  scene->record.leg[1].state = LOG_LEG_STALE;
  refuses ("source=1@5");
  does_not_say ("older");
}

/* Disk b never had a record, but the log knows the very disk. */
TEST (an_older_log_still_knows_its_disks)
{
  their_log ();
  knows (0, 0, 6, 9, A);
  own (0)->legs[1][0] = 0;
  serves (0);
  copies_all_to (1, 1);
  scene->leg[1].id[0] = 77;
  refuses ("leg /b: holds data");
}

/* The older copy knows nothing of regions of another size. */
TEST (an_older_log_of_another_geometry_is_not_asked)
{
  their_log ();
  scene->log.geo = (struct log_geometry){LEG_SIZE / 2, REGION, NR_REGIONS / 2};
  both_ended_cleanly ();
  own (0)->generation = own (1)->generation = 8;
  serves (0);
  ck_assert_uint_eq (scene->same_asked, 0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
}

/* --- a log that is not lost --- */

TEST (records_change_nothing_where_the_log_is_the_newest)
{
  their_log ();
  both_know ();
  serves (0);
  ck_assert (!scene->plan.create);
  ck_assert_uint_eq (scene->plan.generation, 0);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY);
  ck_assert_uint_eq (scene->plan.slot[1].record_id[0], 101);
  copies_nothing_to (1, 1);
  ck_assert_str_eq (scene->plan.notes, "");
}

TEST (legs_without_records_are_served_as_before)
{
  their_log ();
  serves (0);
  copies_nothing_to (1, 1);
  ck_assert_uint_eq (scene->plan.history[0], 0);
  knows (0, 0, 5, 9, A | B);
  serves (0);
  copies_nothing_to (1, 1);
}

TEST (a_leg_of_another_mirror_is_refused)
{
  their_log ();
  both_know ();
  own (1)->mirror[0] = MIRROR + 1;
  refuses ("leg /b: is a leg of another mirror than the log /l (its log was "
           "disk:/old)");
  also_says ("remove /b.mirrorleg");
}

/* Neither names nor identities are what they were. */
TEST (a_leg_s_own_record_says_its_slot)
{
  their_log ();
  name_leg (0, "/b", 1);
  name_leg (1, "/x", 77);
  knows (0, 1, 5, 9, A | B);
  knows (1, 0, 5, 9, A | B);
  serves (0);
  copies_nothing_to (0, 1);
  copies_nothing_to (1, 0);
  ck_assert_str_eq (scene->plan.notes, "");
  scene->same[0] = scene->same[1] = PROBE_NO;
  refuses ("differs from leg");
}

/* Another one has its place, whatever its name. */
TEST (a_leg_that_was_replaced_does_not_get_its_slot_by_name)
{
  their_log ();
  both_know ();
  own (0)->legs[1][0] = 99;
  own (1)->sequence = 4;
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: holds data and is not a leg of the log");
}

/* What it holds was equal to what another leg held, so its content may seem to be
 * that leg's, which nobody has named.
 */
TEST (a_leg_that_was_removed_is_not_taken_for_another_one)
{
  their_log ();
  scene->config.log = (char *) "disk:/l";
  record (2, LOG_LEG_STALE, "/c", 3);
  scene->record.leg[1] = (struct log_leg){.state = LOG_LEG_NONE};
  both_know ();
  own (0)->sequence = 12;
  own (0)->configured = own (0)->in_sync = A;
  own (0)->legs[1][0] = 0;
  refuses ("leg /b: holds data and is not a leg of the log /l any more");
  ck_assert_ptr_nonnull (strstr (scene->plan.reason,
                                 "nbdkit mirror /a /c log=disk:/l"));
}

TEST (a_leg_that_nobody_named_is_said_with_the_line_to_use)
{
  their_log ();
  scene->config.log = (char *) "disk:/l";
  record (2, LOG_LEG_STALE, "/c", 3);
  both_know ();
  serves (0);
  notes ("with it: nbdkit mirror /a /b /c log=disk:/l");
}

TEST (an_override_of_a_log_begins_a_new_history)
{
  their_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (0);
  knows (1, 1, 5, 9, A);
  override (1, 5);
  serves (1);
  ck_assert_uint_eq (scene->plan.history[0], HISTORY);
  ck_assert_uint_eq (scene->plan.history_left, 5);
}

TEST (without_records_there_is_no_history_to_leave)
{
  their_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (0);
  override (1, 5);
  serves (1);
  ck_assert_uint_eq (scene->plan.history_left, 0);
}

/* --- a leg that was rolled back --- */

TEST (a_record_two_changes_behind_was_rolled_back)
{
  their_log ();
  both_know ();
  own (1)->sequence = 8; /* a crash */
  serves (0);
  own (1)->sequence = 7;
  refuses ("leg /b: was rolled back: its record is older than that of leg /a");
  also_says ("\"missing\" in its place");
  also_says ("source=0@5 (leg /a)");
  also_says ("source=1@5 (leg /b)");
}

TEST (after_a_clean_end_one_change_is_enough)
{
  their_log ();
  both_ended_cleanly ();
  scene->log.unclean = false;
  own (1)->sequence = 8;
  refuses ("leg /b: was rolled back");
  scene->log.unclean = true; /* or it did not come that far */
  serves (0);
}

TEST (a_heartbeat_that_stopped_shows_a_leg_that_was_rolled_back)
{
  their_log ();
  both_know ();
  heard_beat (0, 1, 113);
  heard_beat (1, 1, 101);
  serves (0);
  scene->in.leg[1].beat.count = 100;
  refuses ("leg /b: was rolled back");
  scene->config.leg_timeout = 120; /* it may just not have answered */
  serves (0);
  scene->config.leg_timeout = 10;
  scene->config.flush_timeout = 120; /* or not have answered a flush */
  serves (0);
  scene->config.flush_timeout = 60;
  for (unsigned i = 0; i < 2; ++i) /* hardly ever beaten */
    scene->in.leg[i].beat.interval_ms = RECORD_MAX_INTERVAL_MS;
  scene->in.leg[1].beat.count = 101;
  serves (0);
}

/* To what it was in the run before, which was killed or ended cleanly: one change
 * behind, as after a crash.
 */
TEST (a_leg_that_was_rolled_back_to_an_earlier_run_is_found)
{
  their_log ();
  both_know ();
  own (1)->sequence = 8;
  heard_beat (0, 2, 13);
  heard_beat (1, 1, 500);
  refuses ("leg /b: was rolled back");
  ended_cleanly (1);
  scene->in.leg[1].beat.used = false;
  refuses ("leg /b: was rolled back");
  scene->in.leg[0].beat.count = 12; /* it may just not have answered */
  serves (0);
  own (1)->sequence = 9; /* the run began, and no heartbeat came that far */
  scene->in.leg[0].beat.count = 13;
  serves (0);
}

TEST (a_heartbeat_of_another_run_says_nothing)
{
  their_log ();
  both_know ();
  heard_beat (0, 1, 113);
  heard_beat (1, 2, 1);
  serves (0);
  own (1)->sequence = 7;
  refuses ("leg /b: was rolled back");
}

/* Leg b has left, and been out when the mirror ended. */
static void
b_was_out (void)
{
  their_log ();
  scene->record.generation = 6;
  scene->record.leg[1].state = LOG_LEG_STALE;
  knows (0, 0, 6, 12, A);
  knows (1, 1, 5, 9, A | B);
  own (0)->had[1].sequence = 9;
}

/* It was renamed without its record, got another one, and has its old name now. */
TEST (an_old_record_beside_a_file_is_named)
{
  their_log ();
  both_know ();
  own (1)->sequence = 7;
  refuses ("leg /b: was rolled back");
  also_says ("its record is in /b.mirrorleg");
  own (0)->legs[1][0] = 99;
  refuses ("leg /b: holds data and is not a leg of the log");
  also_says ("/b.mirrorleg is an old record: remove it");
  scene->leg[1].kind = LEG_NBD;
  refuses ("leg /b: holds data and is not a leg of the log");
  does_not_say (".mirrorleg");
}

/* To before it left: since then it missed what it has in the missed map, and
 * before that what it lost.
 */
TEST (a_stale_leg_that_was_rolled_back_gets_everything)
{
  b_was_out ();
  serves (0);
  copies_nothing_to (1, 1);
  own (1)->sequence = 8;
  scene->same[1] = PROBE_NO; /* of course */
  serves (0);
  copies_all_to (1, 1);
  notes ("leg /b: was rolled back while it was out");
  own (0)->had[1].sequence = 0; /* by an older version */
  scene->same[1] = PROBE_YES;
  serves (0);
  copies_nothing_to (1, 1);
}

/* Nothing had changed for days before it left. */
TEST (a_stale_leg_whose_heartbeat_stopped_before_it_left_was_rolled_back)
{
  b_was_out ();
  heard_beat (1, 3, 100);
  own (0)->had[1].session[0] = 3;
  own (0)->had[1].count = 112;
  serves (0);
  copies_nothing_to (1, 1);
  own (0)->had[1].count = 113;
  serves (0);
  copies_all_to (1, 1);
}

/* To before it had one. */
TEST (a_stale_leg_that_lost_its_record_gets_everything)
{
  b_was_out ();
  scene->in.leg[1].record_verdict = RECORD_BLANK;
  serves (0);
  copies_all_to (1, 1);
  notes ("leg /b: has no record any more (/b.mirrorleg)");
  name_leg (1, "/renamed", 2);
  serves (0);
  copies_nothing_to (1, 1);
  notes ("leg /renamed: has no record any more (/renamed.mirrorleg): the log "
         "alone says");
  name_leg (1, "/b", 2);
  scene->leg[1].id[0] = 77; /* or it is somebody's disk */
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: is not the leg that the log /l knows");
}

/* It had joined, with a record that leg a still had to get. */
TEST (what_an_in_sync_leg_has_for_certain_is_not_late)
{
  their_log ();
  both_know ();
  own (1)->sequence = 8;
  own (0)->had[1].sequence = 8;
  serves (0);
  own (0)->had[1].sequence = 9;
  refuses ("leg /b: was rolled back");
}

/* Three starts were cut off when only leg a had its record. */
TEST (starts_that_were_cut_off_roll_no_leg_back)
{
  their_log ();
  both_know ();
  own (1)->sequence = 6;
  own (0)->had[1].sequence = 6;
  serves (0);
  own (0)->had[1].sequence = 7;
  refuses ("leg /b: was rolled back");
}

TEST (what_legs_have_goes_on)
{
  b_was_out ();
  own (0)->had[1].session[0] = 3;
  own (0)->had[1].count = 113;
  serves (0);
  ck_assert_uint_eq (scene->plan.slot[1].had.sequence, 9);
  ck_assert_uint_eq (scene->plan.slot[1].had.count, 113);
  absent (1);
  serves (0);
  ck_assert_uint_eq (scene->plan.slot[1].had.sequence, 9);
  ck_assert_uint_eq (scene->plan.slot[1].had.session[0], 3);
}

/* It was in-sync to the end, and is absent: what others saw last it saw, too. */
TEST (an_absent_leg_has_what_all_had_at_the_end)
{
  their_log ();
  knows (0, 0, 5, 9, A | B);
  own (0)->had[1].sequence = 8;
  heard_beat (0, 3, 200);
  absent (1);
  serves (0);
  ck_assert_uint_eq (scene->plan.slot[1].had.sequence, 8);
  ck_assert_uint_eq (scene->plan.slot[1].had.session[0], 3);
  ck_assert_uint_eq (scene->plan.slot[1].had.count, 200);
  ended_cleanly (0);
  scene->log.unclean = false;
  serves (0);
  ck_assert_uint_eq (scene->plan.slot[1].had.sequence, 9);
}

/* The record that says so was written to leg a only. */
TEST (a_leg_that_had_just_become_in_sync_was_not_rolled_back)
{
  their_log ();
  both_know ();
  own (1)->sequence = 3;
  heard_beat (0, 1, 113);
  heard_beat (1, 1, 113);
  serves (0);
}

TEST (a_leg_that_was_rolled_back_gets_a_full_copy_when_it_is_empty)
{
  their_log ();
  both_know ();
  own (1)->sequence = 4;
  scene->empty[1] = PROBE_YES;
  serves (0);
  copies_all_to (1, 1);
}

TEST (an_override_takes_either_side_of_a_roll_back_in_full)
{
  their_log ();
  both_know ();
  own (1)->sequence = 4;
  override (0, 5);
  serves (0);
  copies_all_to (1, 1);
  override (1, 5);
  serves (1);
  copies_all_to (0, 0);
}

TEST (a_stale_leg_may_have_an_older_record)
{
  their_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  knows (0, 0, 5, 9, A);
  knows (1, 1, 4, 2, A | B);
  serves (0);
  copies_nothing_to (1, 1);
}

TEST (a_leg_that_was_rolled_back_is_refused_without_a_log_too)
{
  both_know ();
  own (1)->sequence = 7;
  refuses ("leg /b: was rolled back");
  scene->empty[1] = PROBE_YES;
  own (0)->primary = own (1)->primary = 1;
  serves (0);
  copies_all_to (1, 1);
}

TEST (a_leg_that_was_rolled_back_alone_is_believed)
{
  their_log ();
  knows (1, 1, 5, 2, A | B);
  absent (0);
  serves (1);
}

/* --- the kernel, a damaged log --- */

TEST (records_do_not_count_after_the_kernel)
{
  kernel_used_our_log ();
  scene->log.uuid[0] = MIRROR;
  both_know ();
  own (1)->sequence = 2;
  own (0)->generation = 9;
  serves (0);
  ck_assert (!scene->plan.create);
  slot_is (1, 1, true, false, MISS_KERNEL_DIRTY);
  own (1)->mirror[0] = MIRROR + 1;
  serves (0);
  kernel_log ();
  scene->config.region_size = REGION;
  serves (0);
  ck_assert_uint_eq (scene->plan.mirror[0], 0);
  ck_assert_uint_eq (scene->plan.history[0], 0);
}

TEST (a_damaged_log_names_the_recorded_primary)
{
  damaged_log ();
  knows (0, 0, 5, 9, B);
  name_leg (1, "/y", 2);
  knows (1, 1, 5, 9, B);
  refuses ("by the newest of the legs' own records (of leg /a, generation 5) "
           "leg /y is the primary");
  absent (1);
  refuses ("leg /b is the primary");
  override (0, 0);
  absent (1);
  missing_word (1);
  serves (0);
  ck_assert_uint_eq (scene->plan.mirror[0], 0);
}

/* --- who keeps a record --- */

/* Leg i is an export with room for a trailer, empty or not. */
static void
exported (unsigned i, enum probe_answer empty)
{
  scene->leg[i].kind = LEG_NBD;
  scene->in.leg[i].trailer = LEG_SIZE - RECORD_AREA;
  scene->empty[i] = empty;
}

static void
keeps (bool a, bool b)
{
  ck_assert_int_eq (scene->plan.slot[0].keeps_record, a);
  ck_assert_int_eq (scene->plan.slot[1].keeps_record, b);
}

TEST (files_keep_records_beside_them)
{
  scene->config.sync = SYNC_NONE;
  serves (0);
  keeps (true, true);
  ck_assert_str_eq (scene->plan.notes, "");
  ck_assert_uint_eq (scene->empty_asked, 0);
  scene->config.leg_records = RECORDS_ON;
  serves (0);
  keeps (true, true);
}

TEST (records_can_be_off)
{
  both_ended_cleanly ();
  scene->config.leg_records = RECORDS_OFF;
  serves (0);
  keeps (false, false);
  notes ("leg-records=off");
}

TEST (a_new_mirror_of_empty_legs_leaves_room_for_trailers)
{
  exported (0, PROBE_YES);
  exported (1, PROBE_YES);
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE - RECORD_AREA);
  keeps (true, true);
  ck_assert_str_eq (scene->plan.notes, "");
  scene->config.leg_records = RECORDS_OFF;
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
}

TEST (a_new_mirror_of_a_leg_with_data_has_its_size)
{
  exported (0, PROBE_NO);
  exported (1, PROBE_YES);
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
  keeps (false, false);
  notes ("leg /a: has no record of its own: the mirror uses it to its end");
  scene->leg[1].size = LEG_SIZE + RECORD_AREA;
  scene->in.leg[1].trailer = LEG_SIZE;
  serves (0);
  keeps (false, true);
}

TEST (size_leaves_room_for_trailers)
{
  exported (0, PROBE_YES);
  exported (1, PROBE_YES);
  scene->config.size = LEG_SIZE - RECORD_AREA;
  serves (0);
  keeps (true, true);
  scene->config.size = LEG_SIZE - RECORD_AREA + 512;
  serves (0);
  keeps (false, false);
}

TEST (a_record_is_never_written_over_data)
{
  exported (0, PROBE_YES);
  exported (1, PROBE_YES);
  scene->in.leg[1].trailer = 0;
  scene->config.size = LEG_SIZE / 2;
  serves (0);
  keeps (true, false);
  notes ("leg /b: has no record of its own: holds data to its end");
  exported (1, PROBE_YES);
  scene->data_at_end = B;
  serves (0);
  keeps (true, false);
}

TEST (records_that_must_be_are_refused_where_they_cannot)
{
  exported (0, PROBE_YES);
  exported (1, PROBE_YES);
  scene->config.leg_records = RECORDS_ON;
  serves (0);
  scene->data_at_end = A;
  refuses ("leg-records=on: leg /a: can't have a record: the mirror uses it");
  scene->config.size = LEG_SIZE / 2;
  refuses ("leg-records=on: leg /a: can't have a record: holds data");
  scene->data_at_end = 0;
  scene->config.size = LEG_SIZE;
  refuses ("leg-records=on: leg /a: can't have a record: the mirror uses it");
}

/* Whatever is behind the mirror's end: it was not looked at when leg b joined. */
TEST (a_leg_that_is_in_the_mirror_without_a_trailer_gets_none)
{
  their_log ();
  exported (1, PROBE_NO);
  scene->record.leg[1].kind = LEG_NBD;
  scene->leg[1].size = LEG_SIZE + RECORD_AREA;
  scene->in.leg[1].trailer = LEG_SIZE;
  serves (0);
  keeps (true, false);
  ck_assert_str_eq (scene->plan.notes, ""); /* it was said long ago */
  scene->config.plan = true;
  serves (0);
  notes ("leg /b: has no record of its own");
  scene->config.plan = false;
  scene->empty[1] = PROBE_YES;
  serves (0);
  keeps (true, false);
  scene->in.leg[1].record_verdict = RECORD_BAD; /* it had one */
  serves (0);
  keeps (true, true);
}

/* It has not done anything yet. */
TEST (a_mirror_that_ended_before_its_first_records_gets_them)
{
  their_log ();
  scene->record.generation = 1;
  for (unsigned i = 0; i < 2; ++i) {
    exported (i, PROBE_YES);
    scene->record.leg[i].kind = LEG_NBD;
    scene->leg[i].size = LEG_SIZE + RECORD_AREA;
    scene->in.leg[i].trailer = LEG_SIZE;
  }
  serves (0);
  keeps (true, true);
  scene->data_at_end = B; /* behind the mirror, and before the trailer */
  serves (0);
  keeps (true, false);
}

TEST (an_empty_leg_that_joins_gets_a_trailer_if_it_is_larger)
{
  their_log ();
  name_leg (2, "/c", 3);
  exported (2, PROBE_YES);
  serves (0);
  ck_assert (!scene->plan.slot[2].keeps_record);
  scene->leg[2].size = LEG_SIZE + RECORD_AREA;
  scene->in.leg[2].trailer = LEG_SIZE;
  serves (0);
  ck_assert (scene->plan.slot[2].keeps_record);
}

/* Legs a and b are exports that have trailers. */
static void
with_trailers (void)
{
  for (unsigned i = 0; i < 2; ++i) {
    exported (i, PROBE_NO);
    scene->leg[i].size = LEG_SIZE + RECORD_AREA;
    scene->in.leg[i].trailer = LEG_SIZE;
    scene->record.leg[i].kind = LEG_NBD;
  }
  both_know ();
  own (0)->leg_size = own (1)->leg_size = LEG_SIZE + RECORD_AREA;
}

TEST (a_trailer_is_kept)
{
  their_log ();
  with_trailers ();
  serves (0);
  keeps (true, true);
  ck_assert_uint_eq (scene->empty_asked, 0);
  found (LOG_FOUND_NEW);
  serves (0);
  keeps (true, true);
}

/* Leg a is a raw disk with another mirror's leg at its end. */
static void
nested (enum log_found how)
{
  with_trailers ();
  scene->config.log = (char *) "disk:/outer";
  found (how);
  scene->in.leg[1].record_verdict = RECORD_BLANK;
  scene->in.leg[1].trailer = 0;
  own (0)->configured = own (0)->in_sync = A;
  snprintf (own (0)->name[0], sizeof own (0)->name[0], "/dev/vdb");
  memset (own (0)->name[1], 0, sizeof own (0)->name[1]);
}

TEST (a_record_that_knows_no_name_may_be_data)
{
  nested (LOG_FOUND_NEW);
  refuses ("leg /a: ends in the record of a mirror whose log was disk:/old");
  also_says ("leg-records=on");
  also_says ("leg-records=off once, which leaves it alone");
  damaged_log ();
  refuses ("leg /a: ends in the record");
  override (0, scene->record.generation);
  refuses ("leg /a: ends in the record");
}

TEST (a_record_is_data_if_the_user_says_so)
{
  nested (LOG_FOUND_NEW);
  scene->config.leg_records = RECORDS_OFF;
  scene->config.sync = SYNC_FORCE;
  serves (0);
  ck_assert (scene->plan.create);
  ck_assert_uint_eq (scene->plan.mirror[0], 0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE + RECORD_AREA);
  notes ("which is taken for data and left alone");
}

TEST (a_record_is_not_data_if_the_user_says_so)
{
  nested (LOG_FOUND_NEW);
  absent (1);
  scene->in.nr_legs = scene->config.nr_legs = 1;
  scene->config.leg_records = RECORDS_ON;
  serves (0);
  ck_assert_uint_eq (scene->plan.mirror[0], MIRROR);
}

TEST (a_record_that_knows_a_name_is_no_data)
{
  nested (LOG_FOUND_NEW);
  absent (1);
  scene->in.nr_legs = scene->config.nr_legs = 1;
  snprintf (own (0)->name[0], sizeof own (0)->name[0], "/a");
  serves (0);
  scene->leg[0].kind = LEG_BLOCK; /* on another host */
  refuses ("leg /a: ends in the record");
}

/* A raw disk, and its copy: what was one mirror's log is gone. */
TEST (equal_records_may_be_data_of_equal_disks)
{
  with_trailers ();
  *own (1) = *own (0);
  found (LOG_FOUND_NEW);
  refuses ("carry the same record");
  also_says ("leg-records=off");
  scene->config.leg_records = RECORDS_OFF;
  scene->config.sync = SYNC_NONE;
  serves (0);
}

/* The log never was ours, so no record is. */
TEST (a_kernel_s_log_has_no_records)
{
  with_trailers ();
  kernel_log ();
  scene->config.region_size = REGION;
  scene->config.size = LEG_SIZE;
  serves (0);
  keeps (false, false);
}

TEST (the_record_of_a_leg_that_has_grown_moves)
{
  their_log ();
  with_trailers ();
  scene->leg[1].size += MIB;
  scene->in.leg[1].trailer += MIB;
  scene->in.leg[1].grown = true;
  refuses ("leg /b: has grown from 67174400 to 68222976 bytes, and its record "
           "can't move");
  also_says ("cut the leg back to its old size");
  scene->config.leg_records = RECORDS_OFF;
  serves (0);
  scene->config.leg_records = RECORDS_AUTO;
  scene->in.leg[1].can_move = true;
  serves (0);
  keeps (true, true);
  notes (
    "leg /b: has grown from 67174400 to 68222976 bytes, its record moves");
  own (1)->sequence = 7;
  refuses ("leg /b: was rolled back");
}

TEST (a_mirror_does_not_grow_into_a_trailer)
{
  their_log ();
  with_trailers ();
  scene->config.size = LEG_SIZE + 4096;
  refuses ("size=67112960: leg /a is smaller, it has 67108864 bytes");
  found (LOG_FOUND_NEW);
  refuses ("size=67112960: leg /a is smaller, it has 67108864 bytes");
  damaged_log ();
  override (0, 0);
  scene->record.generation = 0;
  refuses ("size=67112960: leg /a is smaller, it has 67108864 bytes");
}

/* A mirror of raw disks, and its client has a mirror of its own on it. */
TEST (what_lies_within_the_mirror_is_no_record)
{
  their_log ();
  scene->log.geo.size = LEG_SIZE;
  with_trailers ();
  for (unsigned i = 0; i < 2; ++i) {
    scene->leg[i].size = LEG_SIZE;
    scene->in.leg[i].trailer = LEG_SIZE - RECORD_AREA;
    own (i)->mirror[0] = MIRROR + 1;
    own (i)->generation = 90;
  }
  serves (0);
  keeps (false, false);
  ck_assert (!scene->plan.create);
  scene->in.leg[0].record_verdict = RECORD_FOREIGN;
  serves (0);
}

/* --- plan=1 --- */

static char *printed;

static void
prints (const char *words)
{
  size_t len;
  FILE *out;

  free (printed);
  out = open_memstream (&printed, &len);
  ck_assert_ptr_nonnull (out);
  scene->config.log = (char *) "disk:/l";
  plan_print (out, NULL, &scene->in, &scene->plan);
  fclose (out);
  ck_assert_msg (strstr (printed, words) != NULL, "\"%s\" is not in: %s",
                 words, printed);
}

TEST (plan_shows_what_the_legs_know)
{
  both_ended_cleanly ();
  own (1)->sequence = 8;
  serves (0);
  prints ("record of leg /a: generation 5, change 9, clean, in-sync: /a /b; "
          "the newest\n");
  prints ("record of leg /b: generation 5, change 8, clean, in-sync: /a /b; "
          "older\n");
  prints ("EVERYTHING is copied from leg /a");
  prints ("leg /b: full resync\nwould serve");
  own (1)->flags = 0;
  own (1)->sequence = 9;
  decide ();
  prints ("change 9, not clean, in-sync: /a /b\n");
}

TEST (plan_names_legs_that_nobody_named)
{
  knows (0, 0, 5, 9, A);
  scene->in.nr_legs = scene->config.nr_legs = 1;
  serves (0);
  prints ("leg /b: absent, will get a full copy\n");
}

static struct suite_group tests = {
  .setup = scene_setup,
  .teardown = scene_teardown,
};

int
main (void)
{
  return suite_main ("plan-records");
}
