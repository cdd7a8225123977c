/* SPDX-License-Identifier: BSD-3-Clause */

/* Random orders, one after the other, while clients write and read, legs are lost,
 * and their servers lose what was not flushed.  No client sees an error, everybody
 * reads what he wrote last, and in the end all legs hold it.
 *
 * Whenever the log's image changes it is looked at as by a restart: the leg that
 * it names holds what the primary holds, wherever the image vouches for it.
 *
 * UNIT_SEED=N begins with that seed, UNIT_ROUNDS=N gives that many orders.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-fixture.h"
#include "order.h"
#include "random-clients.h"
#include "suite.h"

#define NR_CLIENTS 2
#define NR_REGIONS (NR_CLIENTS * CLIENT_REGIONS)
#define REGION (UINT64_C (1) << CLIENT_SHIFT)
#define SIZE (NR_CLIENTS * CLIENT_BYTES)
#define NR_LEGS 3
#define MAX_DISKS 1024 /* and as much memory */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define NR_SEEDS 1 /* enough for what it finds, and takes ten times as long */
#else
#define NR_SEEDS 3
#endif
#define NR_ORDERS 150

static struct fx *fx;
static atomic_bool over;

/* --- disks --- */

/* All that were ever made; a leg that was given up stays until the end. */
static struct {
  pthread_mutex_t lock;
  struct leg *leg[MAX_DISKS]; /* has been freed if no order used it */
  char name[MAX_DISKS][16];
  unsigned nr;
  struct leg *moves; /* the next one is that disk */
  int byte;          /* or holds this everywhere */
} disks = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct leg *
disk_named (const char *name)
{
  CLEANUP_LOCK (&disks.lock);

  for (unsigned i = disks.nr; i-- > 0;)
    if (strcmp (disks.name[i], name) == 0)
      return disks.leg[i];
  return NULL;
}

static struct leg *
make_disk (const char *name, const struct leg_options *options)
{
  struct leg *leg = mem_leg_new (name, SIZE);

  (void) options;
  leg->kind = LEG_NBD;
  leg->min_block = BLOCK;
  ck_assert_int_eq (leg_open (leg, 0), 0);
  if (disks.byte)
    mem_leg_change (leg, 0, SIZE, disks.byte);
  leg_close (leg);
  mem_leg_same_disk (leg, disks.moves);
  CLEANUP_LOCK (&disks.lock);
  ck_assert_uint_lt (disks.nr, MAX_DISKS);
  snprintf (disks.name[disks.nr], sizeof disks.name[0], "%s", name);
  disks.leg[disks.nr++] = leg;
  mem_leg_crash_at_open (leg, 1000 * disks.nr + 1);
  return leg;
}

/* --- images --- */

/* The leg that the image means; the first ones are without a name in the log until
 * they come back.
 */
static struct leg *
disk_of (const struct mem_log_image *image, unsigned slot)
{
  return image->name[slot][0] ? disk_named (image->name[slot]) : fx->leg[slot];
}

static bool
same_there (struct leg *a, struct leg *b, uint64_t region)
{
  CLEANUP_FREE uint8_t *in_a = malloc (REGION), *in_b = malloc (REGION);

  mem_leg_read_stable (a, in_a, region * REGION, REGION);
  mem_leg_read_stable (b, in_b, region * REGION, REGION);
  return memcmp (in_a, in_b, REGION) == 0;
}

static void
check_leg (const struct mem_log_image *image, struct leg *source,
           unsigned slot)
{
  struct leg *leg = disk_of (image, slot);

  for (uint64_t r = 0; leg != source && r < NR_REGIONS; ++r)
    if (!image->marked[r] && !image->missed[slot][r] &&
        !same_there (source, leg, r)) {
      fprintf (stderr, "image: leg %s differs from %s in region %u\n",
               leg->name, source->name, (unsigned) r);
      atomic_store (&fx->too_trusting, true);
    }
}

static void
check_image (const struct mem_log_image *image, void *opaque)
{
  (void) opaque;
  if (image->state[image->primary] != LOG_LEG_IN_SYNC) {
    fprintf (stderr, "image: the primary is not in-sync\n");
    atomic_store (&fx->too_trusting, true);
    return;
  }
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    if (image->state[slot] != LOG_LEG_NONE)
      check_leg (image, disk_of (image, image->primary), slot);
}

/* --- who loses legs --- */

static struct leg *
some_leg (uint64_t *random)
{
  unsigned slot = (unsigned) (random_next (random) % LOG_MAX_LEGS);
  CLEANUP_LOCK (&fx->m->lock);

  return fx->m->configured & SLOT_BIT (slot) ? fx->m->member[slot].leg : NULL;
}

static void *
loser_thread (void *arg)
{
  uint64_t *random = arg;

  while (!atomic_load (&over)) {
    struct timespec ts = {
      .tv_nsec = (long) (random_next (random) % 100 * NSEC_PER_MSEC)};
    struct leg *leg = some_leg (random);

    nanosleep (&ts, NULL);
    if (leg)
      leg_lose (leg, ECONNRESET, "the test says so");
  }
  return NULL;
}

/* --- orders --- */

static const enum order_verb verbs[] = {
  ORDER_FAIL,   ORDER_DETACH,   ORDER_ATTACH, ORDER_ATTACH,  ORDER_ATTACH,
  ORDER_ATTACH, ORDER_ADD,      ORDER_REMOVE, ORDER_REMOVE,  ORDER_REPLACE,
  ORDER_RENAME, ORDER_MAY_STOP, ORDER_PAUSE,  ORDER_UNPAUSE, ORDER_UNPAUSE,
  ORDER_SET,    ORDER_SUSPEND,
};
#define NR_VERBS (sizeof verbs / sizeof verbs[0])

static struct leg *
leg_numbered (unsigned index)
{
  CLEANUP_LOCK (&fx->m->lock);

  FOR_EACH_SLOT (slot, fx->m->configured)
    if (fx->m->member[slot].index == index)
      return fx->m->member[slot].leg;
  return NULL;
}

static void
give (const struct order *order, struct outcome *out)
{
  int r = mirror_order (fx->m, order, out);

  ck_assert (r == 0 || !out->changed);
  ck_assert_uint_gt (strlen (out->text), 0);
  if (order->verb == ORDER_SUSPEND && r == 0)
    mirror_order (fx->m, &(struct order){.verb = ORDER_RESUME}, out);
  mirror_orders_go_on (fx->m);
}

static bool
random_order (uint64_t *random)
{
  unsigned index = (unsigned) (random_next (random) % 5);
  char leg[8], name[24];
  struct order order = {
    .verb = verbs[random_next (random) % NR_VERBS],
    .leg = leg,
    .new_leg = name,
    .name = "resync-rate",
    .value = random_next (random) % 2 ? "0" : "64M",
    .seconds = 5,
    .track = random_next (random) % 2,
    .overwrite = random_next (random) % 2,
    .dry_run = random_next (random) % 8 == 0,
  };
  struct outcome out;

  snprintf (leg, sizeof leg, "%u", index);
  snprintf (name, sizeof name, "/new%u", disks.nr);
  disks.moves = order.verb == ORDER_RENAME ? leg_numbered (index) : NULL;
  disks.byte = random_next (random) % 2 ? 'x' : 0;
  give (&order, &out);
  return out.changed;
}

/* --- the end --- */

static unsigned
nr_in_sync (void)
{
  return (unsigned) __builtin_popcount (fx_in_sync (fx));
}

static void
attach_all (void)
{
  struct outcome out;
  char leg[8];

  give (&(struct order){.verb = ORDER_UNPAUSE}, &out);
  for (unsigned index = 0; index < LOG_MAX_LEGS; ++index) {
    snprintf (leg, sizeof leg, "%u", index);
    give (&(struct order){.verb = ORDER_ATTACH, .leg = leg}, &out);
  }
}

/* Whether a leg under another name is that disk can't be told if it holds something,
 * and misses everything, or it is being written everywhere: it is not used.
 */
static unsigned
unknown_legs (uint64_t missed)
{
  unsigned unknown = 0;
  struct log_status status;
  CLEANUP_LOCK (&fx->m->lock);

  dirty_log_status (fx->log, &status);
  FOR_EACH_SLOT (slot, fx->m->configured)
    if (fx->m->member[slot].refused && status.missed[slot] >= missed)
      unknown |= SLOT_BIT (slot);
  return unknown;
}

static void
remove_unknown (uint64_t missed)
{
  struct outcome out;

  FOR_EACH_SLOT (slot, unknown_legs (missed))
    give (&(struct order){.verb = ORDER_REMOVE,
                          .leg = fx->m->member[slot].name},
          &out);
}

/* So that there is something to give orders to. */
static void
some_come_back (void)
{
  struct outcome out;
  char name[16];

  attach_all ();
  WAIT_FOR (nr_in_sync () > 1 ||
            (fx_in_sync (fx) | unknown_legs (0)) == fx->m->configured);
  remove_unknown (0);
  if (nr_in_sync () > 1)
    return;
  snprintf (name, sizeof name, "/new%u", disks.nr);
  disks.moves = NULL;
  disks.byte = 0;
  give (&(struct order){.verb = ORDER_ADD, .new_leg = name}, &out);
}

static void
all_come_back (void)
{
  attach_all ();
  WAIT_FOR ((fx_in_sync (fx) | unknown_legs (NR_REGIONS)) ==
            fx->m->configured);
  remove_unknown (NR_REGIONS);
  ck_assert_uint_eq (fx_in_sync (fx), fx->m->configured);
  while (mirror_orders_go_on (fx->m))
    ;
}

static unsigned
from_env (const char *name, unsigned otherwise)
{
  const char *s = getenv (name);

  return s ? (unsigned) strtoul (s, NULL, 10) : otherwise;
}

static void
setup (void)
{
  fx_hold_timeout = 60;
  fx = fx_new (NR_LEGS, NR_REGIONS, CLIENT_SHIFT, 0);
  fx->m->rejoin = (struct rejoin_times){NSEC_PER_MSEC, 5 * NSEC_PER_MSEC,
                                        3600 * NSEC_PER_SEC};
  fx->m->hold.first_ns = NSEC_PER_MSEC;
  fx->m->hold.max_ns = 5 * NSEC_PER_MSEC;
  fx->m->new_leg = make_disk;
  for (unsigned leg = 0; leg < NR_LEGS; ++leg) {
    fx_set_kind (fx, leg, LEG_NBD);
    fx_fill (fx, leg, 0, SIZE, 'A');
    mem_leg_crash_at_open (fx->leg[leg], leg + 1);
    snprintf (disks.name[leg], sizeof disks.name[0], "/leg%u", leg);
    disks.leg[disks.nr++] = fx->leg[leg];
  }
  mem_log_observe (fx->log, check_image, NULL);
  mem_log_fail_randomly (fx->log, 200);
  fx_start (fx);
}

static void
teardown (void)
{
  fx_free (fx);
}

LOOP_TEST (random_orders_lose_nothing, NR_SEEDS)
{
  static struct random_clients clients;
  uint64_t seed = from_env ("UNIT_SEED", 0) + (unsigned) _i, random = seed;
  unsigned orders = from_env ("UNIT_ROUNDS", NR_ORDERS), changed = 0;
  pthread_t loser;

  clients.fx = fx;
  clients.nr = NR_CLIENTS;
  clients.pause_ns = 200000;
  clients_start (&clients, seed);
  loser = thread_run (loser_thread, &seed);
  for (unsigned i = 0; i < orders; ++i) {
    if (i % 8 == 0)
      some_come_back ();
    changed += random_order (&random);
  }
  atomic_store (&over, true);
  pthread_join (loser, NULL);
  mem_log_fail_randomly (fx->log, 0);
  clients_end (&clients);
  ck_assert_uint_gt (changed, orders / 10);
  all_come_back ();
  ck_assert_int_eq (mirror_flush (fx->m), 0);
  FOR_EACH_SLOT (slot, fx->m->configured)
    clients_are_on (&clients, fx->m->member[slot].leg);
}

static struct suite_group tests = {.setup = setup,
                                   .teardown = teardown,
                                   .timeout = 600};

int
main (void)
{
  return suite_main ("order-random");
}
