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

#include "cleanup.h"
#include "mirror-fixture.h"
#include "random-clients.h"
#include "suite.h"

#define NR_CLIENTS 4
#define NR_REGIONS (NR_CLIENTS * CLIENT_REGIONS)
#define SIZE (NR_CLIENTS * CLIENT_BYTES)
#define HOUR_NS (3600 * NSEC_PER_SEC)

static struct fx *fx;

static void
setup (void)
{
  fx_hold_timeout = 60;
  fx = fx_new (3, NR_REGIONS, CLIENT_SHIFT, 0);
  fx->m->rejoin =
    (struct rejoin_times){NSEC_PER_MSEC, 5 * NSEC_PER_MSEC, HOUR_NS};
  fx->m->hold.first_ns = NSEC_PER_MSEC;
  fx->m->hold.max_ns = 5 * NSEC_PER_MSEC;
  fx->m->unstable.max_bytes = 256 * BLOCK;
  for (unsigned leg = 0; leg < 3; ++leg) {
    fx_set_kind (fx, leg, LEG_NBD);
    fx_fill (fx, leg, 0, SIZE, 'A');
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

/* One leg, two or all, in any order. */
static void
lose_some (uint64_t *state)
{
  unsigned first = (unsigned) (random_next (state) % 3);
  unsigned nr = (unsigned) (random_next (state) % 4);

  for (unsigned i = 0; i < nr; ++i)
    leg_lose (fx->leg[(first + i) % 3], ECONNRESET, "the test says so");
}

static uint64_t
seconds (void)
{
  const char *text = getenv ("NBDMIRROR_HOLD_SECONDS");

  return text ? strtoul (text, NULL, 10) : 1;
}

TEST (s5a_random_losses_lose_nothing)
{
  static struct random_clients clients;
  uint64_t state = 1, end = now_ns () + seconds () * NSEC_PER_SEC;
  unsigned held;

  clients.fx = fx;
  clients.nr = NR_CLIENTS;
  clients_start (&clients, 0);
  while (now_ns () < end) {
    uint64_t next = now_ns () + random_next (&state) % 20 * NSEC_PER_MSEC;

    lose_some (&state);
    WAIT_FOR (now_ns () >= next);
  }
  clients_end (&clients);
  WAIT_FOR (fx_in_sync (fx) == 7);
  ck_assert_int_eq (mirror_flush (fx->m), 0);
  for (unsigned leg = 0; leg < 3; ++leg)
    clients_are_on (&clients, fx->leg[leg]);
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
