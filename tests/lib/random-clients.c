/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "random-clients.h"
#include "suite.h"

static void
client_write (struct random_client *c, uint64_t first, uint64_t nr)
{
  uint8_t byte = (uint8_t) (random_next (&c->random) % 250 + 1);
  bool fua = random_next (&c->random) % 8 == 0;

  memset (c->buf, byte, nr * BLOCK);
  memset (c->has + first, byte, nr);
  ck_assert_int_eq (mirror_pwrite (c->all->fx->m, c->buf,
                                   c->base + first * BLOCK, nr * BLOCK, fua),
                    0);
}

static void
client_zero (struct random_client *c, uint64_t first, uint64_t nr)
{
  memset (c->has + first, 0, nr);
  ck_assert_int_eq (mirror_zero (c->all->fx->m, c->base + first * BLOCK,
                                 nr * BLOCK, false, true, false),
                    0);
}

static void
client_read (struct random_client *c, uint64_t first, uint64_t nr)
{
  ck_assert_int_eq (mirror_pread (c->all->fx->m, c->buf,
                                  c->base + first * BLOCK, nr * BLOCK),
                    0);
  for (uint64_t i = 0; i < nr * BLOCK; ++i)
    ck_assert_uint_eq (c->buf[i], c->has[first + i / BLOCK]);
}

static void
client_act (struct random_client *c)
{
  uint64_t nr = random_next (&c->random) % CLIENT_MAX_BLOCKS + 1;
  uint64_t first = random_next (&c->random) % (CLIENT_BLOCKS - nr + 1);
  uint64_t what = random_next (&c->random) % 16;

  if (what == 0)
    ck_assert_int_eq (mirror_flush (c->all->fx->m), 0);
  else if (what == 1)
    client_zero (c, first, nr);
  else if (what < 5)
    client_read (c, first, nr);
  else
    client_write (c, first, nr);
  c->nr_done++;
}

static void *
client_thread (void *arg)
{
  struct random_client *c = arg;
  struct timespec pause = {.tv_nsec = c->all->pause_ns};

  while (!atomic_load (&c->all->over)) {
    client_act (c);
    if (pause.tv_nsec > 0)
      nanosleep (&pause, NULL);
  }
  return NULL;
}

void
clients_start (struct random_clients *clients, uint64_t seed)
{
  ck_assert_uint_le (clients->nr, CLIENTS_MAX);
  for (unsigned i = 0; i < clients->nr; ++i) {
    struct random_client *c = &clients->client[i];

    c->all = clients;
    c->base = i * CLIENT_BYTES;
    c->random = seed + i;
    memset (c->has, 'A', sizeof c->has);
    c->thread = thread_run (client_thread, c);
  }
}

void
clients_end (struct random_clients *clients)
{
  atomic_store (&clients->over, true);
  for (unsigned i = 0; i < clients->nr; ++i) {
    pthread_join (clients->client[i].thread, NULL);
    ck_assert_uint_gt (clients->client[i].nr_done, 10);
  }
}

void
clients_are_on (const struct random_clients *clients, struct leg *leg)
{
  CLEANUP_FREE uint8_t *stable = malloc (CLIENT_BYTES);

  for (unsigned i = 0; i < clients->nr; ++i) {
    const struct random_client *c = &clients->client[i];

    mem_leg_read_stable (leg, stable, c->base, CLIENT_BYTES);
    for (uint64_t at = 0; at < CLIENT_BYTES; ++at)
      ck_assert_uint_eq (stable[at], c->has[at / BLOCK]);
  }
}
