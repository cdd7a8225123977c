/* SPDX-License-Identifier: BSD-3-Clause */

/* How fast resync may go. */

#ifndef NBDMIRROR_RATE_H
#define NBDMIRROR_RATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct mirror;

struct rate {
  atomic_uint_fast64_t client_ns; /* last client request */
  pthread_mutex_t lock;
  uint64_t next_ns; /* protected by lock: the ceiling's next free moment */
};

void rate_init (struct rate *rate);

/* A client request comes in; returns the time. */
uint64_t rate_client (struct rate *rate);

/* After copying bytes, which took elapsed ns: nanoseconds to pause.  No lock is
 * held.
 */
uint64_t rate_pause (struct mirror *m, uint64_t bytes, uint64_t elapsed);

#endif /* NBDMIRROR_RATE_H */
