/* SPDX-License-Identifier: BSD-3-Clause */

/* What may go wrong between two threads of a leg, each time in the one order
 * in which it does.
 *
 * The linker puts our pthread_mutex_lock before the real one: a thread can be
 * stopped before the nth lock that it takes, while the test goes on.
 */

#include "config.h"

#undef NDEBUG

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "deadline.h"
#include "leg-ops.h"
#include "nbd-server.h"
#include "suite.h"

#define MAX_WAIT_S 20
#define MAX_PARKED 16
#define PIECE 4096

/* ---- A thread that stops before a lock ---- */

int __real_pthread_mutex_lock (pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock (pthread_mutex_t *lock);

static __thread unsigned locks_left; /* 0: it does not stop */

static struct {
  pthread_t thread;
  unsigned before; /* the nth lock */
  void (*run) (void *arg);
  void *arg;
  sem_t paused; /* or it has ended */
  sem_t go_on;
} other;

static void
wait_sem (sem_t *sem)
{
  struct timespec ts;

  clock_gettime (CLOCK_REALTIME, &ts);
  ts.tv_sec += MAX_WAIT_S;
  ck_assert_int_eq (sem_timedwait (sem, &ts), 0);
}

int
__wrap_pthread_mutex_lock (pthread_mutex_t *lock)
{
  if (locks_left > 0 && --locks_left == 0) {
    sem_post (&other.paused);
    wait_sem (&other.go_on);
  }
  return __real_pthread_mutex_lock (lock);
}

static void *
other_thread (void *arg)
{
  locks_left = other.before;
  other.run (other.arg);
  locks_left = 0;
  sem_post (&other.paused);
  return arg;
}

/* Call run in another thread, until it is about to take its nth lock, or to
 * the end if it takes fewer.
 */
static void
other_begin (void (*run) (void *arg), void *arg, unsigned before)
{
  other.run = run;
  other.arg = arg;
  other.before = before;
  sem_init (&other.paused, 0, 0);
  sem_init (&other.go_on, 0, 0);
  ck_assert_int_eq (pthread_create (&other.thread, NULL, other_thread, NULL),
                    0);
  wait_sem (&other.paused);
}

static void
other_end (void)
{
  sem_post (&other.go_on);
  ck_assert_int_eq (pthread_join (other.thread, NULL), 0);
}

/* ---- A leg that parks all requests ---- */

/* For the other thread: ck_assert takes a lock itself. */
static void
must (bool ok)
{
  if (!ok)
    abort ();
}

struct parking_leg {
  struct leg base;
  struct leg_io *parked[MAX_PARKED];
  size_t nr_parked, nr_answered;
};

static struct parking_leg *
parking_leg (struct leg *leg)
{
  return (struct parking_leg *) leg;
}

static int
parking_open (struct leg *leg, unsigned flags)
{
  (void) leg;
  (void) flags;
  return 0;
}

static int
parking_run (struct leg *leg)
{
  (void) leg;
  return 0;
}

static void
parking_stop (struct leg *leg)
{
  (void) leg;
}

static void
parking_destroy (struct leg *leg)
{
  free (leg);
}

static void
parking_submit (struct leg *leg, struct leg_io *io)
{
  struct parking_leg *p = parking_leg (leg);

  must (p->nr_parked < MAX_PARKED);
  p->parked[p->nr_parked++] = io;
}

static int
parking_extents (struct leg *leg, uint64_t offset, uint64_t count,
                 struct leg_extent *extents, size_t *nr)
{
  (void) leg;
  (void) offset;
  *extents = (struct leg_extent){.length = count};
  *nr = 1;
  return 0;
}

static const struct leg_ops parking_ops = {
  .open = parking_open,
  .reopen = parking_run,
  .run = parking_run,
  .stop = parking_stop,
  .close = parking_stop,
  .destroy = parking_destroy,
  .submit = parking_submit,
  .extents = parking_extents,
  .lose = parking_stop,
};

static struct leg *
open_parking_leg (void)
{
  static const struct leg_options options = {.connections = 1};
  struct parking_leg *p = calloc (1, sizeof *p);

  ck_assert_ptr_nonnull (p);
  ck_assert_int_eq (leg_init (&p->base, &parking_ops, "parking", LEG_FILE,
                              &options),
                    0);
  p->base.size = MAX_PARKED * PIECE;
  p->base.max_request = PIECE;
  ck_assert_int_eq (leg_open (&p->base, 0), 0);
  return &p->base;
}

/* Answer the oldest request that was not answered yet. */
static void
answer_one (void *arg)
{
  struct parking_leg *p = arg;

  must (p->nr_answered < p->nr_parked);
  leg_answered (p->parked[p->nr_answered++], 0, now_ns ());
}

static void
answer_all (struct leg *leg)
{
  struct parking_leg *p = parking_leg (leg);

  while (p->nr_answered < p->nr_parked)
    answer_one (p);
}

/* ---- Tests ---- */

struct test_io {
  struct leg_io io;
  char buf[MAX_PARKED * PIECE];
  unsigned nr_done;
  char last_error[LEG_ERROR_SIZE]; /* when it was done */
};

static void
test_io_done (struct leg_io *io)
{
  struct test_io *t = io->opaque;

  t->nr_done++;
  leg_last_error (io->leg, t->last_error, sizeof t->last_error);
}

static void
submit (struct leg *leg, struct test_io *t, enum leg_op op, uint64_t count)
{
  memset (t, 0, sizeof *t);
  t->io = (struct leg_io){.op = op,
                          .buf = t->buf,
                          .count = count,
                          .done = test_io_done,
                          .opaque = t};
  leg_submit (leg, &t->io);
}

/* One thread answers a piece and is stopped somewhere in that; another one
 * answers all the others.  Only one of them may find that it was the last.
 */
LOOP_TEST (the_last_piece_is_answered_by_one_thread, 8)
{
  const unsigned before = (unsigned) _i % 4 + 1;
  const uint64_t nr_pieces = _i < 4 ? 2 : 6; /* all at once, or not */
  struct leg *leg = open_parking_leg ();
  static struct test_io t;

  submit (leg, &t, LEG_WRITE, nr_pieces * PIECE);
  other_begin (answer_one, leg, before);
  answer_all (leg);
  other_end ();
  answer_all (leg);
  ck_assert_uint_eq (parking_leg (leg)->nr_parked, nr_pieces);
  ck_assert_uint_eq (t.nr_done, 1);
  ck_assert_int_eq (t.io.error, 0);
  leg_free (leg);
}

static void
lose_first (void *arg)
{
  leg_lose (arg, ECONNRESET, "lost: one connection ended");
}

/* Two connections end at the same time, and each answers its requests. */
LOOP_TEST (a_request_on_a_lost_leg_blames_the_loss, 3)
{
  struct leg *leg = open_parking_leg ();
  static struct test_io t;

  submit (leg, &t, LEG_WRITE, PIECE);
  other_begin (lose_first, leg, (unsigned) _i + 1);
  leg_lose (leg, ECONNRESET, "lost: the other one ended");
  answer_all (leg);
  ck_assert_int_eq (t.io.error, ECONNRESET);
  ck_assert_msg (strstr (t.last_error, "lost: ") != NULL, "\"%s\"",
                 t.last_error);
  other_end ();
  ck_assert (atomic_load (&leg->lost));
  leg_free (leg);
}

/* Or the medium does what is under way just then. */
LOOP_TEST (what_fails_while_a_leg_gets_lost_blames_the_loss, 3)
{
  struct leg *leg = open_parking_leg ();
  static struct test_io t;

  submit (leg, &t, LEG_WRITE, PIECE);
  other_begin (lose_first, leg, (unsigned) _i + 1);
  answer_all (leg);
  ck_assert_uint_eq (t.nr_done, 1);
  ck_assert_msg (t.io.error == 0 || strstr (t.last_error, "lost: ") != NULL,
                 "%d, \"%s\"", t.io.error, t.last_error);
  other_end ();
  leg_free (leg);
}

/* ---- A request that is long on its way ---- */

struct late_request {
  struct leg *leg;
  struct leg_io io;
  char buf[512];
  sem_t done;
};

static void
late_done (struct leg_io *io)
{
  sem_post (io->opaque);
}

static void
submit_late (void *arg)
{
  struct late_request *r = arg;

  leg_submit (r->leg, &r->io);
}

/* The thread stands still between two steps of sending, as all of them do
 * when the process is stopped.  The server has its time after that.
 */
TEST (a_request_counts_from_when_it_is_sent)
{
  static const char *const args[] = {"memory", "1M", "--filter=delay",
                                     "rdelay=300ms", NULL};
  const uint64_t timeout = NSEC_PER_SEC;
  struct leg_options options = {.connections = 1, .timeout_ns = timeout};
  static struct late_request r;
  struct nbd_server server;
  uint64_t until;

  nbd_server_start (&server, false, args);
  sem_init (&r.done, 0, 0);
  r.io = (struct leg_io){.op = LEG_READ,
                         .buf = r.buf,
                         .count = sizeof r.buf,
                         .done = late_done,
                         .opaque = &r.done};
  r.leg = leg_new (server.uri, &options);
  ck_assert_ptr_nonnull (r.leg);
  ck_assert_int_eq (leg_open (r.leg, 0), 0);
  other_begin (submit_late, &r, 1);
  until = now_ns () + 5 * timeout / 2;
  while (now_ns () < until)
    poll (NULL, 0, 50); /* that so much time passes is the case */
  other_end ();
  wait_sem (&r.done);
  ck_assert_int_eq (r.io.error, 0);
  ck_assert (!atomic_load (&r.leg->lost));
  leg_free (r.leg);
  nbd_server_end (&server);
}

static struct suite_group tests = {
  .timeout = 2 * MAX_WAIT_S,
};

int
main (void)
{
  return suite_main ("leg-races");
}
