/* SPDX-License-Identifier: BSD-3-Clause */

/* How long an NBD leg may be slow, silent or busy before it is lost: the rules
 * with a clock of the test's own, and legs with servers that are slow.
 */

#include "config.h"

#undef NDEBUG

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <check.h>

#include "cleanup.h"
#include "fake-nbd.h"
#include "leg.h"
#include "nbd-pace.h"
#include "nbd-queue.h"
#include "nbd-server.h"
#include "suite.h"

#define MAX_WAIT_S 20
#define KIB 1024u
#define MIB (1024u * 1024u)

/* ---- The rules ---- */

static const struct leg_options limits = {
  .timeout_ns = 10 * NSEC_PER_SEC,
  .flush_timeout_ns = 60 * NSEC_PER_SEC,
  .fail_after_ns = 300 * NSEC_PER_SEC,
};
static struct leg fua_leg = {.can_fua = true}, plain_leg;
static atomic_uint slow;
static struct pace pace;
static uint64_t now;
static char why[LEG_ERROR_SIZE];

static void
begin (const struct leg_options *options)
{
  now = 1000 * NSEC_PER_SEC;
  atomic_store (&slow, 0);
  pace_init (&pace, options, &slow);
}

static struct leg_io
request (enum leg_op op, unsigned flags)
{
  return (struct leg_io){.op = op, .flags = flags, .leg = &fua_leg};
}

/* The reader looks all the time, and sees things move, or not. */
static void
pass (double seconds, bool moved)
{
  uint64_t end = now + (uint64_t) (seconds * NSEC_PER_SEC);

  while (now < end) {
    now += PACE_TICK_NS;
    pace_look (&pace, true, moved, now);
  }
}

static bool
late (const struct leg_io *oldest, const char *text)
{
  why[0] = '\0';
  if (!pace_is_late (&pace, oldest, why, sizeof why))
    return false;
  ck_assert_str_eq (why, text);
  return true;
}

TEST (a_server_is_silent_for_the_timeout_and_not_longer)
{
  struct leg_io io = request (LEG_READ, 0);

  begin (&limits);
  pace_sent (&pace, &io, true, now);
  pass (9.5, false);
  ck_assert (!late (&io, ""));
  pass (1, false);
  ck_assert (late (&io, "no answer for 10 s"));
}

TEST (while_something_moves_nothing_is_late)
{
  struct leg_io io = request (LEG_WRITE, 0);

  begin (&limits);
  pace_sent (&pace, &io, true, now);
  for (unsigned i = 0; i < 20; ++i) {
    pass (9, false);
    pass (0.2, true);
    ck_assert (!late (&io, ""));
  }
}

TEST (an_answer_to_somebody_else_counts)
{
  struct leg_io io[2] = {request (LEG_WRITE, 0), request (LEG_READ, 0)};

  begin (&limits);
  pace_sent (&pace, &io[0], true, now);
  pace_sent (&pace, &io[1], false, now);
  pass (9, false);
  pace_ended (&pace, &io[1], false);
  pass (9, false);
  ck_assert (!late (&io[0], ""));
  pass (2, false);
  ck_assert (late (&io[0], "no answer for 10 s"));
}

TEST (what_is_owed_after_a_silence_has_all_its_time)
{
  struct leg_io io = request (LEG_READ, 0);

  begin (&limits);
  now += 3600 * NSEC_PER_SEC; /* idle */
  pace_look (&pace, false, false, now);
  now += 3600 * NSEC_PER_SEC;
  pace_sent (&pace, &io, true, now);
  pass (9.5, false);
  ck_assert (!late (&io, ""));
}

/* Stopped, frozen, suspended: the looks are far from each other. */
TEST (time_in_which_this_process_stood_still_does_not_count)
{
  struct leg_io io = request (LEG_READ, 0);

  begin (&limits);
  pace_sent (&pace, &io, true, now);
  pass (5, false);
  now += 3600 * NSEC_PER_SEC;
  pass (4, false);
  ck_assert (!late (&io, ""));
  pass (1.5, false);
  ck_assert (late (&io, "no answer for 10 s"));
}

LOOP_TEST (a_flush_has_a_limit_of_its_own, 3)
{
  struct leg_io io[] = {request (LEG_FLUSH, 0), request (LEG_WRITE, LEG_FUA),
                        request (LEG_ZERO, LEG_FUA)};

  begin (&limits);
  pace_sent (&pace, &io[_i], true, now);
  pass (59, false);
  ck_assert (!late (&io[_i], ""));
  pass (2, false);
  ck_assert (late (&io[_i], "no answer to a flush for 60 s"));
}

TEST (a_leg_without_fua_gets_a_flush_later)
{
  struct leg_io io = request (LEG_WRITE, LEG_FUA);

  begin (&limits);
  io.leg = &plain_leg;
  pace_sent (&pace, &io, true, now);
  pass (10.5, false);
  ck_assert (late (&io, "no answer for 10 s"));
}

/* Of several connections: a server that flushes may answer nothing else. */
TEST (who_waits_behind_a_flush_waits_as_long)
{
  struct leg_io io = request (LEG_READ, 0);
  struct leg_io flush = request (LEG_FLUSH, 0);
  struct pace other;

  begin (&limits);
  pace_init (&other, &limits, &slow);
  pace_sent (&other, &flush, true, now);
  pace_sent (&pace, &io, true, now);
  pass (59, false);
  ck_assert (!late (&io, ""));
  pace_ended (&other, &flush, true);
  pass (9.5, false);
  ck_assert (!late (&io, ""));
  pass (1, false);
  ck_assert (late (&io, "no answer for 10 s"));
}

/* The mirror itself flushes every few seconds, also a server that hangs. */
LOOP_TEST (a_flush_into_a_silence_prolongs_nothing, 2)
{
  struct leg_io io = request (LEG_READ, 0);
  struct leg_io flush = request (LEG_FLUSH, 0);
  struct pace other;

  begin (&limits);
  pace_init (&other, &limits, &slow);
  pace_sent (&pace, &io, true, now);
  pass (2, false);
  pace_sent (_i == 0 ? &pace : &other, &flush, _i == 1, now);
  pass (7.5, false);
  ck_assert (!late (&io, ""));
  pass (1, false);
  ck_assert (late (&io, "no answer for 10 s"));
  /* If it was only slow, it flushes from then on. */
  pass (0.2, true);
  pass (59, false);
  ck_assert (!late (&io, ""));
}

TEST (a_flush_is_late_though_others_are_answered)
{
  struct leg_io flush = request (LEG_FLUSH, 0);
  struct leg_io io = request (LEG_READ, 0);

  begin (&limits);
  pace_sent (&pace, &flush, true, now);
  for (unsigned i = 0; i < 10; ++i) {
    ck_assert (!late (&flush, ""));
    pace_sent (&pace, &io, false, now);
    pass (6.5, true);
    pace_ended (&pace, &io, false);
  }
  ck_assert (late (&flush, "no answer to a flush for 60 s"));
}

TEST (a_flush_behind_slow_writes_waits_for_them)
{
  struct leg_io write = request (LEG_WRITE, 0);
  struct leg_io flush = request (LEG_FLUSH, 0);

  begin (&limits);
  pace_sent (&pace, &write, true, now);
  pace_sent (&pace, &flush, false, now);
  pass (100, true);
  ck_assert (!late (&write, ""));
  pace_ended (&pace, &write, true);
  pass (59, false);
  ck_assert (!late (&flush, ""));
}

/* It is asked for something else, and so shows that it lives, or not. */
TEST (a_server_that_does_two_things_at_once_is_not_silent_in_a_flush)
{
  struct leg_io flush = request (LEG_FLUSH, 0);
  struct leg_io probe = request (LEG_READ, 0);

  begin (&limits);
  pace.parallel = true;
  pace_sent (&pace, &flush, true, now);
  pass (4.5, false);
  ck_assert (!pace_should_ask (&pace, true, now));
  pass (0.6, false);
  ck_assert (pace_should_ask (&pace, true, now));
  pace_sent (&pace, &probe, false, now);
  pass (4.5, false);
  ck_assert (!late (&flush, ""));
  pace_ended (&pace, &probe, false);
  pass (4.5, false);
  ck_assert (!pace_should_ask (&pace, true, now));
  ck_assert (!late (&flush, ""));
  pass (6, false);
  ck_assert (late (&flush, "no answer for 10 s"));
}

TEST (an_idle_server_is_asked_now_and_then)
{
  struct leg_io io = request (LEG_READ, 0);

  begin (&limits);
  pace_sent (&pace, &io, true, now);
  pass (0.2, true);
  pace_ended (&pace, &io, true);
  now += 9 * PACE_IDLE_NS / 10;
  pace_look (&pace, false, false, now);
  ck_assert (!pace_should_ask (&pace, false, now));
  now += PACE_IDLE_NS / 5;
  ck_assert (pace_should_ask (&pace, false, now));
  /* What is owed tells by itself. */
  pace_sent (&pace, &io, true, now);
  pass (9, false);
  ck_assert (!pace_should_ask (&pace, true, now));
}

TEST (a_hard_limit_is_kept_whatever_moves)
{
  struct leg_options none = limits;
  struct leg_io io = request (LEG_WRITE, 0);

  begin (&limits);
  pace_sent (&pace, &io, true, now);
  pass (299, true);
  ck_assert (!late (&io, ""));
  pass (2, true);
  ck_assert (late (&io, "a request was not answered in 300 s"));
  none.fail_after_ns = 0;
  begin (&none);
  pace_sent (&pace, &io, true, now);
  pass (3000, true);
  ck_assert (!late (&io, ""));
}

/* ---- What waits ---- */

TEST (bytes_under_way_are_bounded)
{
  struct leg_io io[6] = {
    {.op = LEG_WRITE, .count = 6 * MIB}, {.op = LEG_READ, .count = 2 * MIB},
    {.op = LEG_WRITE, .count = MIB},     {.op = LEG_READ, .count = KIB},
    {.op = LEG_ZERO, .count = 32 * MIB}, {.op = LEG_READ, .count = KIB},
  };
  struct nbd_queue q;

  nbd_queue_init (&q);
  nbd_queue_begin (&q, 4 * MIB);
  q.window = 4 * MIB;
  /* One that is larger goes alone. */
  ck_assert (nbd_queue_enter (&q, &io[0]));
  nbd_queue_sent (&q, &io[0]);
  for (size_t i = 1; i < 5; ++i)
    ck_assert (!nbd_queue_enter (&q, &io[i]));
  ck_assert_ptr_null (nbd_queue_next (&q));
  nbd_queue_answered (&q, &io[0], NSEC_PER_SEC);
  for (size_t i = 1; i < 5; ++i) {
    ck_assert_ptr_eq (nbd_queue_next (&q), &io[i]);
    nbd_queue_sent (&q, &io[i]);
  }
  ck_assert_ptr_null (nbd_queue_next (&q));
  ck_assert_uint_eq (q.in_flight, 3 * MIB + KIB);
  ck_assert (nbd_queue_enter (&q, &io[5]));
  nbd_queue_give_up (&q, &io[5]);
  nbd_queue_answered (&q, &io[2], NSEC_PER_SEC);
  nbd_queue_answered (&q, &io[4], NSEC_PER_SEC);
  ck_assert_uint_eq (q.in_flight, 2 * MIB + KIB);
  ck_assert_ptr_eq (nbd_queue_clear (&q), &io[1]);
  ck_assert_ptr_eq (io[1].next, &io[3]);
  ck_assert_ptr_null (io[3].next);
  ck_assert_uint_eq (q.in_flight, 0);
}

TEST (nobody_overtakes_who_waits)
{
  struct leg_io io[4] = {
    {.op = LEG_WRITE, .count = 3 * MIB},
    {.op = LEG_WRITE, .count = 2 * MIB},
    {.op = LEG_WRITE, .count = KIB},
    {.op = LEG_FLUSH},
  };
  struct nbd_queue q;

  nbd_queue_init (&q);
  nbd_queue_begin (&q, 4 * MIB);
  q.window = 4 * MIB;
  ck_assert (nbd_queue_enter (&q, &io[0]));
  nbd_queue_sent (&q, &io[0]);
  for (size_t i = 1; i < 4; ++i)
    ck_assert (!nbd_queue_enter (&q, &io[i]));
  ck_assert_ptr_null (nbd_queue_next (&q));
  /* All of it, also what was not sent, is answered at the end. */
  ck_assert_ptr_eq (nbd_queue_clear (&q), &io[0]);
  for (size_t i = 0; i < 3; ++i)
    ck_assert_ptr_eq (io[i].next, &io[i + 1]);
  ck_assert_ptr_null (io[3].next);
  ck_assert (nbd_queue_enter (&q, &io[2]));
}

/* The request is answered after so long. */
static void
answer_one (struct nbd_queue *q, uint32_t count, double seconds)
{
  struct leg_io io = {.op = LEG_WRITE, .count = count};

  ck_assert (nbd_queue_enter (q, &io));
  nbd_queue_sent (q, &io);
  nbd_queue_answered (q, &io, (uint64_t) (seconds * NSEC_PER_SEC));
}

TEST (a_slow_server_gets_less_at_a_time_and_a_quick_one_more)
{
  struct nbd_queue q;

  nbd_queue_init (&q);
  nbd_queue_begin (&q, 4 * MIB);
  ck_assert_uint_eq (q.window, MIB);
  answer_one (&q, MIB, 0.01);
  ck_assert_uint_eq (q.window, 2 * MIB);
  answer_one (&q, 512 * KIB, 0.1);
  ck_assert_uint_eq (q.window, 2560 * KIB);
  answer_one (&q, MIB, 0.5);
  ck_assert_uint_eq (q.window, 2560 * KIB);
  for (unsigned i = 0; i < 8; ++i)
    answer_one (&q, MIB, 0.01);
  ck_assert_uint_eq (q.window, 4 * MIB);
  answer_one (&q, KIB, 2);
  ck_assert_uint_eq (q.window, 2 * MIB);
  for (unsigned i = 0; i < 8; ++i)
    answer_one (&q, KIB, 2);
  ck_assert_uint_eq (q.window, 256 * KIB);
  /* It is never so little that nothing goes. */
  answer_one (&q, 32 * MIB, 2);
}

/* ---- Servers that are slow ---- */

static atomic_uint nr_lost;

static void
on_lost (struct leg *leg)
{
  (void) leg;
  atomic_fetch_add (&nr_lost, 1);
}

static struct leg *
open_leg (const struct nbd_server *server, uint64_t timeout_ms,
          uint64_t flush_timeout_ms)
{
  const struct leg_options options = {
    .connections = 1,
    .timeout_ns = timeout_ms * NSEC_PER_MSEC,
    .flush_timeout_ns = flush_timeout_ms * NSEC_PER_MSEC,
  };
  struct leg *leg = leg_new (server->uri, &options);
  uint64_t end = now_ns () + MAX_WAIT_S * NSEC_PER_SEC;

  ck_assert_ptr_nonnull (leg);
  leg->on_lost = on_lost;
  /* A busy machine may need longer than the timeout to connect. */
  while (leg_open (leg, 0) == -1)
    ck_assert (now_ns () < end);
  return leg;
}

static void
test_io_done (struct leg_io *io)
{
  sem_post (io->opaque);
}

static void
wait_sem (sem_t *sem)
{
  struct timespec ts;

  clock_gettime (CLOCK_REALTIME, &ts);
  ts.tv_sec += MAX_WAIT_S;
  ck_assert_int_eq (sem_timedwait (sem, &ts), 0);
}

/* As long as it takes to send all of it is more than the timeout; it waits in
 * our memory and in the socket.
 */
LOOP_TEST (a_thin_line_is_no_failure, 2)
{
  CLEANUP_FREE char *buf = calloc (1, FAKE_NBD_SIZE);
  enum leg_op op = _i == 0 ? LEG_WRITE : LEG_READ;
  struct nbd_server server;
  struct leg *leg;
  uint64_t start;

  fake_nbd_start (&server, FAKE_NBD_THIN_LINE);
  leg = open_leg (&server, 1000, 0);
  start = now_ns ();
  ck_assert_int_eq (leg_run (leg, op, 0, buf, 0, FAKE_NBD_SIZE), 0);
  ck_assert_uint_gt (now_ns () - start, 1500 * NSEC_PER_MSEC);
  ck_assert_uint_eq (atomic_load (&nr_lost), 0);
  leg_free (leg);
  nbd_server_end (&server);
}

/* Then a server that hangs is found as soon as ever. */
TEST (a_slow_flush_is_no_failure)
{
  struct leg_io read = {.op = LEG_READ, .count = 512, .done = test_io_done};
  struct nbd_server server;
  struct leg *leg;
  char buf[512];
  uint64_t start;
  sem_t done;

  sem_init (&done, 0, 0);
  read.opaque = &done;
  read.buf = buf;
  fake_nbd_start (&server, FAKE_NBD_SLOW_FLUSH);
  leg = open_leg (&server, 700, 60000);
  start = now_ns ();
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  ck_assert_uint_gt (now_ns () - start, 1000 * NSEC_PER_MSEC);
  nbd_server_freeze (&server);
  start = now_ns ();
  leg_submit (leg, &read);
  wait_sem (&done);
  ck_assert_int_eq (read.error, ETIMEDOUT);
  ck_assert_uint_gt (now_ns () - start, 600 * NSEC_PER_MSEC);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (a_flush_that_never_ends_fails_the_leg)
{
  static const char *const args[] = {"memory", "1M", "--filter=multi-conn",
                                     "multi-conn-mode=disable", NULL};
  struct nbd_server server;
  char text[LEG_ERROR_SIZE];
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = open_leg (&server, 500, 1500);
  nbd_server_freeze (&server);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), -1);
  ck_assert_int_eq (errno, ETIMEDOUT);
  leg_last_error (leg, text, sizeof text);
  ck_assert_str_eq (text, "no answer to a flush for 1.5 s");
  leg_free (leg);
  nbd_server_end (&server);
}

static void
wait_lost (uint64_t limit_ms)
{
  uint64_t end = now_ns () + limit_ms * NSEC_PER_MSEC;

  while (atomic_load (&nr_lost) == 0 && now_ns () < end)
    poll (NULL, 0, 20);
  ck_assert_uint_eq (atomic_load (&nr_lost), 1);
}

/* One that serves several connections answers another one meanwhile. */
TEST (a_server_that_flushes_and_one_that_hangs_are_told_apart)
{
  static const char *const args[] = {"eval",
                                     "get_size=echo 1M",
                                     "thread_model=echo parallel",
                                     "can_multi_conn=exit 0",
                                     "pread=head -c $3 /dev/zero",
                                     "pwrite=cat >/dev/null",
                                     "can_flush=exit 0",
                                     "flush=sleep 2",
                                     NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = open_leg (&server, 1000, 60000);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  ck_assert_uint_eq (atomic_load (&nr_lost), 0);
  nbd_server_freeze (&server);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), -1);
  ck_assert_int_eq (errno, ETIMEDOUT);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (an_idle_leg_notices_that_its_server_hangs)
{
  static const char *const args[] = {"memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = open_leg (&server, 500, 60000);
  nbd_server_freeze (&server);
  wait_lost (MAX_WAIT_S * 1000);
  leg_free (leg);
  nbd_server_end (&server);
}

/* nbdkit ends when its last client has gone, and says so only when asked. */
TEST (a_server_that_shuts_down_is_left)
{
  static const char *const args[] = {"memory", "1M", NULL};
  uint64_t end = now_ns () + MAX_WAIT_S * NSEC_PER_SEC;
  struct nbd_server server;
  char text[LEG_ERROR_SIZE];
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = open_leg (&server, 60000, 0);
  kill (server.pid, SIGTERM);
  while (waitpid (server.pid, NULL, WNOHANG) != server.pid) {
    ck_assert (now_ns () < end);
    poll (NULL, 0, 20);
  }
  server.pid = 0;
  wait_lost (MAX_WAIT_S * 1000);
  leg_last_error (leg, text, sizeof text);
  /* It may have ended before it was asked. */
  if (strcmp (text, "connection lost: closed by the server") != 0)
    ck_assert_str_eq (text, "its server is shutting down");
  leg_free (leg);
  nbd_server_end (&server);
}

/* More than may be under way at once, in requests and in pieces. */
TEST (what_waits_is_sent_and_answered)
{
  static const char *const args[] = {"memory", "64M", NULL};
  enum {
    NR = 48
  };
  CLEANUP_FREE char *buf = malloc (NR * MIB);
  CLEANUP_FREE char *back = malloc (32 * MIB);
  struct leg_io io[NR];
  struct nbd_server server;
  struct leg *leg;
  sem_t done;

  for (size_t i = 0; i < NR * MIB; i += 4)
    memcpy (buf + i, &(uint32_t){(uint32_t) i * 2654435761u}, 4);
  sem_init (&done, 0, 0);
  nbd_server_start (&server, false, args);
  leg = open_leg (&server, 10000, 0);
  for (size_t i = 0; i < NR; ++i) {
    io[i] = (struct leg_io){.op = LEG_WRITE,
                            .buf = buf + i * MIB,
                            .offset = i * MIB,
                            .count = MIB,
                            .done = test_io_done,
                            .opaque = &done};
    leg_submit (leg, &io[i]);
  }
  for (size_t i = 0; i < NR; ++i)
    wait_sem (&done);
  for (size_t i = 0; i < NR; ++i)
    ck_assert_int_eq (io[i].error, 0);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, back, 0, 32 * MIB), 0);
  ck_assert_int_eq (memcmp (buf, back, 32 * MIB), 0);
  ck_assert_uint_eq (atomic_load (&leg->in_flight), 0);
  leg_free (leg);
  nbd_server_end (&server);
}

/* What was never sent is answered, too. */
TEST (what_waits_fails_with_the_leg)
{
  static const char *const args[] = {"memory", "64M", NULL};
  enum {
    NR = 48
  };
  CLEANUP_FREE char *buf = calloc (NR, MIB);
  struct leg_io io[NR];
  struct nbd_server server;
  struct leg *leg;
  sem_t done;

  sem_init (&done, 0, 0);
  nbd_server_start (&server, false, args);
  leg = open_leg (&server, 1000, 0);
  nbd_server_freeze (&server);
  for (size_t i = 0; i < NR; ++i) {
    io[i] = (struct leg_io){.op = LEG_READ,
                            .buf = buf + i * MIB,
                            .offset = i * MIB,
                            .count = MIB,
                            .done = test_io_done,
                            .opaque = &done};
    leg_submit (leg, &io[i]);
  }
  for (size_t i = 0; i < NR; ++i)
    wait_sem (&done);
  for (size_t i = 0; i < NR; ++i)
    ck_assert_int_eq (io[i].error, ETIMEDOUT);
  ck_assert_uint_eq (atomic_load (&nr_lost), 1);
  ck_assert_uint_eq (atomic_load (&leg->in_flight), 0);
  leg_free (leg);
  nbd_server_end (&server);
}

/* The owner may have stopped to let the leg be written meanwhile. */
static atomic_bool may_write;

static bool
ask_owner (struct leg *leg)
{
  (void) leg;
  return atomic_load (&may_write);
}

TEST (what_waited_asks_its_owner_again)
{
  enum {
    NR = 24
  };
  CLEANUP_FREE char *buf = calloc (NR, MIB);
  struct leg_io io[NR];
  struct nbd_server server;
  unsigned unsent = 0;
  struct leg *leg;
  sem_t done;

  sem_init (&done, 0, 0);
  atomic_store (&may_write, true);
  fake_nbd_start (&server, FAKE_NBD_THIN_LINE);
  leg = open_leg (&server, 10000, 0);
  leg->may_write = ask_owner;
  for (size_t i = 0; i < NR; ++i) {
    io[i] = (struct leg_io){.op = LEG_WRITE,
                            .buf = buf + i * MIB,
                            .count = MIB,
                            .done = test_io_done,
                            .opaque = &done};
    leg_submit (leg, &io[i]);
  }
  atomic_store (&may_write, false);
  wait_sem (&done); /* makes room for one that waits */
  nbd_server_kill (&server);
  for (size_t i = 1; i < NR; ++i)
    wait_sem (&done);
  for (size_t i = 0; i < NR; ++i)
    if (io[i].unsent) {
      ck_assert_int_eq (io[i].error, ESTALE);
      unsent++;
    }
  ck_assert_uint_gt (unsent, 0);
  leg_free (leg);
  nbd_server_end (&server);
}

static struct suite_group tests = {
  .timeout = 4 * MAX_WAIT_S,
};

int
main (void)
{
  return suite_main ("leg-pace");
}
