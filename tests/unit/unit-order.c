/* SPDX-License-Identifier: BSD-3-Clause */

/* What an operator orders: the effect of each order, and what is refused. */

#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-fixture.h"
#include "order.h"
#include "suite.h"

#define SHIFT 13
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

static struct fx *fx;
static struct outcome out;
static struct mirror_status status;

static void
make (unsigned nr_legs, unsigned resyncing)
{
  fx = fx_new (nr_legs, NR_REGIONS, SHIFT, resyncing);
  fx->m->rejoin = (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC,
                                        3600 * NSEC_PER_SEC};
  for (unsigned leg = 0; leg < nr_legs; ++leg)
    if (!(resyncing >> leg & 1))
      fx_fill (fx, leg, 0, NR_REGIONS * REGION, 'a');
}

static void
set_up (void)
{
  make (2, 0);
  fx_start (fx);
}

static void
tear_down (void)
{
  fx_free (fx);
}

/* --- orders --- */

static int
give (const struct order *order)
{
  return mirror_order (fx->m, order, &out);
}

static int
leg_order (enum order_verb verb, const char *leg)
{
  return give (&(struct order){.verb = verb, .leg = leg});
}

static void
changes (int r, bool changed)
{
  ck_assert_msg (r == 0, "%s", out.text);
  ck_assert_msg (out.changed == changed, "%s", out.text);
}

static void
is_refused (int r, const char *why)
{
  ck_assert_int_eq (r, -1);
  ck_assert_msg (strstr (out.text, why) != NULL, "%s", out.text);
}

static int
set (const char *name, const char *value)
{
  return give (&(struct order){
    .verb = ORDER_SET, .name = name, .value = value});
}

/* --- looking --- */

static const struct mirror_status *
look (void)
{
  mirror_status (fx->m, &status);
  return &status;
}

static bool
is_parked (unsigned leg)
{
  return strcmp (look ()->leg[leg].returns, "attach") == 0;
}

static void
write_region (uint64_t region, int byte)
{
  do_succeeds (fx, OP_WRITE, region * REGION, REGION, byte);
}

/* --- which leg --- */

TEST (a_leg_is_named_by_number_or_name)
{
  changes (leg_order (ORDER_FAIL, "1"), true);
  changes (leg_order (ORDER_FAIL, "/leg1"), false);
}

TEST (an_unknown_leg_is_refused_and_the_legs_are_named)
{
  is_refused (leg_order (ORDER_FAIL, "2"), "0 (/leg0), 1 (/leg1)");
  is_refused (leg_order (ORDER_FAIL, "/leg"), "0 (/leg0), 1 (/leg1)");
  is_refused (leg_order (ORDER_FAIL, "-1"), "0 (/leg0), 1 (/leg1)");
  is_refused (leg_order (ORDER_FAIL, ""), "0 (/leg0), 1 (/leg1)");
  is_refused (leg_order (ORDER_FAIL, "00112233-4455-6677-8899-aabbccddeeff"),
              "0 (/leg0), 1 (/leg1)");
  is_refused (leg_order (ORDER_FAIL, "00000000-0000-0000-0000-000000000000"),
              "0 (/leg0), 1 (/leg1)");
}

/* --- out of use, and back --- */

TEST (a_failed_leg_is_recorded_and_stays_out)
{
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  changes (leg_order (ORDER_FAIL, "1"), true);
  ck_assert_uint_eq (fx_failed (fx), 2);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  write_region (3, 'b');
  ck_assert (is_parked (1));
  ck_assert_uint_eq (mem_leg_nr_opens (fx->leg[1]), opens);
  ck_assert_int_eq (fx_byte (fx, 1, 3 * REGION), 'a');
  changes (leg_order (ORDER_FAIL, "1"), false);
}

TEST (an_attached_leg_gets_what_it_misses)
{
  changes (leg_order (ORDER_FAIL, "1"), true);
  write_region (3, 'b');
  changes (leg_order (ORDER_ATTACH, "1"), true);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert_uint_le (look ()->copied_bytes, 2 * REGION);
  changes (leg_order (ORDER_ATTACH, "1"), false);
}

TEST (the_last_in_sync_leg_is_kept)
{
  changes (leg_order (ORDER_FAIL, "0"), true);
  is_refused (leg_order (ORDER_FAIL, "1"), "the last in-sync leg");
  is_refused (leg_order (ORDER_DETACH, "1"), "the last in-sync leg");
  is_refused (leg_order (ORDER_MAY_STOP, "1"), "the last in-sync leg");
  changes (leg_order (ORDER_MAY_STOP, "0"), false);
  ck_assert_uint_eq (fx_in_sync (fx), 2);
}

TEST (may_stop_says_whether_another_leg_has_all_data)
{
  changes (leg_order (ORDER_MAY_STOP, "0"), false);
  changes (leg_order (ORDER_MAY_STOP, "1"), false);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

TEST (a_leg_that_can_not_be_flushed_is_no_other_leg)
{
  changes (leg_order (ORDER_MAY_STOP, "0"), false);
  atomic_store (&fx->leg[1]->flush_error, EIO);
  is_refused (leg_order (ORDER_MAY_STOP, "0"), "can't be reached");
  atomic_store (&fx->leg[1]->flush_error, 0);
}

TEST (a_dry_run_changes_nothing)
{
  static const enum order_verb verbs[] = {ORDER_FAIL, ORDER_DETACH};

  for (unsigned i = 0; i < 2; ++i) {
    changes (give (&(struct order){
               .verb = verbs[i], .leg = "1", .dry_run = true}),
             true);
    ck_assert_uint_eq (fx_in_sync (fx), 3);
  }
  changes (give (&(struct order){.verb = ORDER_PAUSE, .dry_run = true}), true);
  changes (give (&(struct order){
             .verb = ORDER_SUSPEND, .seconds = 10, .dry_run = true}),
           true);
  changes (give (&(struct order){.verb = ORDER_SET,
                                 .name = "log-timeout",
                                 .value = "3",
                                 .dry_run = true}),
           true);
  ck_assert_str_eq (look ()->resync_state, "idle");
  ck_assert_double_eq (status.suspended_seconds, 0);
  ck_assert_uint_eq (status.log_timeout, 15);
  changes (leg_order (ORDER_FAIL, "1"), true);
  changes (give (&(struct order){
             .verb = ORDER_ATTACH, .leg = "1", .dry_run = true}),
           true);
  ck_assert (is_parked (1));
}

/* The data are there, the leg is closed, and was flushed. */
TEST (a_detached_leg_can_be_used_elsewhere)
{
  CLEANUP_FREE uint8_t *stable = malloc (REGION);

  write_region (3, 'b');
  changes (leg_order (ORDER_DETACH, "1"), true);
  mem_leg_read_stable (fx->leg[1], stable, 3 * REGION, REGION);
  ck_assert_int_eq (stable[0], 'b');
  changes (leg_order (ORDER_DETACH, "1"), false);
  /* Somebody writes to it. */
  mem_log_observe (fx->log, NULL, NULL);
  mem_leg_change (fx->leg[1], 5 * REGION, 512, 'x');
  ck_assert (fx_image_missed (fx, 1, 5));
  changes (leg_order (ORDER_ATTACH, "1"), true);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
}

TEST (a_tracked_leg_misses_only_what_was_written)
{
  changes (give (&(struct order){
             .verb = ORDER_DETACH, .leg = "1", .track = true}),
           true);
  write_region (3, 'b');
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert (!fx_misses (fx, 1, 5));
  ck_assert (fx_misses (fx, 1, 3));
}

TEST (a_failed_leg_can_be_detached)
{
  changes (leg_order (ORDER_FAIL, "1"), true);
  changes (leg_order (ORDER_DETACH, "1"), true);
  ck_assert (fx_image_missed (fx, 1, 5));
}

TEST (a_source_of_a_copy_is_kept_and_a_target_is_not)
{
  changes (give (&(struct order){.verb = ORDER_PAUSE}), true);
  changes (leg_order (ORDER_FAIL, "1"), true);
  changes (leg_order (ORDER_ATTACH, "1"), true);
  WAIT_FOR (fx_in_sync (fx) == 3); /* it missed nothing */
  changes (leg_order (ORDER_FAIL, "1"), true);
  write_region (3, 'b');
  changes (leg_order (ORDER_ATTACH, "1"), true);
  WAIT_FOR (fx_resyncing (fx) == 2);
  is_refused (leg_order (ORDER_FAIL, "0"), "the source of the copy");
  changes (leg_order (ORDER_FAIL, "1"), true);
  ck_assert_uint_eq (fx_failed (fx), 2);
}

/* The record can't be stored: nothing says that it is done. */
TEST (a_leg_is_not_out_before_the_log_says_so)
{
  set ("log-timeout", "1");
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, UINT_MAX, EIO);
  is_refused (leg_order (ORDER_FAIL, "1"), "the log can't be written");
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, 0, 0);
  changes (leg_order (ORDER_FAIL, "1"), false);
}

TEST (attach_forgives_a_failed_flush_of_the_last_leg)
{
  changes (leg_order (ORDER_FAIL, "1"), true);
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  changes (leg_order (ORDER_ATTACH, "0"), true);
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  changes (leg_order (ORDER_ATTACH, "0"), false);
}

/* --- copies --- */

TEST (no_copy_is_begun_while_copies_are_paused)
{
  fx_free (fx);
  make (2, 2);
  fx->m->resync.paused = true;
  fx_start (fx);
  ck_assert_str_eq (look ()->resync_state, "paused");
  changes (give (&(struct order){.verb = ORDER_PAUSE}), false);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  changes (give (&(struct order){.verb = ORDER_UNPAUSE}), true);
  WAIT_FOR (fx_in_sync (fx) == 3);
  changes (give (&(struct order){.verb = ORDER_UNPAUSE}), false);
}

/* --- suspend --- */

static int
suspend (unsigned seconds)
{
  return give (&(struct order){.verb = ORDER_SUSPEND, .seconds = seconds});
}

static int
resume (void)
{
  return give (&(struct order){.verb = ORDER_RESUME});
}

TEST (requests_wait_while_suspended_and_the_legs_are_flushed)
{
  CLEANUP_FREE uint8_t *stable = malloc (REGION);
  struct op op;

  write_region (3, 'b');
  changes (suspend (60), true);
  mem_leg_read_stable (fx->leg[1], stable, 3 * REGION, REGION);
  ck_assert_int_eq (stable[0], 'b');
  ck_assert_double_gt (look ()->suspended_seconds, 0);
  op_start (fx, &op, OP_WRITE, 0, REGION, 'c');
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert (!op_ended (&op));
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'a');
  changes (resume (), true);
  op_succeeds (&op);
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'c');
  changes (resume (), false);
}

TEST (suspended_ends_by_itself)
{
  changes (suspend (60), true);
  {
    CLEANUP_LOCK (&fx->m->lock);
    fx->m->suspended_until = now_ns () + 10 * NSEC_PER_MSEC;
  }
  write_region (0, 'c');
  changes (resume (), false);
}

TEST (suspend_is_bounded)
{
  is_refused (suspend (0), "between 1 and 300");
  is_refused (suspend (301), "between 1 and 300");
}

TEST (a_suspended_mirror_stops)
{
  struct op op;

  changes (suspend (300), true);
  op_start (fx, &op, OP_WRITE, 0, REGION, 'c');
  do_succeeds (fx, OP_STOP, 0, 0, 0);
  op_fails (&op, ESHUTDOWN);
  fx->started = false;
}

/* --- settings --- */

TEST (timeouts_change_and_legs_hear_of_it)
{
  changes (set ("leg-timeout", "7"), true);
  changes (set ("leg-timeout", "7"), false);
  ck_assert_uint_eq (fx->leg[1]->options.timeout_ns, 7 * NSEC_PER_SEC);
  ck_assert_uint_eq (look ()->leg_timeout, 7);
  changes (set ("quarantine", "0"), false);
  changes (set ("quarantine", "9"), true);
  ck_assert_uint_eq (fx->m->quarantine_ns, 9 * NSEC_PER_SEC);
}

/* What can be left behind can be at any time. */
TEST (the_limit_of_local_legs_changes_if_there_is_one)
{
  fx->m->config.local_timeout = 8;
  changes (set ("local-timeout", "9"), true);
  ck_assert_uint_eq (fx->m->local_timeout_ns, 9 * NSEC_PER_SEC);
  ck_assert_uint_eq (look ()->local_timeout, 9);
  is_refused (set ("local-timeout", "0"), "between 1 and 3600");
}

/* --- what a restart finds --- */

static void
recorded (unsigned slot, bool parked, unsigned replaces)
{
  struct log_leg leg;

  dirty_log_get_leg (fx->log, slot, &leg);
  ck_assert (leg.parked == parked);
  ck_assert_uint_eq (leg.replaces, replaces);
}

TEST (the_log_knows_who_is_out_of_use)
{
  changes (leg_order (ORDER_FAIL, "1"), true);
  recorded (1, true, 0);
  changes (leg_order (ORDER_ATTACH, "1"), true);
  recorded (1, false, 0);
  changes (give (&(struct order){
             .verb = ORDER_DETACH, .leg = "1", .track = true}),
           true);
  recorded (1, true, 0);
}

/* That it is out of use is durable with the reply. */
TEST (what_the_log_can_not_note_is_refused)
{
  fx->m->config.log_timeout = 0;
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, UINT32_MAX, EIO);
  is_refused (leg_order (ORDER_FAIL, "1"), "the log can't be written");
  is_refused (leg_order (ORDER_ATTACH, "1"), "the log can't be written");
  mem_log_fail (fx->log, 0, 0, 0);
}

TEST (rates_and_policies_change)
{
  changes (set ("resync-rate", "4M"), true);
  ck_assert_uint_eq (look ()->resync_rate, 4 << 20);
  changes (set ("resync-min", "2M"), true);
  is_refused (set ("resync-min", "5M"), "above resync-rate");
  changes (set ("resync-rate", "1M"), true);
  ck_assert_uint_eq (look ()->resync_min, 1 << 20);
  changes (set ("resync-rate", "0"), true);
  changes (set ("read-policy", "round-robin"), true);
  ck_assert_str_eq (look ()->read_policy, "round-robin");
  changes (set ("write-mostly", "/leg1"), true);
  ck_assert (look ()->leg[1].write_mostly);
  changes (set ("write-mostly", "none"), true);
  ck_assert (!look ()->leg[1].write_mostly);
}

TEST (bad_settings_are_refused)
{
  static const struct {
    const char *name, *value, *why;
  } bad[] = {
    {"region-size", "1M", "can't be changed while the mirror runs"},
    {"", "", "can't be changed while the mirror runs"},
    {"leg-timeout", "0", "between 1 and 3600"},
    {"leg-timeout", "3601", "between 1 and 3600"},
    {"leg-timeout", "", "between 1 and 3600"},
    {"leg-timeout", "-1", "between 1 and 3600"},
    {"leg-timeout", "4294967297", "between 1 and 3600"},
    {"hold-timeout", "5", "only a restart"},
    {"local-timeout", "5", "only a restart"},
    {"resync-rate", "", "number of bytes"},
    {"resync-rate", "-1", "number of bytes"},
    {"resync-rate", "1x", "number of bytes"},
    {"resync-rate", "1MM", "number of bytes"},
    {"resync-rate", "9E", "number of bytes"},
    {"resync-rate", "99999999999999999999", "number of bytes"},
    {"read-policy", "last", "must be auto"},
    {"write-mostly", "7", "no leg has"},
  };

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i)
    is_refused (set (bad[i].name, bad[i].value), bad[i].why);
}

/* --- legs that come and go --- */

static struct leg *made;
static uint64_t made_size;
static int made_byte, made_id;
static const char *made_head;

/* A disk of made_size that holds made_byte everywhere. */
static struct leg *
make_disk (const char *name, const struct leg_options *options)
{
  (void) options;
  made = mem_leg_new (name, made_size);
  made->min_block = BLOCK;
  memcpy (made->id, fx->leg[1]->id, sizeof made->id);
  made->id[0] ^= (uint8_t) made_id;
  ck_assert_int_eq (leg_open (made, 0), 0);
  if (made_byte)
    mem_leg_change (made, 0, made_size, made_byte);
  for (uint64_t i = 0; made_head && made_head[i]; ++i)
    mem_leg_change (made, i, 1, made_head[i]);
  leg_close (made);
  return made;
}

static void
disks_are (uint64_t size, int byte)
{
  fx->m->new_leg = make_disk;
  made_size = size;
  made_byte = byte;
}

static int
add (const char *name, bool overwrite)
{
  return give (&(struct order){
    .verb = ORDER_ADD, .new_leg = name, .overwrite = overwrite});
}

static int
replace (const char *leg, const char *name)
{
  return give (&(struct order){
    .verb = ORDER_REPLACE, .leg = leg, .new_leg = name});
}

static int
rename_to (const char *leg, const char *name)
{
  return give (&(struct order){
    .verb = ORDER_RENAME, .leg = leg, .new_leg = name});
}

/* All of it is what leg 0 holds. */
static bool
made_is_same (void)
{
  return memcmp (mem_leg_data (made), mem_leg_data (fx->leg[0]),
                 NR_REGIONS * REGION) == 0;
}

static unsigned
in_sync_legs (void)
{
  return (unsigned) __builtin_popcount (fx_in_sync (fx));
}

TEST (an_empty_disk_becomes_a_leg)
{
  struct log_leg rec;

  disks_are (NR_REGIONS * REGION, 0);
  changes (add ("/new", false), true);
  WAIT_FOR (in_sync_legs () == 3);
  ck_assert (made_is_same ());
  ck_assert_uint_eq (look ()->nr_legs, 3);
  ck_assert_str_eq (status.leg[2].name, "/new");
  ck_assert_uint_eq (status.leg[2].index, 2);
  write_region (3, 'b');
  ck_assert (made_is_same ());
  dirty_log_get_leg (fx->log, 2, &rec);
  ck_assert_str_eq (rec.name, "/new");
  changes (add ("/new", false), false);
}

/* No image of the log says that it has anything before it has. */
static void
check_new_leg (const struct mem_log_image *image, void *opaque)
{
  (void) opaque;
  for (uint64_t r = 0; image->state[2] != LOG_LEG_NONE && r < NR_REGIONS; ++r)
    ck_assert (image->missed[2][r] || mem_leg_data (made)[r * REGION] == 'a');
}

TEST (a_crash_while_a_leg_is_added_finds_it_whole_or_not_at_all)
{
  disks_are (NR_REGIONS * REGION, 0);
  mem_log_observe (fx->log, check_new_leg, NULL);
  changes (add ("/new", false), true);
  WAIT_FOR (in_sync_legs () == 3);
}

TEST (nothing_is_written_to_a_new_leg_before_the_log_knows_it)
{
  disks_are (NR_REGIONS * REGION, 0);
  changes (set ("log-timeout", "1"), true);
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, UINT_MAX, EIO);
  is_refused (add ("/new", false), "the log can't be written");
  ck_assert_uint_eq (in_sync_legs (), 2);
  ck_assert_int_eq (mem_leg_data (made)[0], 0);
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, 0, 0);
  changes (leg_order (ORDER_ATTACH, "/new"), true);
  WAIT_FOR (in_sync_legs () == 3);
}

TEST (a_disk_with_data_is_only_taken_with_overwrite)
{
  disks_are (NR_REGIONS * REGION, 'x');
  is_refused (add ("/new", false), "holds data");
  ck_assert_int_eq (mem_leg_data (made)[0], 'x');
  ck_assert_uint_eq (look ()->nr_legs, 2);
  changes (add ("/new", true), true);
  WAIT_FOR (in_sync_legs () == 3);
  ck_assert (made_is_same ());
}

/* Nobody wants to lose that, whatever he says. */
TEST (a_disk_with_a_log_is_refused)
{
  disks_are (NR_REGIONS * REGION, 0);
  made_head = "rRiM";
  is_refused (add ("/new", true), "is a log");
  ck_assert_int_eq (mem_leg_data (made)[0], 'r');
}

TEST (a_disk_that_does_not_fit_is_refused)
{
  disks_are (NR_REGIONS * REGION - BLOCK, 0);
  is_refused (add ("/new", true), "but the mirror has");
}

TEST (a_ninth_leg_is_refused)
{
  char name[16];

  disks_are (NR_REGIONS * REGION, 0);
  for (unsigned i = 2; i < LOG_MAX_LEGS; ++i) {
    snprintf (name, sizeof name, "/new%u", i);
    changes (add (name, false), true);
  }
  is_refused (add ("/new8", false), "has 8 legs");
  WAIT_FOR (in_sync_legs () == LOG_MAX_LEGS);
}

TEST (a_dry_run_of_add_finds_what_is_wrong_and_adds_nothing)
{
  disks_are (NR_REGIONS * REGION, 0);
  changes (give (&(struct order){
             .verb = ORDER_ADD, .new_leg = "/new", .dry_run = true}),
           true);
  ck_assert_uint_eq (look ()->nr_legs, 2);
  disks_are (NR_REGIONS * REGION, 'x');
  is_refused (give (&(struct order){
                .verb = ORDER_ADD, .new_leg = "/new", .dry_run = true}),
              "holds data");
}

TEST (a_removed_leg_is_forgotten_and_its_place_taken)
{
  changes (leg_order (ORDER_REMOVE, "0"), true);
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_NONE);
  ck_assert_uint_eq (look ()->nr_legs, 1);
  ck_assert_uint_eq (status.leg[0].index, 1);
  is_refused (leg_order (ORDER_REMOVE, "1"), "the last in-sync leg");
  is_refused (leg_order (ORDER_REMOVE, "0"), "no leg has the number");
  write_region (3, 'b');
  ck_assert_int_eq (fx_byte (fx, 1, 3 * REGION), 'b');
  disks_are (NR_REGIONS * REGION, 0);
  mem_log_observe (fx->log, NULL, NULL); /* leg 0 is another one now */
  changes (add ("/new", false), true);
  WAIT_FOR (in_sync_legs () == 2);
  ck_assert_uint_eq (look ()->leg[0].index, 0);
  ck_assert_str_eq (status.leg[0].name, "/new");
}

TEST (a_dead_leg_can_be_removed)
{
  mem_leg_fail_open (fx->leg[1], EIO);
  leg_lose (fx->leg[1], EIO, "the test says so");
  changes (leg_order (ORDER_REMOVE, "1"), true);
  ck_assert_uint_eq (look ()->nr_legs, 1);
  ck_assert_str_eq (status.state, "in-sync");
}

TEST (the_old_leg_stays_until_the_new_one_is_in_sync)
{
  disks_are (NR_REGIONS * REGION, 0);
  changes (give (&(struct order){.verb = ORDER_PAUSE}), true);
  changes (replace ("1", "/new"), true);
  WAIT_FOR (fx_resyncing (fx) != 0);
  mirror_orders_go_on (fx->m);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  ck_assert_int_eq (look ()->leg[2].replaces, 1);
  changes (replace ("1", "/new"), false);
  changes (give (&(struct order){.verb = ORDER_UNPAUSE}), true);
  WAIT_FOR (in_sync_legs () == 3);
  ck_assert (!mirror_orders_go_on (fx->m));
  ck_assert_uint_eq (look ()->nr_legs, 2);
  ck_assert_str_eq (status.leg[1].name, "/new");
  ck_assert_uint_eq (status.leg[1].index, 1);
  ck_assert_int_eq (status.leg[1].replaces, -1);
  ck_assert (made_is_same ());
}

TEST (a_dead_leg_is_replaced)
{
  mem_leg_fail_open (fx->leg[1], EIO);
  leg_lose (fx->leg[1], EIO, "the test says so");
  disks_are (NR_REGIONS * REGION, 0);
  changes (replace ("1", "/new"), true);
  WAIT_FOR (!mirror_orders_go_on (fx->m));
  ck_assert_uint_eq (look ()->nr_legs, 2);
  ck_assert_str_eq (status.state, "in-sync");
}

static void
fail_when_stale (const struct mem_log_image *image, void *opaque)
{
  (void) opaque;
  if (image->state[1] == LOG_LEG_STALE)
    mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, UINT_MAX, EIO);
}

/* The log fails when the old leg goes: that is done in memory, and once. */
TEST (a_leg_that_is_replaced_goes_once)
{
  disks_are (NR_REGIONS * REGION, 0);
  changes (set ("log-timeout", "1"), true);
  changes (replace ("1", "/new"), true);
  WAIT_FOR (in_sync_legs () == 3);
  mem_log_observe (fx->log, fail_when_stale, NULL);
  mirror_orders_go_on (fx->m);
  mem_log_observe (fx->log, NULL, NULL);
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, 0, 0);
  WAIT_FOR (!mirror_orders_go_on (fx->m));
  ck_assert_uint_eq (look ()->nr_legs, 2);
  ck_assert_uint_eq (status.leg[1].index, 1);
  ck_assert_str_eq (status.leg[1].name, "/new");
}

/* Whoever has its place then is not the one that is to go. */
TEST (a_leg_that_is_replaced_may_be_removed_meanwhile)
{
  disks_are (NR_REGIONS * REGION, 0);
  mem_log_observe (fx->log, NULL, NULL); /* leg 1 is another one then */
  changes (give (&(struct order){.verb = ORDER_PAUSE}), true);
  changes (replace ("1", "/new"), true);
  changes (leg_order (ORDER_REMOVE, "1"), true);
  ck_assert (!mirror_orders_go_on (fx->m));
  changes (add ("/other", false), true);
  changes (give (&(struct order){.verb = ORDER_UNPAUSE}), true);
  WAIT_FOR (in_sync_legs () == 3);
  ck_assert (!mirror_orders_go_on (fx->m));
  ck_assert_uint_eq (look ()->nr_legs, 3);
}

TEST (a_leg_is_not_replaced_by_one_that_is_in_use)
{
  is_refused (replace ("1", "/leg1"), "can't replace itself");
  is_refused (replace ("1", "/leg0"), "is a leg already");
}

TEST (a_renamed_leg_gets_what_it_missed)
{
  disks_are (NR_REGIONS * REGION, 'a');
  is_refused (rename_to ("1", "/leg0"), "is leg 0");
  changes (rename_to ("1", "/leg1"), false);
  mem_log_observe (fx->log, NULL, NULL); /* leg 1 is another one then */
  changes (rename_to ("1", "/moved"), true);
  WAIT_FOR (in_sync_legs () == 2);
  ck_assert_str_eq (look ()->leg[1].name, "/moved");
  ck_assert_uint_eq (status.copied_bytes, 0);
  write_region (3, 'b');
  ck_assert (made_is_same ());
}

TEST (another_disk_under_the_new_name_is_not_used)
{
  disks_are (NR_REGIONS * REGION, 'x');
  changes (rename_to ("1", "/moved"), true);
  WAIT_FOR (strcmp (look ()->leg[1].returns, "refused") == 0);
  ck_assert_int_eq (mem_leg_data (made)[0], 'x');
}

/* Another file may be an older copy, and samples would hardly tell. */
TEST (another_file_under_the_new_name_gets_everything)
{
  disks_are (NR_REGIONS * REGION, 'a');
  made_id = 'i';
  mem_log_observe (fx->log, NULL, NULL); /* leg 1 is another one then */
  changes (rename_to ("1", "/copy"), true);
  WAIT_FOR (in_sync_legs () == 2);
  ck_assert_uint_eq (look ()->copied_bytes, NR_REGIONS * REGION);
}

TEST (a_name_that_no_log_can_hold_is_refused)
{
  static char name[LOG_NAME_SIZE + 1];

  memset (name, '/', LOG_NAME_SIZE);
  disks_are (NR_REGIONS * REGION, 0);
  is_refused (add (name, false), "too long");
  is_refused (rename_to ("1", name), "too long");
  name[LOG_NAME_SIZE - 1] = '\0';
  changes (add (name, false), true);
}

TEST (the_last_in_sync_leg_keeps_its_name)
{
  changes (leg_order (ORDER_FAIL, "1"), true);
  is_refused (rename_to ("0", "/moved"), "the last in-sync leg");
}

/* --- the end --- */

static unsigned drain;

static void
note_stop (unsigned seconds)
{
  drain = seconds;
}

TEST (stop_tells_the_server)
{
  is_refused (give (&(struct order){.verb = ORDER_STOP}), "can't end");
  fx->m->config.on_stop = note_stop;
  changes (give (&(struct order){
             .verb = ORDER_STOP, .seconds = 5, .dry_run = true}),
           true);
  ck_assert_uint_eq (drain, 0);
  changes (give (&(struct order){.verb = ORDER_STOP, .seconds = 5}), true);
  ck_assert_uint_eq (drain, 5);
}

static void *
suspender (void *arg)
{
  (void) arg;
  is_refused (suspend (300), "nothing is suspended");
  return NULL;
}

TEST (orders_end_with_the_server)
{
  pthread_t thread;
  struct op op;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, REGION, 'c');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  thread = thread_run (suspender, NULL);
  WAIT_FOR (look ()->suspended_seconds > 0);
  mirror_end_orders (fx->m);
  pthread_join (thread, NULL);
  is_refused (leg_order (ORDER_FAIL, "1"), "the server ends");
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&op);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("order");
}
