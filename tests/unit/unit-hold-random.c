/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs whose servers lose what was not flushed go away and come back at random,
 * while clients write, zero, flush and read: nobody sees an error, and everybody
 * reads what he wrote last.
 *
 * NBDMIRROR_HOLD_SECONDS makes it last longer than one.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-fixture.h"
#include "suite.h"

#define SHIFT 16
#define REGION (UINT64_C (1) << SHIFT)
#define NR_CLIENTS 4
#define CLIENT_BYTES (2 * REGION)
#define NR_REGIONS (NR_CLIENTS * CLIENT_BYTES / REGION)
#define CLIENT_BLOCKS (CLIENT_BYTES / BLOCK)
#define MAX_BLOCKS 16
#define HOUR_NS (3600 * NSEC_PER_SEC)

static struct fx *fx;
static atomic_bool over;

static void
setup (void)
{
  fx_hold_timeout = 60;
  fx = fx_new (3, NR_REGIONS, SHIFT, 0);
  fx->m->rejoin =
    (struct rejoin_times){NSEC_PER_MSEC, 5 * NSEC_PER_MSEC, HOUR_NS};
  fx->m->hold.first_ns = NSEC_PER_MSEC;
  fx->m->hold.max_ns = 5 * NSEC_PER_MSEC;
  fx->m->unstable.max_bytes = 256 * BLOCK;
  for (unsigned leg = 0; leg < 3; ++leg) {
    fx_set_kind (fx, leg, LEG_NBD);
    fx_fill (fx, leg, 0, NR_REGIONS * REGION, 'A');
    mem_leg_crash_at_open (fx->leg[leg], 1000 * leg + 1);
    mem_leg_delay (fx->leg[leg], LEG_WRITE, 3, MEM_LEG_ALWAYS,
                   NSEC_PER_MSEC / 10);
  }
  fx_start (fx);
}

static void
teardown (void)
{
  fx_free (fx);
}

/* Has some blocks for itself. */
struct client {
  uint64_t base, random;
  uint8_t has[CLIENT_BLOCKS];
  uint8_t buf[MAX_BLOCKS * BLOCK];
  unsigned nr_done;
};

static void
client_write (struct client *c, uint64_t first, uint64_t nr)
{
  uint8_t byte = (uint8_t) (random_next (&c->random) % 250 + 1);
  bool fua = random_next (&c->random) % 8 == 0;

  memset (c->buf, byte, nr * BLOCK);
  memset (c->has + first, byte, nr);
  ck_assert_int_eq (mirror_pwrite (fx->m, c->buf, c->base + first * BLOCK,
                                   nr * BLOCK, fua),
                    0);
}

static void
client_zero (struct client *c, uint64_t first, uint64_t nr)
{
  memset (c->has + first, 0, nr);
  ck_assert_int_eq (mirror_zero (fx->m, c->base + first * BLOCK, nr * BLOCK,
                                 false, true, false),
                    0);
}

static void
client_read (struct client *c, uint64_t first, uint64_t nr)
{
  ck_assert_int_eq (mirror_pread (fx->m, c->buf, c->base + first * BLOCK,
                                  nr * BLOCK),
                    0);
  for (uint64_t i = 0; i < nr * BLOCK; ++i)
    ck_assert_uint_eq (c->buf[i], c->has[first + i / BLOCK]);
}

static void
client_act (struct client *c)
{
  uint64_t nr = random_next (&c->random) % MAX_BLOCKS + 1;
  uint64_t first = random_next (&c->random) % (CLIENT_BLOCKS - nr + 1);

  switch (random_next (&c->random) % 16) {
  case 0:
    ck_assert_int_eq (mirror_flush (fx->m), 0);
    break;
  case 1:
    client_zero (c, first, nr);
    break;
  case 2:
  case 3:
  case 4:
    client_read (c, first, nr);
    break;
  default:
    client_write (c, first, nr);
  }
  c->nr_done++;
}

static void *
client_thread (void *arg)
{
  struct client *c = arg;

  while (!atomic_load (&over))
    client_act (c);
  return NULL;
}

/* One leg, two or all, in any order. */
static void
lose_some (uint64_t *state)
{
  unsigned first = (unsigned) (random_next (state) % 3);
  unsigned nr = (unsigned) (random_next (state) % 4);

  for (unsigned i = 0; i < nr; ++i)
    leg_lose (fx->leg[(first + i) % 3], ECONNRESET, "the test says so");
}

static void
is_durable (const struct client *c)
{
  CLEANUP_FREE uint8_t *stable = malloc (CLIENT_BYTES);

  for (unsigned leg = 0; leg < 3; ++leg) {
    mem_leg_read_stable (fx->leg[leg], stable, c->base, CLIENT_BYTES);
    for (uint64_t i = 0; i < CLIENT_BYTES; ++i)
      ck_assert_uint_eq (stable[i], c->has[i / BLOCK]);
  }
}

static uint64_t
seconds (void)
{
  const char *text = getenv ("NBDMIRROR_HOLD_SECONDS");

  return text ? strtoul (text, NULL, 10) : 1;
}

TEST (s5a_random_losses_lose_nothing)
{
  static struct client client[NR_CLIENTS];
  pthread_t thread[NR_CLIENTS];
  uint64_t state = 1, end = now_ns () + seconds () * NSEC_PER_SEC;
  unsigned held;

  for (uint64_t i = 0; i < NR_CLIENTS; ++i) {
    client[i].base = i * CLIENT_BYTES;
    client[i].random = i;
    memset (client[i].has, 'A', sizeof client[i].has);
    thread[i] = thread_run (client_thread, &client[i]);
  }
  while (now_ns () < end) {
    uint64_t next = now_ns () + random_next (&state) % 20 * NSEC_PER_MSEC;

    lose_some (&state);
    WAIT_FOR (now_ns () >= next);
  }
  atomic_store (&over, true);
  for (size_t i = 0; i < NR_CLIENTS; ++i) {
    pthread_join (thread[i], NULL);
    ck_assert_uint_gt (client[i].nr_done, 10);
  }
  WAIT_FOR (fx_in_sync (fx) == 7);
  ck_assert_int_eq (mirror_flush (fx->m), 0);
  for (size_t i = 0; i < NR_CLIENTS; ++i)
    is_durable (&client[i]);
  {
    CLEANUP_LOCK (&fx->m->lock);
    held = fx->m->hold.ended;
  }
  ck_assert_uint_gt (held, 0);
}

static struct suite_group tests = {.setup = setup,
                                   .teardown = teardown,
                                   .timeout = 3600};

int
main (void)
{
  return suite_main ("hold-random");
}
