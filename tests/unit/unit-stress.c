/* SPDX-License-Identifier: BSD-3-Clause */

/* Many threads, legs and a log that fail at random; legs come back by
 * themselves.  At the end:
 *
 *   - all legs are in-sync, and byte-identical;
 *   - each block holds its last acknowledged write, or one that was tried
 *     later and ended in an error;
 *   - block status has called nothing zeroes that was not, although that of a
 *     leg knows only what was flushed;
 *   - after a power failure the source holds for each block at least what a
 *     FLUSH that succeeded covered.
 *
 * The fixture also checks each image of the log while it runs.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "members.h"
#include "mirror-fixture.h"
#include "suite.h"

/* What a sanitizer finds it finds with one, and takes ten times as long. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define SEEDS 1
#else
#define SEEDS 4
#endif

#define SHIFT 13
#define NR_REGIONS 32
#define BLOCKS_PER_REGION ((1u << SHIFT) / BLOCK)
#define NR_BLOCKS (NR_REGIONS * BLOCKS_PER_REGION)
#define THREADS 6
#define OPS 1500

struct stamp {
  uint64_t block, version;
};

/* What the owner of a block knows of it; only its own thread looks. */
struct known {
  uint64_t tried;   /* version of the last write sent */
  uint64_t acked;   /* ... that succeeded */
  uint64_t flushed; /* ... and was there when a successful FLUSH began */
  uint64_t seen;    /* version that a read returned */
  uint64_t zeroed;  /* version of the last zeroing sent */
};

struct client {
  struct fx *fx;
  unsigned number;
  uint64_t seed;
  pthread_t thread;
  uint64_t errors;
  const char *complaint; /* the first */
};

static struct known known[NR_BLOCKS];

/* Clients go on while legs are still to be lost, in a quarter of the blocks,
 * or everything would be marked: 1 ... 4; 0 = all blocks, no legs are lost.
 */
static atomic_uint quarter;

static void
stamp_blocks (uint8_t *buf, uint64_t first, uint64_t nr, uint64_t version)
{
  for (uint64_t i = 0; i < nr; ++i)
    for (unsigned at = 0; at < BLOCK; at += sizeof (struct stamp)) {
      struct stamp s = {first + i, version};

      memcpy (buf + i * BLOCK + at, &s, sizeof s);
    }
}

/* The version in a block, 0 = never written or zeroed; UINT64_MAX = torn. */
static uint64_t
version_of (const uint8_t *buf, uint64_t block)
{
  struct stamp first, s;

  memcpy (&first, buf, sizeof first);
  for (unsigned at = 0; at < BLOCK; at += sizeof s) {
    memcpy (&s, buf + at, sizeof s);
    if (s.block != first.block || s.version != first.version)
      return UINT64_MAX;
  }
  if (first.version != 0 && first.block != block)
    return UINT64_MAX;
  return first.version;
}

/* Zeroes are those of the last zeroing sent, for want of a stamp. */
static uint64_t
known_version (const uint8_t *buf, uint64_t block)
{
  uint64_t version = version_of (buf, block);

  return version == 0 ? known[block].zeroed : version;
}

static bool
is_expected (const struct known *k, uint64_t version)
{
  return version != UINT64_MAX &&
         (version == k->acked || (version > k->acked && version <= k->tried));
}

/* Blocks of a thread: a run of 16 in each region's worth of 16 * THREADS, so
 * threads share regions, but no blocks.
 */
static uint64_t
pick_blocks (struct client *c, uint64_t *nr)
{
  uint64_t part = atomic_load (&quarter);
  uint64_t runs = NR_BLOCKS / 16 / (part ? 4 : 1);
  uint64_t first = part ? (part - 1) * runs : 0;
  uint64_t run;
  uint64_t at = random_next (&c->seed) % 16;

  do
    run = first + random_next (&c->seed) % runs;
  while (run % THREADS != c->number);
  *nr = 1 + random_next (&c->seed) % (16 - at);
  return run * 16 + at;
}

static int
send_write (struct client *c, uint64_t first, uint64_t nr, uint64_t version,
            bool fua)
{
  uint8_t buf[16 * BLOCK] = {0};

  stamp_blocks (buf, first, nr, version);
  return mirror_pwrite (c->fx->m, buf, first * BLOCK, nr * BLOCK, fua);
}

static int
send_zero (struct client *c, uint64_t first, uint64_t nr, uint64_t version,
           bool fua)
{
  for (uint64_t i = first; i < first + nr; ++i)
    known[i].zeroed = version;
  return mirror_zero (c->fx->m, first * BLOCK, nr * BLOCK, fua, version % 2,
                      false);
}

static void
client_write (struct client *c, bool fua, bool zero)
{
  uint64_t nr, first = pick_blocks (c, &nr), version = 0;

  for (uint64_t i = first; i < first + nr; ++i)
    if (version < known[i].tried)
      version = known[i].tried;
  version++;
  for (uint64_t i = first; i < first + nr; ++i)
    known[i].tried = version;
  if ((zero ? send_zero : send_write) (c, first, nr, version, fua) == -1) {
    c->errors++;
    return;
  }
  for (uint64_t i = first; i < first + nr; ++i) {
    known[i].acked = version;
    if (fua)
      known[i].flushed = version;
  }
}

static void
client_read (struct client *c)
{
  uint8_t buf[16 * BLOCK] = {0};
  uint64_t nr, first = pick_blocks (c, &nr);

  if (mirror_pread (c->fx->m, buf, first * BLOCK, nr * BLOCK) == -1) {
    c->errors++;
    return;
  }
  for (uint64_t i = 0; i < nr; ++i) {
    uint64_t version = known_version (buf + i * BLOCK, first + i);

    if (!is_expected (&known[first + i], version))
      c->complaint = "read something else than was written";
    else if (version < known[first + i].seen)
      c->complaint = "saw new data, and then old";
    else
      known[first + i].seen = version;
  }
}

/* Nobody else writes there meanwhile. */
static void
client_extents (struct client *c)
{
  struct leg_extent extents[16];
  size_t n = 16;
  uint64_t nr, first = pick_blocks (c, &nr), block = first;

  if (mirror_extents (c->fx->m, first * BLOCK, nr * BLOCK, extents, &n) ==
      -1) {
    c->errors++;
    return;
  }
  for (size_t i = 0; i < n; ++i)
    for (uint64_t end = block + extents[i].length / BLOCK; block < end;
         ++block)
      if (extents[i].zero && !is_expected (&known[block], known[block].zeroed))
        c->complaint = "heard of zeroes that are none";
}

static void
client_flush (struct client *c)
{
  if (mirror_flush (c->fx->m) == -1) {
    c->errors++;
    return;
  }
  for (uint64_t i = 0; i < NR_BLOCKS; ++i)
    if (i / 16 % THREADS == c->number)
      known[i].flushed = known[i].acked;
}

static void *
client_thread (void *arg)
{
  struct client *c = arg;

  for (unsigned i = 0; i < OPS || atomic_load (&quarter); ++i) {
    uint64_t what = random_next (&c->seed) % 100;

    if (what < 65)
      client_write (c, what < 5, what % 5 == 0);
    else if (what < 90)
      client_read (c);
    else if (what < 95)
      client_extents (c);
    else
      client_flush (c);
  }
  return NULL;
}

/* Everybody writes to the same few blocks, beyond those that are checked. */
static void *
rival_thread (void *arg)
{
  struct client *c = arg;
  uint8_t buf[4 * BLOCK];

  for (unsigned i = 0; i < OPS || atomic_load (&quarter); ++i) {
    uint64_t first = random_next (&c->seed) % 4;
    uint64_t nr = 1 + random_next (&c->seed) % 4;

    stamp_blocks (buf, first, nr, random_next (&c->seed));
    if (mirror_pwrite (c->fx->m, buf, (NR_BLOCKS + first) * BLOCK, nr * BLOCK,
                       false) == -1)
      c->errors++;
  }
  return NULL;
}

/* --- the end --- */

static void
check_legs (struct fx *fx)
{
  unsigned all = fx->m->configured;

  for (unsigned s = 0; s < fx->nr_legs; ++s)
    mem_leg_forget_rules (fx->leg[s]);
  WAIT_FOR (fx_in_sync (fx) == all);
  FOR_EACH_SLOT (s, all) {
    ck_assert (fx_same (fx, fx->m->primary, s));
    for (uint64_t i = 0; i < NR_BLOCKS; ++i)
      ck_assert_msg (is_expected (&known[i],
                                  known_version (mem_leg_data (fx->leg[s]) +
                                                   i * BLOCK,
                                                 i)),
                     "leg %u, block %" PRIu64, s, i);
  }
}

static void
check_after_power_failure (struct fx *fx)
{
  unsigned source = fx->m->primary;
  uint8_t buf[BLOCK];

  for (uint64_t i = 0; i < NR_BLOCKS; ++i) {
    uint64_t version;

    mem_leg_read_stable (fx->leg[source], buf, i * BLOCK, BLOCK);
    version = known_version (buf, i);
    ck_assert (version != UINT64_MAX);
    ck_assert_msg (version >= known[i].flushed,
                   "block %" PRIu64 ": %" PRIu64 " after a crash, %" PRIu64
                   " was flushed",
                   i, version, known[i].flushed);
  }
}

static void
run_clients (struct fx *fx, unsigned seed, unsigned clients, unsigned rivals)
{
  struct client c[THREADS + 4] = {0};
  uint64_t errors = 0;

  memset (known, 0, sizeof known);
  for (unsigned i = 0; i < clients + rivals; ++i) {
    c[i].fx = fx;
    c[i].number = i;
    c[i].seed = seed * 1000 + i;
    c[i].thread =
      thread_run (i < clients ? client_thread : rival_thread, &c[i]);
  }
  for (unsigned i = 0; i < clients + rivals; ++i) {
    pthread_join (c[i].thread, NULL);
    errors += c[i].errors;
    ck_assert_msg (c[i].complaint == NULL, "client %u %s", i, c[i].complaint);
  }
  printf ("seed %u: %" PRIu64 " requests ended in an error\n", seed, errors);
}

/* One region more, for the rivals. */
static struct fx *
stress_mirror (unsigned nr_legs, unsigned resyncing)
{
  struct fx *fx = fx_new (nr_legs, NR_REGIONS + 1, SHIFT, resyncing);

  for (unsigned s = 0; s < nr_legs; ++s)
    mem_leg_status_of_medium (fx->leg[s]);
  fx->m->config.read_policy = READ_AUTO;
  fx->m->config.log_timeout = 60;
  fx->m->max_hot = 3 * NR_REGIONS / 4; /* writes wait, clears all the time */
  fx->m->rejoin =
    (struct rejoin_times){NSEC_PER_MSEC, 5 * NSEC_PER_MSEC, NSEC_PER_SEC};
  return fx;
}

#define RIVALS 4
#define ROUNDS 300

static pthread_barrier_t round_barrier;

/* All write the same blocks at once. */
static void *
round_thread (void *arg)
{
  struct client *c = arg;
  uint8_t buf[4 * BLOCK];

  for (unsigned i = 0; i < ROUNDS; ++i) {
    stamp_blocks (buf, 0, 4, i * RIVALS + c->number + 1);
    pthread_barrier_wait (&round_barrier);
    if (mirror_pwrite (c->fx->m, buf, 0, sizeof buf, false) == -1)
      c->errors++;
    pthread_barrier_wait (&round_barrier);
    if (c->number == 0 && !fx_same (c->fx, 0, 1))
      c->complaint = "found legs that differ";
  }
  return NULL;
}

/* Leg 1 does each write later, in a thread of its own, so without the range
 * lock it soon does two of them in another order than leg 0.
 */
LOOP_TEST (s13_overlapping_writes_leave_equal_legs, SEEDS)
{
  struct fx *fx = stress_mirror (2, 0);
  struct client c[RIVALS] = {0};

  mem_leg_delay (fx->leg[1], LEG_WRITE, 1, MEM_LEG_ALWAYS, 20000);
  fx_start (fx);
  pthread_barrier_init (&round_barrier, NULL, RIVALS);
  for (unsigned i = 0; i < RIVALS; ++i) {
    c[i].fx = fx;
    c[i].number = i;
    c[i].thread = thread_run (round_thread, &c[i]);
  }
  for (unsigned i = 0; i < RIVALS; ++i) {
    pthread_join (c[i].thread, NULL);
    ck_assert_uint_eq (c[i].errors, 0);
    ck_assert_msg (c[i].complaint == NULL, "client %u %s", i, c[i].complaint);
  }
  pthread_barrier_destroy (&round_barrier);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  fx_free (fx);
}

LOOP_TEST (nothing_fails, SEEDS)
{
  struct fx *fx = stress_mirror (2, 0);

  fx_start (fx);
  run_clients (fx, (unsigned) _i + 1, THREADS, 2);
  check_after_power_failure (fx);
  check_legs (fx);
  fx_free (fx);
}

/* Legs 0 and 2 fail at some write, leg 2 while it is being resynced; flushes
 * of the log fail now and then.
 */
LOOP_TEST (legs_and_log_fail, SEEDS)
{
  uint64_t seed = (uint64_t) _i + 1;
  struct fx *fx = stress_mirror (3, 1u << 2);

  random_next (&seed);
  mem_leg_fail (fx->leg[0], LEG_WRITE, 50 + random_next (&seed) % 500, 1, EIO);
  mem_leg_fail (fx->leg[2], LEG_WRITE, 50 + random_next (&seed) % 900, 1, EIO);
  mem_leg_fail (fx->leg[1], LEG_READ, 20, 3, EIO);
  mem_leg_delay (fx->leg[1], LEG_FLUSH, 1, MEM_LEG_ALWAYS, NSEC_PER_MSEC);
  mem_log_fail_randomly (fx->log, 40);
  fx_start (fx);
  run_clients (fx, (unsigned) _i + 1, THREADS, 2);
  check_after_power_failure (fx);
  check_legs (fx);
  fx_free (fx);
}

/* Writes that fail on the last leg, on all legs, on the source of a resync:
 * clients see errors, and still nobody is trusted too much.
 */
LOOP_TEST (writes_fail_on_all_legs, SEEDS)
{
  uint64_t seed = (uint64_t) _i + 77;
  struct fx *fx = stress_mirror (2, 1u << 1);

  for (unsigned i = 0; i < 6; ++i)
    mem_leg_fail (fx->leg[0], LEG_WRITE, 1 + random_next (&seed) % 1000, 2,
                  EIO);
  mem_leg_fail (fx->leg[0], LEG_READ, 30, 2, EIO);
  fx_start (fx);
  run_clients (fx, (unsigned) _i + 1, THREADS, 2);
  check_after_power_failure (fx);
  check_legs (fx);
  fx_free (fx);
}

/* The same and a flush that fails on one of the legs. */
LOOP_TEST (a_flush_fails, SEEDS)
{
  uint64_t seed = (uint64_t) _i + 3;
  struct fx *fx = stress_mirror (2, 0);

  random_next (&seed);
  mem_leg_fail (fx->leg[random_next (&seed) % 2], LEG_FLUSH,
                1 + random_next (&seed) % 30, 1, EIO);
  mem_log_fail_randomly (fx->log, 60);
  fx_start (fx);
  run_clients (fx, (unsigned) _i + 1, THREADS, 2);
  check_after_power_failure (fx);
  check_legs (fx);
  fx_free (fx);
}

/* --- legs that come and go --- */

#define LOSSES 12

struct chaos {
  struct fx *fx;
  uint64_t seed;
  unsigned lost; /* so often */
};

static bool
is_used (struct fx *fx, unsigned leg)
{
  return (fx_in_sync (fx) | fx_resyncing (fx)) & SLOT_BIT (leg);
}

static bool
fail_member (struct fx *fx, unsigned leg)
{
  CLEANUP_LOCK (&fx->m->lock);
  return member_fail_locked (fx->m, leg);
}

/* Lose a leg, unless it is the last one in-sync: that would not come back.
 * Every other time wait until it is in-sync again, else it is soon back.
 */
static void
lose_one (struct chaos *chaos)
{
  struct fx *fx = chaos->fx;
  unsigned leg = (unsigned) (random_next (&chaos->seed) % fx->nr_legs);

  if (!fail_member (fx, leg))
    return;
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
  chaos->lost++;
  atomic_store (&quarter, 1 + chaos->lost % 4);
  WAIT_FOR (is_used (fx, leg));
  if (random_next (&chaos->seed) % 2)
    WAIT_FOR (fx_in_sync (fx) & SLOT_BIT (leg));
}

static void *
chaos_thread (void *arg)
{
  struct chaos *chaos = arg;

  while (chaos->lost < LOSSES)
    lose_one (chaos);
  atomic_store (&quarter, 0);
  return NULL;
}

/* A leg that was lost also forgets what it had not flushed. */
LOOP_TEST (legs_come_and_go, SEEDS)
{
  struct fx *fx = stress_mirror (3, 0);
  struct chaos chaos = {.fx = fx, .seed = (uint64_t) _i + 5};
  pthread_t thread;

  for (unsigned s = 0; s < 3; ++s)
    mem_leg_crash_at_open (fx->leg[s], (unsigned) _i * 1000 + s + 1);
  mem_log_fail_randomly (fx->log, 60);
  fx_start (fx);
  atomic_store (&quarter, 1);
  thread = thread_run (chaos_thread, &chaos);
  run_clients (fx, (unsigned) _i + 1, THREADS, 2);
  pthread_join (thread, NULL);
  check_after_power_failure (fx);
  check_legs (fx);
  fx_free (fx);
}

static struct suite_group tests = {
  .timeout = 180,
};

int
main (void)
{
  return suite_main ("stress");
}
