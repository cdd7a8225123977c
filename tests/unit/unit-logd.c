/* SPDX-License-Identifier: BSD-3-Clause */

/* Sessions with a real log server: who gets a log, what is refused, what is
 * there after a restart.
 */

#include "config.h"

#undef NDEBUG
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "logd-peer.h"
#include "suite.h"
#include "unit-wait.h"

#define REGIONS 1024
#define A 'A'
#define B 'B'
#define C 'C'

static struct logd server;
static struct peer a, b, c;

static void
setup (void)
{
  logd_start (&server, NULL, NULL);
}

static void
teardown (void)
{
  logd_clean (&server);
}

static void
expect_text (const char *part)
{
  ck_assert_msg (strstr (peer_text (), part) != NULL, "\"%s\" is not in: %s",
                 part, peer_text ());
}

/* A owns a log with a few marks; returns the flush number. */
static uint64_t
a_has_log (const char *name, unsigned flags)
{
  uint64_t number = 0;

  peer_open (&a, &server, A);
  ck_assert_int_eq (peer_attach (&a, name, flags), PROTO_OK);
  peer_create (&a, REGIONS);
  peer_put_runs (&a, PROTO_MARK_REGION, 10, 5);
  ck_assert_int_eq (peer_flush_log (&a, 0, &number), PROTO_OK);
  ck_assert_uint_gt (number, 0);
  return number;
}

/* The interim reply of who waits. */
static void
expect_wait (struct peer *p)
{
  struct proto_msg msg;

  ck_assert (peer_next (p, &msg));
  ck_assert_int_eq (msg.error, PROTO_E_WAIT);
  ck_assert (msg.flags & PROTO_MORE);
  expect_text ("host-A");
}

static void
put_attach (struct peer *p, const char *name)
{
  peer_put_attach (p, name, 0, 0);
  peer_flush (p);
}

/* --- attach --- */

TEST (state_comes_back_from_disk)
{
  ck_assert_uint_eq (a_has_log ("x", 0), 1);
  ck_assert_int_eq (a.attached.found, 0);
  peer_put_runs (&a, PROTO_SET_REGION_SYNC, 3, 7);
  ck_assert_int_eq (peer_simple (&a, PROTO_FLUSH), PROTO_OK);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_OK);
  ck_assert_uint_eq (a.epoch, 2);
  ck_assert_uint_eq (a.attached.found, 1);
  ck_assert_uint_eq (a.attached.nr_regions, REGIONS);
  ck_assert_mem_eq (a.attached.uuid, a.uuid, PROTO_ID_SIZE);
  ck_assert_uint_eq (a.marked, 5);
  ck_assert (a.attached.flags & PROTO_LOG_UNCLEAN);
}

static void
detach (struct peer *p, unsigned flags)
{
  uint64_t id = peer_put_flush (p, PROTO_DETACH, flags);
  struct proto_msg msg;

  peer_flush (p);
  peer_reply (p, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_OK);
}

static void
check_detach (unsigned attach_flags, unsigned flags, bool clean)
{
  a_has_log ("x", attach_flags);
  peer_put_runs (&a, PROTO_CLEAR_REGION, 0, REGIONS);
  detach (&a, flags);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", attach_flags), PROTO_OK);
  ck_assert_uint_eq (b.marked, 0);
  ck_assert_int_eq (!(b.attached.flags & PROTO_LOG_UNCLEAN), clean);
  ck_assert_uint_eq (b.attached.owner_host.len, 6);
}

static void
put_record (struct peer *p, uint32_t min_block)
{
  struct proto_msg msg = {
    .type = PROTO_SET_RECORD,
    .record = {.epoch = p->epoch, .generation = 1, .min_block = min_block},
  };

  peer_put (p, &msg);
}

/* Clients of before are not sent what they do not know; they keep it not. */
TEST (a_block_size_is_for_clients_that_know_of_it)
{
  a.features = c.features = PROTO_FEATURE_MIN_BLOCK;
  a_has_log ("x", 0);
  put_record (&a, 4096);
  ck_assert_int_eq (peer_flush_log (&a, 0, NULL), PROTO_OK);
  detach (&a, 0);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  ck_assert_uint_eq (b.min_block, 0);
  detach (&b, 0);
  peer_open (&c, &server, C);
  ck_assert_int_eq (peer_attach (&c, "x", 0), PROTO_OK);
  ck_assert_uint_eq (c.min_block, 4096);
  detach (&c, 0);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  put_record (&b, 0);
  ck_assert_int_eq (peer_flush_log (&b, 0, NULL), PROTO_OK);
  detach (&b, 0);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_OK);
  ck_assert_uint_eq (a.min_block, 0);
}

TEST (detached_without_marks_is_clean)
{
  check_detach (0, PROTO_DETACH_CLEAN, true);
}

TEST (detached_as_unclean_is_unclean)
{
  check_detach (0, 0, false);
}

TEST (detached_memory_is_clean_or_not)
{
  check_detach (PROTO_ATTACH_MEMORY, 0, false);
  detach (&b, PROTO_DETACH_CLEAN);
  ck_assert_int_eq (peer_attach (&a, "x", PROTO_ATTACH_MEMORY), PROTO_OK);
  ck_assert (!(a.attached.flags & PROTO_LOG_UNCLEAN));
}

TEST (second_waits_and_is_refused_when_the_owner_lives)
{
  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  expect_wait (&b);
  ck_assert_int_eq (peer_simple (&a, PROTO_RENEW), PROTO_OK);
  ck_assert_int_eq (peer_attached (&b), PROTO_E_OWNED);
  expect_text ("host-A");
  expect_text ("unix");
}

TEST (second_gets_it_when_the_lease_is_over)
{
  uint64_t begin = now_ns ();

  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  expect_wait (&b);
  peer_open (&c, &server, C);
  put_attach (&c, "x");
  expect_wait (&c);
  ck_assert_int_eq (peer_attached (&b), PROTO_OK);
  ck_assert_uint_ge (now_ns () - begin, NSEC_PER_SEC);
  ck_assert_uint_eq (b.epoch, 2);
  ck_assert_uint_eq (b.marked, 5);
  ck_assert (b.attached.flags & PROTO_LOG_UNCLEAN);
  ck_assert_int_eq (peer_simple (&b, PROTO_RENEW), PROTO_OK);
  ck_assert_int_eq (peer_attached (&c), PROTO_E_OWNED);
  expect_text ("host-B");
}

TEST (nothing_of_the_old_owner_counts)
{
  static const unsigned requests[] = {PROTO_FLUSH, PROTO_RENEW, PROTO_DETACH};
  static const unsigned changes[] = {
    PROTO_MARK_REGION,
    PROTO_CLEAR_REGION,
    PROTO_SET_REGION_SYNC,
  };
  struct proto_msg msg;
  uint64_t id;

  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  for (unsigned i = 0; i < 3; ++i) {
    ck_assert_int_eq (peer_simple (&a, requests[i]), PROTO_E_STALE);
    id = peer_put_runs (&a, changes[i], 0, REGIONS);
    peer_flush (&a);
    peer_reply (&a, id, &msg);
    ck_assert_int_eq (msg.error, PROTO_E_STALE);
    expect_text ("host-B");
  }
  ck_assert_int_eq (peer_attach_again (&a, "x", 1), PROTO_E_STALE);
  ck_assert (peer_is_clean (&b, 0));
  ck_assert (!peer_is_clean (&b, 10));
}

TEST (epoch_counts_not_the_connection_alone)
{
  struct proto_msg msg;
  uint64_t id;

  a_has_log ("x", 0);
  a.epoch++;
  ck_assert_int_eq (peer_simple (&a, PROTO_FLUSH), PROTO_E_STALE);
  ck_assert_int_eq (peer_simple (&a, PROTO_RENEW), PROTO_E_STALE);
  id = peer_put_runs (&a, PROTO_CLEAR_REGION, 0, REGIONS);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_STALE);
  a.epoch--;
  ck_assert (!peer_is_clean (&a, 10));
  peer_open (&b, &server, A);
  b.epoch = a.epoch;
  ck_assert_int_eq (peer_simple (&b, PROTO_FLUSH), PROTO_E_STALE);
  ck_assert_int_eq (peer_simple (&a, PROTO_FLUSH), PROTO_OK);
}

/* --- the same session again --- */

TEST (session_comes_back)
{
  uint64_t number = a_has_log ("x", 0);
  struct proto_msg msg;

  peer_open (&b, &server, A);
  b.epoch = a.epoch;
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_OK);
  ck_assert_uint_eq (b.epoch, a.epoch);
  ck_assert_uint_eq (b.marked, 0); /* no state */
  ck_assert_int_eq (peer_simple (&b, PROTO_FLUSH), PROTO_OK);
  ck_assert (!peer_next (&a, &msg));
}

TEST (session_comes_back_after_its_lease)
{
  uint64_t number = a_has_log ("x", 0);

  peer_close (&a);
  poll_for (1600);
  peer_open (&b, &server, A);
  b.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_OK);
  ck_assert_uint_eq (b.epoch, 1);
}

TEST (older_or_other_log_is_refused)
{
  uint64_t number = a_has_log ("x", 0);

  peer_open (&b, &server, A);
  b.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&b, "x", number + 1),
                    PROTO_E_OTHER_LOG);
  b.uuid[0]++;
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_E_OTHER_LOG);
  b.uuid[0]--;
  b.epoch = 2;
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_E_OTHER_LOG);
  b.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&b, "y", 0), PROTO_E_OTHER_LOG);
  ck_assert_int_eq (access (logd_file (&server, "y.log"), F_OK), -1);
  ck_assert_int_eq (access (logd_file (&server, "y.lease"), F_OK), -1);
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_OK);
}

/* On the owner's own connection, what follows ATTACH waits for it. */
LOOP_TEST (nothing_overtakes_attach, 3)
{
  struct proto_msg msg = {
    .type = PROTO_CREATE,
    .create = {.size = UINT64_C (100000) * PEER_REGION,
               .region_size = PEER_REGION},
  };
  uint64_t number = a_has_log ("x", 0);

  if (_i == 0)
    peer_put_attach (&a, "x", PROTO_ATTACH_AGAIN, number);
  else
    peer_put_attach (&a, "x", 0, 0);
  msg.create.epoch = a.epoch;
  if (_i == 2)
    peer_put (&a, &msg);
  else
    peer_put_flush (&a, PROTO_DETACH, 0);
  peer_flush (&a);
  ck_assert_int_eq (peer_attached (&a), PROTO_OK);
  if (_i > 0)
    ck_assert_uint_eq (a.marked, 5);
  if (_i < 2)
    ck_assert (peer_next (&a, &msg));
  ck_assert_int_eq (msg.error, PROTO_OK);
  peer_close (&a);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
}

/* What the earlier connection sent, and the server did not read yet, is not
 * done after the new one's marks.
 */
TEST (late_clear_is_dropped)
{
  uint64_t number = a_has_log ("x", 0), hello;
  struct proto_msg msg;

  kill (server.pid, SIGSTOP);
  for (unsigned i = 0; i < 1000; ++i)
    peer_put_runs (&a, PROTO_MARK_REGION, i % REGIONS, 1);
  for (unsigned i = 0; i < 1000; ++i)
    peer_put_runs (&a, PROTO_CLEAR_REGION, i % REGIONS, 1);
  peer_flush (&a);
  peer_connect (&b, &server, A);
  b.epoch = 1;
  hello = peer_hello (&b);
  peer_put_attach (&b, "x", PROTO_ATTACH_AGAIN, number);
  peer_flush (&b);
  kill (server.pid, SIGCONT);
  peer_reply (&b, hello, &msg);
  ck_assert_int_eq (peer_attached (&b), PROTO_OK);
  peer_put_runs (&b, PROTO_MARK_REGION, 0, REGIONS);
  for (unsigned i = 0; i < REGIONS; i += 37)
    ck_assert (!peer_is_clean (&b, i));
}

/* --- restart --- */

TEST (killed_server_knows_owner_and_marks)
{
  uint64_t number = a_has_log ("x", 0);

  logd_kill (&server);
  logd_again (&server, NULL);
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  expect_wait (&b);
  peer_close (&a);
  peer_open (&a, &server, A);
  a.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&a, "x", number), PROTO_OK);
  ck_assert_int_eq (peer_attached (&b), PROTO_E_OWNED);
  for (unsigned i = 10; i < 15; ++i)
    ck_assert (!peer_is_clean (&a, i));
}

TEST (restarted_server_waits_a_full_lease)
{
  uint64_t begin;

  a_has_log ("x", 0);
  logd_kill (&server);
  poll_for (1600);
  begin = now_ns ();
  logd_again (&server, NULL);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  ck_assert_uint_ge (now_ns () - begin, NSEC_PER_SEC);
  ck_assert_uint_eq (b.marked, 5);
  ck_assert_uint_eq (b.epoch, 2);
}

TEST (detached_log_is_free_after_a_restart)
{
  a_has_log ("x", 0);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  logd_kill (&server);
  logd_again (&server, NULL);
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  ck_assert_int_eq (peer_attached (&b), PROTO_OK);
  ck_assert_uint_eq (b.epoch, 2);
}

TEST (ended_server_keeps_the_owner)
{
  uint64_t number = a_has_log ("x", 0);
  struct proto_msg msg;

  ck_assert_int_eq (logd_end (&server), 0);
  ck_assert (!peer_next (&a, &msg));
  logd_again (&server, NULL);
  peer_open (&b, &server, A);
  b.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_OK);
}

TEST (damaged_lease_file_is_named)
{
  FILE *f;

  a_has_log ("x", 0);
  logd_kill (&server);
  f = fopen (logd_file (&server, "x.lease"), "w");
  fputs ("{ \"version\": 1", f);
  fclose (f);
  logd_again (&server, NULL);
  peer_open (&b, &server, A);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_E_IO);
  expect_text ("x.lease: damaged");
  ck_assert_int_eq (peer_attach (&b, "y", 0), PROTO_OK);
}

/* The owner does not know yet: a lease of its length may still run. */
TEST (restart_with_a_shorter_lease_does_not_shorten_it)
{
  uint64_t number;
  struct proto_msg msg;

  logd_kill (&server);
  logd_again (&server, "--lease=4", NULL);
  number = a_has_log ("x", 0);
  ck_assert_uint_eq (a.attached.lease_ms, 4000);
  logd_kill (&server);
  logd_again (&server, NULL);
  peer_close (&a);
  peer_open (&a, &server, A);
  a.epoch = 1;
  peer_put_attach (&a, "x", PROTO_ATTACH_AGAIN, number);
  peer_flush (&a);
  WAIT_FOR (peer_has_input (&a));
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  expect_wait (&b);
  poll_for (2500);
  ck_assert (!peer_has_input (&b));
  ck_assert (peer_next (&a, &msg));
  ck_assert_uint_eq (msg.attached.lease_ms, 4000);
}

/* Its connections are read before any lease ends, and its absence does not
 * count.
 */
TEST (stopped_server_robs_nobody)
{
  uint64_t id;
  struct proto_msg msg;

  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  kill (server.pid, SIGSTOP);
  put_attach (&b, "x");
  id = peer_put_flush (&a, PROTO_RENEW, 0);
  peer_flush (&a);
  poll_for (2500);
  kill (server.pid, SIGCONT);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_OK);
  while (peer_simple (&a, PROTO_RENEW) == PROTO_OK && !peer_has_input (&b))
    ;
  ck_assert_int_eq (peer_attached (&b), PROTO_E_OWNED);
}

/* The owner comes a moment after the server: it had time left. */
TEST (absence_of_the_server_does_not_count)
{
  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  expect_wait (&b);
  kill (server.pid, SIGSTOP);
  poll_for (2500);
  kill (server.pid, SIGCONT);
  poll_for (100);
  ck_assert_int_eq (peer_simple (&a, PROTO_RENEW), PROTO_OK);
  ck_assert_int_eq (peer_attached (&b), PROTO_E_OWNED);
}

/* --- requests --- */

static struct proto_answer
get_work (struct peer *p, uint64_t id)
{
  struct proto_msg msg = {
    .type = PROTO_GET_RESYNC_WORK,
    .id = id,
    .query = {.slot = 1, .first = 0, .nr = 4},
  };

  peer_put (p, &msg);
  peer_flush (p);
  peer_reply (p, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_OK);
  return msg.answer;
}

TEST (answered_request_is_not_run_again)
{
  uint64_t number = a_has_log ("x", 0);
  struct proto_answer answer;

  peer_put_runs (&a, PROTO_SET_REGION_SYNC, 100, 10);
  answer = get_work (&a, 1000);
  ck_assert_uint_eq (answer.first, 100);
  ck_assert_uint_eq (answer.nr, 4);
  answer = get_work (&a, 1000);
  ck_assert_uint_eq (answer.first, 100);
  answer = get_work (&a, 1001);
  ck_assert_uint_eq (answer.first, 104);

  peer_open (&b, &server, A);
  b.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&b, "x", number), PROTO_OK);
  answer = get_work (&b, 1001);
  ck_assert_uint_eq (answer.first, 104);
  answer = get_work (&b, 1002); /* all work was taken back */
  ck_assert_uint_eq (answer.first, 100);
}

TEST (questions_are_answered)
{
  struct proto_msg msg = {.type = PROTO_IN_SYNC, .query = {0, 98, 4}};
  uint64_t id;

  a_has_log ("x", 0);
  peer_put_runs (&a, PROTO_SET_REGION_SYNC, 100, 10);
  id = peer_put (&a, &msg);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_uint_eq (msg.answer.value, 0);
  msg = (struct proto_msg){.type = PROTO_GET_SYNC_COUNT};
  id = peer_put (&a, &msg);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_uint_eq (msg.answer.value, REGIONS - 10);
  msg = (struct proto_msg){.type = PROTO_IS_REMOTE_RECOVERING};
  id = peer_put (&a, &msg);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_uint_eq (msg.answer.value, 0);
  ck_assert_uint_eq (msg.answer.first, REGIONS);
  msg = (struct proto_msg){.type = PROTO_IS_CLEAN, .query.first = REGIONS};
  id = peer_put (&a, &msg);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_INVALID);
}

TEST (no_flush_succeeds_after_a_refused_change)
{
  uint64_t number = a_has_log ("x", 0), id;
  struct proto_msg msg;

  id = peer_put_runs (&a, PROTO_MARK_REGION, REGIONS - 1, 2);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_INVALID);
  ck_assert_int_eq (peer_simple (&a, PROTO_FLUSH), PROTO_E_INVALID);
  ck_assert_int_eq (peer_attach_again (&a, "x", number), PROTO_OK);
  ck_assert_int_eq (peer_simple (&a, PROTO_FLUSH), PROTO_OK);
}

TEST (changes_need_a_log)
{
  struct proto_msg msg;
  uint64_t id;

  peer_open (&a, &server, A);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_OK);
  id = peer_put_runs (&a, PROTO_MARK_REGION, 0, 1);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_INVALID);
  ck_assert_int_eq (peer_simple (&a, PROTO_FLUSH), PROTO_E_INVALID);
}

TEST (log_grows)
{
  struct proto_msg msg = {.type = PROTO_GROW};
  uint64_t id;

  a_has_log ("x", 0);
  msg.grow.epoch = a.epoch;
  msg.grow.size = UINT64_C (5000) * PEER_REGION;
  peer_put (&a, &msg);
  peer_put_runs (&a, PROTO_MARK_REGION, 4999, 1);
  ck_assert_int_eq (peer_flush_log (&a, 0, NULL), PROTO_OK);
  ck_assert (!peer_is_clean (&a, 4999));
  msg.id = 0;
  msg.grow.size = PEER_REGION;
  id = peer_put (&a, &msg);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_INVALID);
}

/* The owner's connection ends after GROW, before it could say what its legs
 * miss in the new regions: nobody may take them for equal.
 */
LOOP_TEST (growth_cut_short_leaves_marks, 2)
{
  const uint64_t grown = 5000;
  struct proto_msg msg = {.type = PROTO_GROW};

  a_has_log ("x", 0);
  msg.grow.epoch = a.epoch;
  msg.grow.size = grown * PEER_REGION;
  peer_put (&a, &msg);
  ck_assert (peer_is_clean (&a, grown - 1));
  peer_close (&a);
  if (_i) {
    ck_assert_int_eq (logd_end (&server), 0);
    logd_again (&server, NULL);
  }
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  if (b.attached.nr_regions > REGIONS)
    ck_assert_uint_eq (b.marked, 5 + grown - REGIONS);
  else
    ck_assert_uint_eq (b.marked, 5);
}

/* What the owner said of it is all there is to say. */
TEST (growth_that_was_flushed_leaves_no_marks)
{
  struct proto_msg msg = {.type = PROTO_GROW};

  a_has_log ("x", 0);
  msg.grow.epoch = a.epoch;
  msg.grow.size = UINT64_C (5000) * PEER_REGION;
  peer_put (&a, &msg);
  ck_assert_int_eq (peer_flush_log (&a, 0, NULL), PROTO_OK);
  peer_close (&a);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  ck_assert_uint_eq (b.attached.nr_regions, 5000);
  ck_assert_uint_eq (b.marked, 5);
}

TEST (flushes_that_wait_share_cycles)
{
  enum {
    NR = 500
  };
  bool seen[NR] = {false};
  struct proto_msg msg;
  uint64_t first = 0, id;

  a_has_log ("x", 0);
  for (unsigned i = 0; i < NR; ++i) {
    peer_put_runs (&a, PROTO_MARK_REGION, i, 1);
    id = peer_put_flush (&a, PROTO_FLUSH, i % 2 ? PROTO_FLUSH_COMMIT : 0);
    first = first ? first : id;
  }
  peer_flush (&a);
  for (unsigned i = 0; i < NR; ++i) {
    ck_assert (peer_next (&a, &msg));
    ck_assert_int_eq (msg.error, PROTO_OK);
    ck_assert (!seen[(msg.id - first) / 2]);
    seen[(msg.id - first) / 2] = true;
  }
}

/* --- other kinds of attach --- */

TEST (reader_sees_the_state_and_owns_nothing)
{
  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "x", PROTO_ATTACH_READ_ONLY), PROTO_OK);
  ck_assert_uint_eq (b.attached.epoch, 0);
  ck_assert_uint_eq (b.marked, 5);
  ck_assert_int_eq (peer_simple (&b, PROTO_FLUSH), PROTO_E_STALE);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  ck_assert_int_eq (peer_attach (&b, "x", PROTO_ATTACH_READ_ONLY), PROTO_OK);
  ck_assert_uint_eq (b.marked, 5);
  ck_assert_int_eq (peer_attach (&b, "none", PROTO_ATTACH_READ_ONLY),
                    PROTO_OK);
  ck_assert_uint_eq (b.attached.found, 0);
  ck_assert_int_eq (access (logd_file (&server, "none.log"), F_OK), -1);
}

TEST (log_in_memory)
{
  a_has_log ("m", PROTO_ATTACH_MEMORY);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  ck_assert_int_eq (access (logd_file (&server, "m.log"), F_OK), -1);
  ck_assert_int_eq (access (logd_file (&server, "m.lease"), F_OK), -1);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "m", PROTO_ATTACH_MEMORY), PROTO_OK);
  ck_assert_uint_eq (b.marked, 5);
  ck_assert_uint_eq (b.attached.found, 1);
  ck_assert (b.attached.flags & PROTO_LOG_UNCLEAN);
  ck_assert (b.attached.flags & PROTO_LOG_MEMORY);
  peer_open (&c, &server, C);
  ck_assert_int_eq (peer_attach (&c, "m", 0), PROTO_E_INVALID);
}

TEST (log_of_a_local_mirror_is_refused)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int fd;

  a_has_log ("x", 0);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  fd = open (logd_file (&server, "x.log"), O_RDWR);
  ck_assert_int_eq (fcntl (fd, F_OFD_SETLK, &lock), 0);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_E_IO);
  expect_text ("in use by");
  close (fd);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_OK);
}

/* --- administration --- */

static void
put_takeover (struct peer *p, const char *name)
{
  struct proto_msg msg = {.type = PROTO_TAKEOVER};

  msg.named.name = (struct proto_str){name, (uint32_t) strlen (name)};
  peer_put (p, &msg);
  peer_flush (p);
}

TEST (takeover_asks_the_owner)
{
  struct proto_msg msg;

  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  put_takeover (&b, "x");
  ck_assert (peer_next (&a, &msg));
  ck_assert_int_eq (msg.type, PROTO_RELEASE);
  ck_assert_uint_eq (msg.id, 0);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  ck_assert (peer_next (&b, &msg));
  ck_assert_int_eq (msg.error, PROTO_OK);
}

TEST (takeover_ends_if_the_owner_stays)
{
  struct proto_msg msg;

  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  put_takeover (&b, "x");
  ck_assert (peer_next (&a, &msg));
  while (!peer_has_input (&b))
    ck_assert_int_eq (peer_simple (&a, PROTO_RENEW), PROTO_OK);
  ck_assert (peer_next (&b, &msg));
  ck_assert_int_eq (msg.error, PROTO_E_OWNED);
  expect_text ("host-A");
}

TEST (takeover_of_a_silent_owner)
{
  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_named (&b, PROTO_TAKEOVER, "x", 0), PROTO_OK);
  ck_assert_int_eq (peer_attach (&b, "x", 0), PROTO_OK);
  ck_assert_uint_eq (b.epoch, 3);
  ck_assert (b.attached.flags & PROTO_LOG_UNCLEAN);
}

TEST (fenced_takeover_is_durable)
{
  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_named (&b, PROTO_TAKEOVER, "x",
                                PROTO_TAKEOVER_FENCED),
                    PROTO_OK);
  ck_assert_int_eq (peer_simple (&a, PROTO_RENEW), PROTO_E_STALE);
  logd_kill (&server);
  logd_again (&server, NULL);
  peer_open (&a, &server, A);
  a.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&a, "x", 1), PROTO_E_STALE);
  peer_open (&b, &server, B);
  put_attach (&b, "x");
  ck_assert_int_eq (peer_attached (&b), PROTO_OK);
  ck_assert_uint_eq (b.epoch, 3);
  ck_assert_uint_eq (b.marked, 5);
}

static long
server_kilobytes (void)
{
  char path[64], line[128];
  long kb = -1;
  FILE *f;

  snprintf (path, sizeof path, "/proc/%d/status", (int) server.pid);
  f = fopen (path, "r");
  while (fgets (line, sizeof line, f) &&
         sscanf (line, "VmRSS: %ld kB", &kb) != 1)
    ;
  fclose (f);
  return kb;
}

/* Requests that wait are bounded like all else of a client, and others do not
 * notice.
 */
TEST (flood_of_takeovers_is_bounded)
{
  struct proto_msg msg = {
    .type = PROTO_TAKEOVER,
    .named.name = {"x", 1},
  };
  long before = server_kilobytes ();
  struct proto_msg reply;
  uint64_t begin, id;

  peer_open (&b, &server, B);
  fcntl (b.fd, F_SETFL, O_NONBLOCK);
  for (unsigned i = 0; i < 200000; ++i) {
    msg.id = 0;
    peer_put (&b, &msg);
  }
  a_has_log ("x", 0); /* now: a lease is short */
  for (size_t done = 0; done < b.out.len;) {
    ssize_t n = write (b.fd, b.out.data + done, b.out.len - done);

    begin = now_ns ();
    id = peer_put_flush (&a, PROTO_RENEW, 0);
    peer_flush (&a);
    do
      ck_assert (peer_next (&a, &reply));
    while (reply.id != id);
    ck_assert_int_eq (reply.error, PROTO_OK);
    ck_assert_uint_lt (now_ns () - begin, NSEC_PER_SEC / 2);
    if (n <= 0)
      break;
    done += (size_t) n;
  }
  ck_assert_int_lt (server_kilobytes () - before, 8192);
}

TEST (log_is_deleted_when_nobody_owns_it)
{
  a_has_log ("x", 0);
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_named (&b, PROTO_DELETE, "x", 0), PROTO_E_OWNED);
  expect_text ("host-A");
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  ck_assert_int_eq (peer_named (&b, PROTO_DELETE, "x", 0), PROTO_OK);
  ck_assert_int_eq (access (logd_file (&server, "x.log"), F_OK), -1);
  ck_assert_int_eq (access (logd_file (&server, "x.lease"), F_OK), -1);
  ck_assert_int_eq (access (logd_file (&server, "x.lease.spare"), F_OK), -1);
  ck_assert_int_eq (peer_named (&b, PROTO_DELETE, "x", 0), PROTO_E_NO_LOG);
  ck_assert_int_eq (peer_named (&b, PROTO_TAKEOVER, "x", 0), PROTO_E_NO_LOG);
}

TEST (all_logs_are_listed)
{
  struct proto_msg msg = {.type = PROTO_STATUS_INFO};
  static const char *const wanted[] = {"\"name\":\"m\"", "\"name\":\"x\"",
                                       "\"name\":\"y\""};

  a_has_log ("x", 0);
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  a_has_log ("m", PROTO_ATTACH_MEMORY);
  a_has_log ("y", 0);
  peer_put (&a, &msg);
  peer_flush (&a);
  for (unsigned i = 0; i < 3; ++i) {
    ck_assert (peer_next (&a, &msg));
    ck_assert (msg.flags & PROTO_MORE);
    expect_text (wanted[i]);
  }
  ck_assert (peer_next (&a, &msg));
  ck_assert (!(msg.flags & PROTO_MORE));
  ck_assert_uint_eq (msg.text.len, 0);
  ck_assert_int_eq (peer_named (&a, PROTO_STATUS_INFO, "y", 0), PROTO_OK);
  expect_text ("\"dirty_regions\":5");
  expect_text ("\"owner_state\":\"connected\"");
  ck_assert_int_eq (peer_named (&a, PROTO_STATUS_INFO, "x", 0), PROTO_OK);
  expect_text ("\"state\":\"closed\"");
  ck_assert_int_eq (peer_named (&a, PROTO_STATUS_INFO, "z", 0),
                    PROTO_E_NO_LOG);
}

TEST (access_is_by_identity)
{
  FILE *f = fopen (logd_file (&server, "access"), "w");

  fputs ("# who may what\n- open-* one\nsomebody *\n", f);
  fclose (f);
  logd_kill (&server);
  logd_again (&server, "--access", logd_file (&server, "access"), NULL);
  peer_open (&a, &server, A);
  ck_assert_int_eq (peer_attach (&a, "two", 0), PROTO_E_DENIED);
  ck_assert_int_eq (peer_attach (&a, "two", PROTO_ATTACH_READ_ONLY),
                    PROTO_E_DENIED);
  ck_assert_int_eq (peer_named (&a, PROTO_DELETE, "two", 0), PROTO_E_DENIED);
  ck_assert_int_eq (peer_named (&a, PROTO_TAKEOVER, "two", 0), PROTO_E_DENIED);
  ck_assert_int_eq (peer_named (&a, PROTO_STATUS_INFO, "two", 0),
                    PROTO_E_DENIED);
  ck_assert_int_eq (peer_attach (&a, "open-1", 0), PROTO_OK);
  f = fopen (logd_file (&server, "access"), "w");
  fputs ("- two\n", f);
  fclose (f);
  kill (server.pid, SIGHUP);
  peer_open (&b, &server, B);
  WAIT_FOR (peer_attach (&b, "two", 0) == PROTO_OK);
  ck_assert_int_eq (peer_attach (&a, "open-1", 0), PROTO_E_DENIED);
}

static const char *
http_get (const char *path)
{
  static char text[65536];
  char request[128];
  struct peer p = {0};
  struct logd status = server;
  size_t len = 0;
  ssize_t n;

  memcpy (status.socket, server.status, sizeof status.socket);
  peer_connect (&p, &status, A);
  snprintf (request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
  ck_assert (peer_send_bytes (&p, request, strlen (request)));
  while ((n = read (p.fd, text + len, sizeof text - 1 - len)) > 0)
    len += (size_t) n;
  text[len] = '\0';
  peer_close (&p);
  return text;
}

TEST (status_by_http)
{
  const char *text;

  a_has_log ("x", 0);
  text = http_get ("/status");
  ck_assert_ptr_nonnull (strstr (text, "200 OK"));
  ck_assert_ptr_nonnull (strstr (text, "\"dirty_regions\":5"));
  text = http_get ("/metrics");
  ck_assert_ptr_nonnull (
    strstr (text, "\nnbdmirror_logd_dirty_regions{log=\"x\"} 5\n"));
  ck_assert_ptr_nonnull (strstr (text, "le=\"+Inf\"} 1\n"));
  ck_assert_ptr_nonnull (strstr (http_get ("/"), "404"));
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("logd");
}
