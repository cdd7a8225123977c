/* SPDX-License-Identifier: BSD-3-Clause */

/* The FIFO range lock: order, sharing, no starvation, exclusion. */

#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "range.h"
#include "suite.h"
#include "unit-wait.h"

static pthread_mutex_t lock;
static struct range_list list;
static unsigned order; /* protected by lock: turns given so far */

/* A thread that takes a range, and keeps it until it is told to go on. */
struct taker {
  uint64_t offset, count;
  bool shared;
  pthread_t thread;
  /* Protected by lock. */
  struct range range;
  unsigned turn; /* 0 = waits */
  bool go_on;
};

static pthread_cond_t go;

static void
setup (void)
{
  pthread_mutex_init (&lock, NULL);
  cond_init_monotonic (&go);
  list = (struct range_list){0};
  order = 0;
}

static void
teardown (void)
{
  pthread_cond_destroy (&go);
  pthread_mutex_destroy (&lock);
}

static void *
taker_thread (void *arg)
{
  struct taker *t = arg;

  pthread_mutex_lock (&lock);
  range_lock (&list, &t->range, t->offset, t->count, t->shared, &lock);
  t->turn = ++order;
  while (!t->go_on)
    pthread_cond_wait (&go, &lock);
  range_unlock (&list, &t->range);
  pthread_mutex_unlock (&lock);
  return NULL;
}

static bool
is_queued (struct taker *t)
{
  bool queued;

  pthread_mutex_lock (&lock);
  queued = list.tail == &t->range;
  pthread_mutex_unlock (&lock);
  return queued;
}

static unsigned
turn_of (struct taker *t)
{
  unsigned turn;

  pthread_mutex_lock (&lock);
  turn = t->turn;
  pthread_mutex_unlock (&lock);
  return turn;
}

/* Start the taker; it is the last of the list when this returns. */
static void
take (struct taker *t, uint64_t offset, uint64_t count, bool shared)
{
  *t = (struct taker){.offset = offset, .count = count, .shared = shared};
  t->thread = thread_run (taker_thread, t);
  WAIT_FOR (is_queued (t));
}

static void
give (struct taker *t)
{
  pthread_mutex_lock (&lock);
  t->go_on = true;
  pthread_cond_broadcast (&go);
  pthread_mutex_unlock (&lock);
  pthread_join (t->thread, NULL);
}

/* Whether the taker waits is known as soon as it is in the list. */
static unsigned
blockers (struct taker *t)
{
  unsigned n;

  pthread_mutex_lock (&lock);
  n = t->range.blockers;
  pthread_mutex_unlock (&lock);
  return n;
}

TEST (conflicting_ranges_go_in_order_of_arrival)
{
  enum {
    NR = 8
  };
  struct taker t[NR];

  for (unsigned i = 0; i < NR; ++i)
    take (&t[i], 4096 * (i % 2), 8192, false);
  for (unsigned i = 0; i < NR; ++i) {
    WAIT_FOR (turn_of (&t[i]) == i + 1);
    for (unsigned j = i + 1; j < NR; ++j)
      ck_assert_uint_eq (turn_of (&t[j]), 0);
    give (&t[i]);
  }
  ck_assert_ptr_null (list.head);
  ck_assert_ptr_null (list.tail);
}

TEST (shared_ranges_go_together)
{
  struct taker a, b, c;

  take (&a, 0, 4096, true);
  take (&b, 0, 8192, true);
  take (&c, 4095, 1, true);
  WAIT_FOR (turn_of (&a) && turn_of (&b) && turn_of (&c));
  give (&b);
  give (&a);
  give (&c);
}

TEST (a_waiting_writer_stops_later_readers)
{
  struct taker reader, writer, late;

  take (&reader, 0, 4096, true);
  take (&writer, 0, 4096, false);
  take (&late, 0, 4096, true);
  ck_assert_uint_eq (blockers (&late), 1);
  ck_assert_uint_eq (turn_of (&late), 0);
  give (&reader);
  WAIT_FOR (turn_of (&writer) == 2);
  ck_assert_uint_eq (turn_of (&late), 0);
  give (&writer);
  WAIT_FOR (turn_of (&late) == 3);
  give (&late);
}

TEST (disjoint_ranges_do_not_wait)
{
  struct taker a, b, c;

  take (&a, 4096, 4096, false);
  take (&b, 0, 4096, false);    /* ends where a begins */
  take (&c, 8192, 4096, false); /* begins where a ends */
  WAIT_FOR (turn_of (&a) && turn_of (&b) && turn_of (&c));
  give (&a);
  give (&b);
  give (&c);
}

TEST (one_common_byte_is_a_conflict)
{
  struct taker a, b, c;

  take (&a, 4096, 4096, false);
  take (&b, 0, 4097, true);
  take (&c, 8191, 1, true);
  ck_assert_uint_eq (blockers (&b), 1);
  ck_assert_uint_eq (blockers (&c), 1);
  give (&a);
  WAIT_FOR (turn_of (&b) && turn_of (&c));
  give (&b);
  give (&c);
}

/* Waits for the first only, although the second, who waits too, overlaps the
 * third: the third does not overlap what it need not wait for.
 */
TEST (a_waiter_holds_up_only_what_it_overlaps)
{
  struct taker a, b, c;

  take (&a, 0, 4096, false);
  take (&b, 0, 8192, false);
  take (&c, 8192, 4096, false);
  WAIT_FOR (turn_of (&c) == 2);
  ck_assert_uint_eq (turn_of (&b), 0);
  give (&c);
  give (&a);
  WAIT_FOR (turn_of (&b));
  give (&b);
}

TEST (the_last_byte_of_the_address_space_can_be_locked)
{
  struct taker a, b;

  take (&a, UINT64_MAX - 4095, 4096, false);
  take (&b, UINT64_MAX, 1, true);
  ck_assert_uint_eq (blockers (&b), 1);
  give (&a);
  WAIT_FOR (turn_of (&b));
  give (&b);
}

/* --- many threads against a model --- */

#define BLOCKS 64
#define THREADS 8
#define ROUNDS 3000

struct model {
  unsigned readers[BLOCKS], writers[BLOCKS]; /* protected by lock */
  uint64_t arrivals;
  uint64_t last[BLOCKS]; /* arrival number of the last writer to hold it */
};

static struct model model;

static void
model_enter (uint64_t first, uint64_t nr, bool shared, uint64_t arrival)
{
  for (uint64_t b = first; b < first + nr; ++b) {
    ck_assert_uint_eq (model.writers[b], 0);
    if (!shared) {
      ck_assert_uint_eq (model.readers[b], 0);
      model.writers[b]++;
    }
    else
      model.readers[b]++;
    ck_assert_uint_gt (arrival, model.last[b]);
    if (!shared)
      model.last[b] = arrival;
  }
}

static void
model_leave (uint64_t first, uint64_t nr, bool shared)
{
  for (uint64_t b = first; b < first + nr; ++b)
    if (shared)
      model.readers[b]--;
    else
      model.writers[b]--;
}

static void *
random_thread (void *arg)
{
  uint64_t seed = (uintptr_t) arg;

  for (unsigned i = 0; i < ROUNDS; ++i) {
    uint64_t first = random_next (&seed) % BLOCKS;
    uint64_t nr = 1 + random_next (&seed) % (BLOCKS - first);
    bool shared = random_next (&seed) % 2;
    struct range range;
    uint64_t arrival;

    nr = nr > 8 ? 8 : nr;
    pthread_mutex_lock (&lock);
    arrival = ++model.arrivals;
    range_lock (&list, &range, first * 512, nr * 512, shared, &lock);
    model_enter (first, nr, shared, arrival);
    pthread_mutex_unlock (&lock);
    sched_yield ();
    pthread_mutex_lock (&lock);
    model_leave (first, nr, shared);
    range_unlock (&list, &range);
    pthread_mutex_unlock (&lock);
  }
  return NULL;
}

TEST (no_two_conflicting_holders_ever)
{
  pthread_t thread[THREADS];

  model = (struct model){0};
  for (uintptr_t i = 0; i < THREADS; ++i)
    thread[i] = thread_run (random_thread, (void *) (i + 1));
  for (unsigned i = 0; i < THREADS; ++i)
    pthread_join (thread[i], NULL);
  ck_assert_ptr_null (list.head);
  ck_assert_ptr_null (list.tail);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("range");
}
