/* SPDX-License-Identifier: BSD-3-Clause */

/* Start-up: what is found, and what is then done.  No
 * I/O: logs and legs are built by hand, and what the legs hold is said by
 * the scene.
 */

#include "config.h"

#include <check.h>
#include <string.h>

#include "plan-scene.h"
#include "suite.h"

/* --- a new log --- */

TEST (new_log_with_an_empty_other_leg_resyncs_the_data)
{
  scene->empty[1] = PROBE_YES;
  serves (0);
  ck_assert (scene->plan.create);
  ck_assert_uint_eq (scene->plan.generation, 1);
  slot_is (0, 0, true, true, MISS_NOTHING_MORE);
  slot_is (1, 1, true, true, MISS_DATA);
  slot_is_free (2);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
  ck_assert_uint_eq (scene->plan.geo.region_size, REGION);
  ck_assert_uint_eq (scene->plan.geo.nr_regions, NR_REGIONS);
}

/* Also where both are equal: samples never permit an overwrite. */
TEST (new_log_with_data_on_another_leg_is_refused)
{
  refuses ("leg /b: holds data");
  also_says ("sync=force");
  also_says ("sync=none");
}

TEST (new_log_sync_force_overwrites)
{
  scene->config.sync = SYNC_FORCE;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
}

TEST (new_log_sync_none_copies_nothing)
{
  scene->config.sync = SYNC_NONE;
  serves (0);
  slot_is (0, 0, true, true, MISS_NOTHING_MORE);
  slot_is (1, 1, true, true, MISS_NOTHING_MORE);
  ck_assert_uint_eq (scene->empty_asked, 0);
}

TEST (new_log_sync_none_does_not_vouch_for_a_missing_leg)
{
  scene->config.sync = SYNC_NONE;
  missing_word (1);
  serves (0);
  slot_is (1, 1, false, true, MISS_ALL);
}

TEST (new_log_third_leg_with_data_is_refused_too)
{
  name_leg (2, "/c", 3);
  scene->empty[1] = PROBE_YES;
  refuses ("leg /c: holds data");
}

TEST (new_log_leg_that_cannot_be_opened_is_refused)
{
  absent (1);
  refuses ("leg /b: can't be opened");
  also_says ("missing");
}

TEST (new_log_keeps_a_place_for_a_missing_leg)
{
  missing_word (1);
  serves (0);
  slot_is (1, 1, false, true, MISS_ALL);
}

TEST (new_log_source_is_the_first_leg_that_is_not_missing)
{
  missing_word (0);
  serves (1);
  slot_is (0, 0, false, true, MISS_ALL);
  slot_is (1, 1, true, true, MISS_NOTHING_MORE);
}

TEST (nothing_but_missing_legs_is_refused)
{
  missing_word (0);
  missing_word (1);
  refuses ("no leg is here");
}

TEST (an_error_of_the_probe_is_no_decision)
{
  scene->empty[1] = (enum probe_answer) - 1;
  ck_assert_int_eq (plan_make (&scene->in, &scene->plan), -1);
}

/* --- geometry --- */

TEST (size_is_the_smallest_leg_rounded_to_the_largest_block)
{
  scene->config.sync = SYNC_NONE;
  scene->leg[0].min_block = 4096;
  scene->leg[1].size = LEG_SIZE - MIB - 512;
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE - MIB - 4096);
  ck_assert_uint_eq (scene->plan.geo.nr_regions, NR_REGIONS - 2);
}

TEST (size_larger_than_a_leg_is_refused)
{
  scene->config.size = LEG_SIZE + 512;
  refuses ("leg /a");
}

TEST (size_that_no_block_divides_is_refused)
{
  scene->config.size = LEG_SIZE - 256;
  refuses ("must be a multiple of 512");
}

TEST (legs_without_room_are_refused)
{
  scene->leg[1].size = 0;
  refuses ("leg /b: is empty");
}

TEST (region_size_doubles_until_there_are_at_most_4_mi_regions)
{
  scene->config.sync = SYNC_NONE;
  scene->leg[0].size = scene->leg[1].size = UINT64_C (5) << 40;
  serves (0);
  ck_assert_uint_eq (scene->plan.geo.region_size, 2 * MIB);
}

TEST (region_size_with_too_many_regions_is_refused)
{
  scene->leg[0].size = scene->leg[1].size = UINT64_C (5) << 40;
  scene->config.region_size = 65536;
  refuses ("region-size=65536");
}

/* --- log=core --- */

TEST (core_resyncs_everything_from_leg_0)
{
  core_log ();
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
}

TEST (core_with_an_empty_leg_0_beside_data_is_refused)
{
  core_log ();
  scene->empty[0] = PROBE_YES;
  refuses ("leg /b: holds data");
}

TEST (core_with_two_empty_legs_serves)
{
  core_log ();
  scene->empty[0] = scene->empty[1] = PROBE_YES;
  serves (0);
}

TEST (core_leg_that_cannot_be_opened_is_refused)
{
  core_log ();
  absent (1);
  refuses ("leg /b: can't be opened");
}

/* --- our log --- */

TEST (clean_log_copies_nothing)
{
  our_log ();
  serves (0);
  ck_assert (!scene->plan.create);
  ck_assert (!scene->plan.grow);
  ck_assert (!scene->plan.diverged);
  ck_assert (!scene->plan.kernel_used);
  ck_assert_uint_eq (scene->plan.generation, 0);
  slot_is (0, 0, true, false, MISS_NOTHING_MORE);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
  slot_is_free (2);
  ck_assert_str_eq (scene->plan.notes, "");
}

TEST (unclean_source_is_the_recorded_primary)
{
  our_log ();
  scene->log.unclean = true;
  scene->record.primary = 1;
  serves (1);
}

TEST (a_stale_primary_is_not_the_source)
{
  our_log ();
  scene->record.primary = 0;
  scene->record.leg[0].state = LOG_LEG_STALE;
  serves (1);
}

TEST (an_absent_primary_is_not_the_source)
{
  our_log ();
  absent (0);
  serves (1);
  slot_is (0, 0, false, false, MISS_NOTHING_MORE);
  notes ("leg /a: is not here");
}

TEST (an_absent_stale_leg_is_waited_for)
{
  our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (1);
  serves (0);
  slot_is (1, 1, false, false, MISS_NOTHING_MORE);
  notes ("leg /b: is not here");
}

TEST (a_recorded_leg_that_nobody_named_stays_configured)
{
  our_log ();
  scene->in.nr_legs = scene->config.nr_legs = 1;
  serves (0);
  slot_is (1, -1, false, false, MISS_NOTHING_MORE);
  notes ("leg /b: is not here");
}

TEST (the_word_missing_stands_for_a_recorded_leg)
{
  our_log ();
  missing_word (1);
  serves (0);
  slot_is (1, 1, false, false, MISS_NOTHING_MORE);
}

TEST (the_word_missing_beside_all_recorded_legs_keeps_a_new_place)
{
  our_log ();
  missing_word (2);
  serves (0);
  slot_is (2, 2, false, true, MISS_ALL);
}

TEST (no_in_sync_leg_here_is_refused_with_the_words_to_go_on)
{
  our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (0);
  refuses ("needs one of: /a");
  also_says ("source=1@5 (leg /b)");
  ck_assert_ptr_null (strstr (scene->plan.reason, "source=0@"));
}

TEST (a_log_that_calls_no_leg_in_sync_says_so)
{
  our_log ();
  scene->record.leg[0].state = LOG_LEG_STALE;
  scene->record.leg[1].state = LOG_LEG_STALE;
  refuses ("calls no leg in-sync");
  also_says ("source=0@5 (leg /a)");
  also_says ("source=1@5 (leg /b)");
  ck_assert_ptr_null (strstr (scene->plan.reason, "one of:"));
}

TEST (the_words_to_go_on_are_accepted)
{
  our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (0);
  scene->config.source_leg = 1;
  scene->config.source_generation = 5;
  serves (1);
  ck_assert (scene->plan.diverged);
  ck_assert_uint_eq (scene->plan.generation, 6);
  slot_is (0, 0, false, false, MISS_NOTHING_MORE);
}

TEST (a_leg_unknown_to_the_log_is_not_offered_as_the_source)
{
  our_log ();
  absent (0);
  absent (1);
  name_leg (2, "/new", 9);
  refuses ("needs one of: /a /b");
  ck_assert_ptr_null (strstr (scene->plan.reason, "source=2@5"));
}

TEST (an_override_of_an_older_generation_is_ignored)
{
  our_log ();
  scene->record.generation = 6;
  scene->config.source_leg = 1;
  scene->config.source_generation = 5;
  serves (0);
  ck_assert (!scene->plan.diverged);
  notes ("source=1@5");
}

/* Past G and again without an in-sync leg: the old words do not count. */
TEST (an_override_of_an_older_generation_does_not_help)
{
  our_log ();
  scene->record.generation = 6;
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (0);
  scene->config.source_leg = 1;
  scene->config.source_generation = 5;
  refuses ("source=1@6 (leg /b)");
  notes ("source=1@5: ignored, the log is at generation 6");
}

/* And never again: it may be in a unit file, and some day the leg that is
 * in-sync now is absent, at the same generation.
 */
TEST (an_override_that_is_not_needed_is_ignored_for_good)
{
  our_log ();
  scene->config.source_leg = 1;
  scene->config.source_generation = 5;
  serves (0);
  notes ("source=1@5: not needed, ignored");
  ck_assert_uint_eq (scene->plan.generation, 6);
  ck_assert (!scene->plan.diverged);
}

/* Of a life that the log had before it was lost, or restored. */
TEST (an_override_of_a_later_generation_never_comes_true)
{
  our_log ();
  scene->config.source_leg = 1;
  scene->config.source_generation = 9;
  serves (0);
  ck_assert_uint_eq (scene->plan.generation, 10);
  found (LOG_FOUND_NEW);
  scene->record.generation = 0;
  scene->config.sync = SYNC_NONE;
  serves (0);
  ck_assert_uint_eq (scene->plan.generation, 10);
}

TEST (an_override_of_an_older_generation_leaves_the_generation)
{
  our_log ();
  scene->config.source_leg = 1;
  scene->config.source_generation = 4;
  serves (0);
  ck_assert_uint_eq (scene->plan.generation, 0);
}

TEST (an_override_of_an_absent_leg_is_refused)
{
  our_log ();
  absent (0);
  absent (1);
  scene->config.source_leg = 1;
  scene->config.source_generation = 5;
  refuses ("source=1@5: leg /b is not here");
}

TEST (an_override_of_an_unknown_leg_is_refused)
{
  our_log ();
  absent (0);
  absent (1);
  name_leg (2, "/c", 9);
  scene->config.source_leg = 2;
  scene->config.source_generation = 5;
  refuses ("leg /c is not in the log");
}

TEST (sync_none_with_a_log_in_use_is_refused)
{
  our_log ();
  scene->config.sync = SYNC_NONE;
  refuses ("sync=none: only with a new log");
}

TEST (sync_force_copies_all_from_the_source_the_log_names)
{
  our_log ();
  scene->config.sync = SYNC_FORCE;
  scene->record.primary = 1;
  serves (1);
  slot_is (0, 0, true, false, MISS_ALL);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
}

/* sync=force never changes which legs are in-sync: a stale leg 0 does not
 * become the source.
 */
TEST (sync_force_does_not_make_a_stale_leg_the_source)
{
  our_log ();
  scene->config.sync = SYNC_FORCE;
  scene->record.leg[0].state = LOG_LEG_STALE;
  absent (1);
  refuses ("needs one of: /b");
}

TEST (another_region_size_than_the_log_is_refused)
{
  our_log ();
  scene->config.region_size = 2 * REGION;
  refuses ("region-size=1048576");
}

TEST (a_smaller_size_than_the_log_is_refused)
{
  our_log ();
  scene->config.size = LEG_SIZE - MIB;
  refuses ("can't be made smaller");
}

TEST (a_larger_size_grows_the_log)
{
  our_log ();
  scene->leg[0].size = scene->leg[1].size = 2 * LEG_SIZE;
  scene->config.size = LEG_SIZE + MIB;
  serves (0);
  ck_assert (scene->plan.grow);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE + MIB);
  ck_assert_uint_eq (scene->plan.geo.nr_regions, NR_REGIONS + 2);
}

/* Legs that became larger do not change what clients see. */
TEST (larger_legs_alone_do_not_grow_the_log)
{
  our_log ();
  scene->leg[0].size = scene->leg[1].size = 2 * LEG_SIZE;
  serves (0);
  ck_assert (!scene->plan.grow);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
}

TEST (growing_beyond_a_leg_is_refused)
{
  our_log ();
  scene->leg[0].size = 2 * LEG_SIZE;
  scene->config.size = LEG_SIZE + MIB;
  refuses ("leg /b");
}

TEST (a_leg_smaller_than_the_log_is_refused)
{
  our_log ();
  scene->leg[1].size = LEG_SIZE - MIB;
  refuses ("leg /b: has");
}

TEST (a_leg_with_larger_blocks_than_the_size_allows_is_refused)
{
  our_log ();
  scene->log.geo.size = LEG_SIZE - 512;
  scene->leg[1].min_block = 4096;
  refuses ("block size 4096");
}

/* --- the blocks that clients were promised --- */

TEST (a_new_mirror_promises_the_largest_block)
{
  scene->config.sync = SYNC_NONE;
  scene->leg[1].min_block = 4096;
  serves (0);
  ck_assert_uint_eq (scene->plan.min_block, 4096);
}

TEST (a_new_mirror_promises_more_if_told_so)
{
  scene->config.sync = SYNC_NONE;
  scene->config.minimum_block = 65536;
  scene->leg[0].size = LEG_SIZE + 4096;
  scene->leg[1].size = LEG_SIZE + 8192;
  serves (0);
  ck_assert_uint_eq (scene->plan.min_block, 65536);
  ck_assert_uint_eq (scene->plan.geo.size, LEG_SIZE);
}

TEST (a_size_that_the_promised_block_does_not_divide_is_refused)
{
  scene->config.minimum_block = 4096;
  scene->config.size = LEG_SIZE - 512;
  refuses ("must be a multiple of 4096");
}

TEST (larger_blocks_than_promised_are_refused)
{
  our_log ();
  scene->record.min_block = 512;
  scene->leg[1].min_block = 4096;
  refuses ("leg /b: has blocks of 4096 bytes");
  also_says ("promised blocks of 512 bytes");
  also_says ("minimum-block=4096");
  scene->config.minimum_block = 2048;
  refuses ("minimum-block=4096");
}

TEST (the_words_for_two_legs_are_those_of_the_larger_one)
{
  our_log ();
  scene->record.min_block = 512;
  scene->leg[0].min_block = 1024;
  scene->leg[1].min_block = 4096;
  refuses ("leg /a: has blocks of 1024 bytes");
  also_says ("minimum-block=4096");
}

TEST (larger_blocks_are_accepted_in_words)
{
  our_log ();
  scene->record.min_block = 512;
  scene->leg[1].min_block = 4096;
  scene->config.minimum_block = 4096;
  serves (0);
  ck_assert_uint_eq (scene->plan.min_block, 4096);
  notes ("promised blocks of 512 bytes, and now 4096");
}

TEST (a_promise_is_kept_by_legs_with_smaller_blocks)
{
  our_log ();
  scene->record.min_block = 4096;
  serves (0);
  ck_assert_uint_eq (scene->plan.min_block, 4096);
  scene->config.minimum_block = 512;
  serves (0);
  ck_assert_uint_eq (scene->plan.min_block, 4096);
  ck_assert_str_eq (scene->plan.notes, "");
}

TEST (a_log_that_does_not_know_learns_what_is_promised_now)
{
  our_log ();
  scene->leg[1].min_block = 4096;
  serves (0);
  ck_assert_uint_eq (scene->plan.min_block, 4096);
  ck_assert_str_eq (scene->plan.notes, "");
}

TEST (a_promise_that_does_not_divide_the_size_is_refused)
{
  our_log ();
  scene->log.geo.size = LEG_SIZE - 512;
  scene->config.minimum_block = 4096;
  refuses ("minimum-block=4096: does not divide");
}

/* --- is it the leg it was? --- */

TEST (different_content_is_refused_with_a_way_out)
{
  our_log ();
  scene->same[1] = PROBE_NO;
  refuses ("leg /b");
  also_says ("How to replace a leg");
}

TEST (a_recorded_leg_that_is_empty_gets_a_full_copy)
{
  our_log ();
  scene->same[1] = PROBE_NO;
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, false, MISS_ALL);
  notes ("leg /b: is empty");
}

TEST (samples_without_evidence_do_not_refuse)
{
  our_log ();
  scene->same[1] = PROBE_NO_EVIDENCE;
  serves (0);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
}

TEST (without_evidence_an_empty_leg_gets_a_full_copy)
{
  our_log ();
  scene->same[1] = PROBE_NO_EVIDENCE;
  scene->empty[0] = PROBE_NO;
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, false, MISS_ALL);
  notes ("leg /b: is empty");
  scene->empty[0] = PROBE_YES; /* nothing was ever written */
  serves (0);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
}

TEST (an_empty_leg_never_wins_over_one_with_data)
{
  our_log ();
  scene->same[0] = scene->same[1] = PROBE_NO;
  scene->empty[0] = PROBE_YES;
  serves (1);
  slot_is (0, 0, true, false, MISS_ALL);
  scene->config.sync = SYNC_FORCE;
  serves (1);
  slot_is (0, 0, true, false, MISS_ALL);
}

TEST (a_replaced_primary_is_the_one_that_is_accused)
{
  our_log ();
  name_leg (0, "/a", 77);
  scene->same[0] = scene->same[1] = PROBE_NO;
  refuses ("leg /a: is not the leg");
  scene->config.sync = SYNC_FORCE;
  refuses ("leg /a: is not the leg");
}

/* A leg that was rolled back, by an older copy of itself or of the other:
 * the log cannot say which.
 */
TEST (two_known_legs_that_differ_are_refused_with_the_words_for_both)
{
  our_log ();
  scene->same[1] = PROBE_NO;
  refuses ("rolled back");
  also_says ("source=0@5 (leg /a)");
  also_says ("source=1@5 (leg /b)");
}

TEST (an_override_says_which_of_two_legs_that_differ_is_right)
{
  our_log ();
  scene->same[0] = scene->same[1] = PROBE_NO;
  override (1, 5);
  serves (1);
  slot_is (0, 0, true, false, MISS_ALL);
  ck_assert_uint_eq (scene->plan.generation, 6);
  ck_assert (scene->plan.diverged);
}

/* What it missed is known, and it differs elsewhere. */
TEST (a_stale_leg_that_differs_is_refused_and_not_offered)
{
  our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: its content differs from leg /a");
  also_says ("source=0@5 (leg /a)");
  ck_assert_ptr_null (strstr (scene->plan.reason, "source=1@"));
  override (0, 5);
  serves (0);
  slot_is (1, 1, true, false, MISS_ALL);
}

/* Leg 2 has the name of a stale leg and holds something else. */
TEST (an_override_never_overwrites_a_foreign_disk)
{
  our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  absent (0);
  record (2, LOG_LEG_STALE, "/c", 3);
  name_leg (2, "/c", 77);
  scene->same[2] = PROBE_NO;
  override (1, 5);
  refuses ("leg /c: is not the leg that the log /l knows");
  scene->empty[2] = PROBE_YES;
  serves (1);
  slot_is (2, 2, true, false, MISS_ALL);
}

/* The mirror may be empty, and the other disk foreign; or the leg was wiped
 * and the other one copied.
 */
TEST (an_empty_known_leg_and_data_of_another_identity_are_refused)
{
  our_log ();
  name_leg (1, "/b", 77);
  scene->same[0] = scene->same[1] = PROBE_NO;
  scene->empty[0] = PROBE_YES;
  refuses ("leg /b: is not the leg");
  scene->record.primary = 1;
  refuses ("leg /b: is not the leg");
}

TEST (another_object_under_the_name_does_not_win_alone)
{
  our_log ();
  name_leg (0, "/a", 77);
  absent (1);
  refuses ("leg /a: is another object than the one that the log /l knows");
  also_says ("source=0@5 (leg /a)");
  override (0, 5);
  serves (0);
}

TEST (another_object_whose_content_a_stale_leg_confirms_is_the_leg)
{
  our_log ();
  name_leg (0, "/a", 77);
  name_leg (1, "/b", 78);
  scene->record.leg[1].state = LOG_LEG_STALE;
  serves (0);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
  scene->same[1] = PROBE_NO_EVIDENCE;
  refuses ("leg /a: is another object");
}

TEST (all_legs_restored_under_their_names_confirm_each_other)
{
  our_log ();
  name_leg (0, "/a", 77);
  name_leg (1, "/b", 78);
  serves (0);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
}

TEST (an_empty_leg_of_another_identity_does_not_win_alone)
{
  our_log ();
  name_leg (0, "/a", 77);
  scene->empty[0] = PROBE_YES;
  scene->in.nr_legs = 1;
  refuses ("source=0@");
}

/* Left in a unit file it would, some day, copy from the wrong one. */
TEST (sync_force_does_not_decide_which_leg_is_right)
{
  our_log ();
  scene->config.sync = SYNC_FORCE;
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: its content differs from leg /a");
}

TEST (sync_force_never_overwrites_a_foreign_disk)
{
  our_log ();
  name_leg (1, "/b", 77);
  scene->config.sync = SYNC_FORCE;
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: is not the leg that the log /l knows");
  name_leg (1, "/new", 78);
  refuses ("leg /new: holds data and is not a leg of the log");
}

TEST (sync_force_resyncs_a_stale_leg_and_an_absent_one_in_full)
{
  our_log ();
  scene->config.sync = SYNC_FORCE;
  record (2, LOG_LEG_STALE, "/c", 3);
  name_leg (2, "/c", 3);
  absent (1);
  serves (0);
  slot_is (1, 1, false, false, MISS_ALL);
  slot_is (2, 2, true, false, MISS_ALL);
}

TEST (another_identity_with_the_same_name_is_the_same_leg)
{
  our_log ();
  name_leg (1, "/b", 77);
  serves (0);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
  ck_assert (scene->same_asked & 1u << 1);
}

TEST (another_identity_is_said_in_one_line)
{
  our_log ();
  name_leg (1, "/b", 77);
  serves (0);
  notes ("leg /b");
}

TEST (a_new_name_and_identity_are_known_by_the_content)
{
  our_log ();
  name_leg (1, "/moved", 77);
  serves (0);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
  notes ("leg /moved: its content says that it is leg /b");
}

/* All zero is no evidence that an unknown file is the leg. */
TEST (no_evidence_does_not_make_an_unknown_leg_known)
{
  our_log ();
  name_leg (1, "/moved", 77);
  scene->same[1] = PROBE_NO_EVIDENCE;
  scene->empty[1] = PROBE_NO;
  refuses ("leg /moved: holds data");
}

TEST (an_unknown_leg_with_other_data_is_refused)
{
  our_log ();
  name_leg (2, "/c", 3);
  scene->same[2] = PROBE_NO;
  refuses ("leg /c: holds data and is not a leg of the log");
}

TEST (an_unknown_empty_leg_is_taken_in)
{
  our_log ();
  name_leg (2, "/c", 3);
  scene->empty[2] = PROBE_YES;
  serves (0);
  slot_is (2, 2, true, true, MISS_ALL);
  notes ("leg /c: new in this mirror");
}

TEST (an_unknown_leg_takes_the_place_kept_by_missing)
{
  our_log ();
  record (1, LOG_LEG_STALE, "", 0);
  scene->record.leg[1].kind = LEG_MISSING;
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
  slot_is_free (2);
}

TEST (an_unknown_leg_that_cannot_be_opened_is_refused)
{
  our_log ();
  name_leg (2, "/c", 3);
  absent (2);
  refuses ("leg /c: can't be opened and is not in the log");
}

TEST (legs_in_another_order_keep_their_records)
{
  our_log ();
  name_leg (0, "/b", 2);
  name_leg (1, "/a", 1);
  scene->record.leg[1].state = LOG_LEG_STALE;
  serves (0);
  slot_is (0, 1, true, false, MISS_NOTHING_MORE);
  slot_is (1, 0, true, false, MISS_NOTHING_MORE);
}

/* Both files were renamed, each to the other's name: the file counts. */
TEST (two_legs_that_swapped_names_are_known_by_identity)
{
  our_log ();
  name_leg (0, "/a", 2);
  name_leg (1, "/b", 1);
  serves (0);
  slot_is (0, 1, true, false, MISS_NOTHING_MORE);
  slot_is (1, 0, true, false, MISS_NOTHING_MORE);
}

TEST (two_legs_with_new_names_are_known_by_identity)
{
  our_log ();
  name_leg (0, "/y", 2);
  name_leg (1, "/x", 1);
  serves (0);
  slot_is (0, 1, true, false, MISS_NOTHING_MORE);
  slot_is (1, 0, true, false, MISS_NOTHING_MORE);
}

/* Another host: names and identities are all new.  Without a source there is
 * nothing to compare with.
 */
TEST (two_legs_with_new_names_and_identities_are_refused)
{
  our_log ();
  name_leg (0, "/y", 12);
  name_leg (1, "/x", 11);
  refuses ("needs one of: /a /b");
  also_says ("source=0@5 (leg /y)");
  also_says ("source=1@5 (leg /x)");
}

/* It may as well be the log of another mirror, so all is copied. */
TEST (an_override_on_another_host_copies_all)
{
  our_log ();
  name_leg (0, "/y", 12);
  name_leg (1, "/x", 11);
  override (1, 5);
  serves (0);
  slot_is (0, 1, true, false, MISS_NOTHING_MORE);
  slot_is (1, 0, true, false, MISS_ALL);
  ck_assert_uint_eq (scene->plan.generation, 6);
}

TEST (an_override_on_another_host_with_three_legs)
{
  our_log ();
  record (2, LOG_LEG_STALE, "/c", 3);
  name_leg (0, "/x", 11);
  name_leg (1, "/y", 12);
  name_leg (2, "/z", 13);
  override (0, 5);
  serves (0);
  slot_is (1, 1, true, false, MISS_ALL);
  slot_is (2, 2, true, false, MISS_ALL);
  scene->same[2] = PROBE_NO;
  refuses ("leg /z: holds data and is not a leg of the log");
}

TEST (the_log_of_another_mirror_is_refused)
{
  our_log ();
  name_leg (0, "/x", 11);
  name_leg (1, "/b", 2);
  absent (1);
  refuses ("needs one of: /a /b");
  scene->in.leg[1].leg = &scene->leg[1];
  scene->same[0] = PROBE_NO;
  refuses ("leg /x: holds data and is not a leg of the log");
}

/* --- how many legs --- */

TEST (a_ninth_leg_is_refused)
{
  static const char *const name[] = {"/a", "/b", "/c", "/d",
                                     "/e", "/f", "/g", "/h"};

  our_log ();
  for (unsigned s = 2; s < LOG_MAX_LEGS; ++s)
    record (s, LOG_LEG_IN_SYNC, name[s], (uint8_t) (s + 1));
  name_leg (1, "/new", 99);
  scene->same[1] = PROBE_NO;
  scene->empty[1] = PROBE_YES;
  refuses ("has no room for another leg");
}

TEST (eight_legs_are_served)
{
  static const char *const name[] = {"/a", "/b", "/c", "/d",
                                     "/e", "/f", "/g", "/h"};

  our_log ();
  for (unsigned s = 2; s < LOG_MAX_LEGS; ++s) {
    record (s, LOG_LEG_IN_SYNC, name[s], (uint8_t) (s + 1));
    name_leg (s, name[s], (uint8_t) (s + 1));
  }
  serves (0);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    slot_is (s, (int) s, true, false, MISS_NOTHING_MORE);
}

/* --- the kernel's own log --- */

TEST (kernel_log_without_region_size_is_refused)
{
  kernel_log ();
  refuses ("give region-size=");
}

TEST (kernel_log_with_region_size_is_taken_over)
{
  kernel_log ();
  scene->config.region_size = REGION;
  serves (0);
  ck_assert (scene->plan.create);
  slot_is (0, 0, true, true, MISS_NOTHING_MORE);
  slot_is (1, 1, true, true, MISS_KERNEL_DIRTY);
  notes ("taken over from the kernel");
}

/* dm-mirror's second leg was another disk, or was replaced. */
TEST (kernel_log_with_a_leg_that_differs_is_refused)
{
  kernel_log ();
  scene->config.region_size = REGION;
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: its content differs from leg /a");
  scene->config.sync = SYNC_FORCE;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
}

TEST (kernel_log_with_an_empty_leg_copies_all)
{
  kernel_log ();
  scene->config.region_size = REGION;
  scene->same[1] = PROBE_NO;
  scene->empty[1] = PROBE_YES;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
}

TEST (kernel_log_with_another_number_of_regions_is_refused)
{
  kernel_log ();
  scene->config.region_size = 2 * REGION;
  refuses ("has 128 regions");
}

TEST (kernel_log_without_leg_0_is_refused)
{
  kernel_log ();
  scene->config.region_size = REGION;
  missing_word (0);
  refuses ("leg 0 is the source");
}

TEST (kernel_log_sync_force_copies_all)
{
  kernel_log ();
  scene->config.region_size = REGION;
  scene->config.sync = SYNC_FORCE;
  serves (0);
  slot_is (1, 1, true, true, MISS_ALL);
}

TEST (kernel_log_sync_none_is_refused)
{
  kernel_log ();
  scene->config.region_size = REGION;
  scene->config.sync = SYNC_NONE;
  refuses ("sync=none: only with a new log");
}

/* --- the kernel used our log since --- */

TEST (kernel_since_with_both_in_sync_goes_on_with_its_bits)
{
  kernel_used_our_log ();
  scene->record.primary = 1;
  serves (1);
  ck_assert (scene->plan.kernel_used);
  ck_assert (!scene->plan.diverged);
  slot_is (0, 0, true, false, MISS_KERNEL_DIRTY);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
  notes ("the kernel's dm-mirror has used it since");
}

TEST (kernel_since_with_one_stale_is_refused)
{
  kernel_used_our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  refuses ("can't say which leg is right");
  also_says ("source=0@5 (leg /a)");
  also_says ("source=1@5 (leg /b)");
}

TEST (kernel_since_with_three_legs_is_refused)
{
  kernel_used_our_log ();
  record (2, LOG_LEG_IN_SYNC, "/c", 3);
  name_leg (2, "/c", 3);
  refuses ("source=2@5 (leg /c)");
}

/* The kernel copied from the primary; another leg can't stand in. */
TEST (kernel_since_without_the_primary_is_refused)
{
  kernel_used_our_log ();
  absent (0);
  refuses ("source=1@5 (leg /b)");
}

TEST (kernel_since_override_copies_all)
{
  kernel_used_our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  scene->config.source_leg = 1;
  scene->config.source_generation = 5;
  serves (1);
  slot_is (0, 0, true, false, MISS_ALL);
  slot_is (1, 1, true, false, MISS_NOTHING_MORE);
  ck_assert_uint_eq (scene->plan.generation, 6);
}

TEST (kernel_since_override_never_overwrites_a_foreign_disk)
{
  kernel_used_our_log ();
  scene->record.leg[1].state = LOG_LEG_STALE;
  name_leg (1, "/b", 77);
  scene->same[1] = PROBE_NO;
  scene->config.source_leg = 0;
  scene->config.source_generation = 5;
  refuses ("leg /b: is not the leg");
}

TEST (kernel_since_with_legs_that_differ_elsewhere_is_refused)
{
  kernel_used_our_log ();
  scene->same[1] = PROBE_NO;
  refuses ("leg /b: its content differs from leg /a");
}

TEST (kernel_since_sync_force_copies_all)
{
  kernel_used_our_log ();
  scene->config.sync = SYNC_FORCE;
  serves (0);
  slot_is (1, 1, true, false, MISS_ALL);
}

/* --- a damaged log --- */

TEST (damaged_log_is_refused_with_the_words_to_go_on)
{
  damaged_log ();
  refuses ("is damaged");
  also_says ("source=0@0 (leg /a)");
  also_says ("source=1@0 (leg /b)");
}

TEST (damaged_log_override_begins_anew_from_that_leg)
{
  damaged_log ();
  scene->config.source_leg = 1;
  serves (1);
  ck_assert (scene->plan.create);
  ck_assert_uint_eq (scene->plan.generation, 1);
  slot_is (0, 0, true, true, MISS_ALL);
  slot_is (1, 1, true, true, MISS_NOTHING_MORE);
}

TEST (damaged_log_override_of_a_missing_leg_is_refused)
{
  damaged_log ();
  missing_word (1);
  scene->config.source_leg = 1;
  refuses ("is not here");
}

static struct suite_group tests = {
  .setup = scene_setup,
  .teardown = scene_teardown,
};

int
main (void)
{
  return suite_main ("plan");
}
