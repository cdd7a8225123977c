/* SPDX-License-Identifier: BSD-3-Clause */

/* Clients that write, zero, flush and read at random, each in blocks of its own, and
 * whatever happens to the legs: none sees an error, and all read what they wrote
 * last.
 */

#ifndef NBDMIRROR_RANDOM_CLIENTS_H
#define NBDMIRROR_RANDOM_CLIENTS_H

#include <pthread.h>
#include <stdint.h>

#include "mirror-fixture.h"

#define CLIENT_REGIONS 2
#define CLIENT_SHIFT 16 /* of regions */
#define CLIENT_BYTES ((uint64_t) CLIENT_REGIONS << CLIENT_SHIFT)
#define CLIENT_BLOCKS (CLIENT_BYTES / BLOCK)
#define CLIENT_MAX_BLOCKS 16 /* at once */
#define CLIENTS_MAX 4

/* One client: it has some blocks for itself. */
struct random_client {
  struct random_clients *all;
  pthread_t thread;
  uint64_t base, random;
  uint8_t has[CLIENT_BLOCKS];
  uint8_t buf[CLIENT_MAX_BLOCKS * BLOCK];
  unsigned nr_done;
};

struct random_clients {
  struct fx *fx;
  unsigned nr;
  long pause_ns; /* after each request, for others want the processor, too */
  atomic_bool over;
  struct random_client client[CLIENTS_MAX];
};

/* nr * CLIENT_REGIONS regions are theirs, all of which are 'A'.  fx, nr and pause_ns
 * are set.
 */
void clients_start (struct random_clients *clients, uint64_t seed);

/* Join them; each has done something. */
void clients_end (struct random_clients *clients);

/* What they wrote last is on the leg's medium. */
void clients_are_on (const struct random_clients *clients, struct leg *leg);

#endif /* NBDMIRROR_RANDOM_CLIENTS_H */
