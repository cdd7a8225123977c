/* SPDX-License-Identifier: BSD-3-Clause */

/* How fast resync may go.
 *
 * resync-rate is a hard ceiling, shared by all copiers.  Below it resync
 * runs freely while no client asks for anything.  While clients are active
 * each copier pauses as long as its last chunk took, times the number of
 * requests in flight, so resync gets about one share among them; but never
 * so long that it falls below resync-min.
 */

#include "config.h"

#include "cleanup.h"
#include "mirror-impl.h"
#include "rate.h"

#define ACTIVE_NS (100 * NSEC_PER_MSEC)

void
rate_init (struct rate *rate)
{
  atomic_init (&rate->client_ns, 0);
  pthread_mutex_init (&rate->lock, NULL);
  rate->next_ns = 0;
}

uint64_t
rate_client (struct rate *rate)
{
  uint64_t now = now_ns ();

  atomic_store_explicit (&rate->client_ns, now, memory_order_relaxed);
  return now;
}

static uint64_t
time_for (uint64_t bytes, uint64_t bytes_per_second)
{
  return bytes * NSEC_PER_SEC / bytes_per_second;
}

static uint64_t
pause_for_clients (struct mirror *m, uint64_t bytes, uint64_t elapsed,
                   uint64_t now)
{
  uint64_t at_least, pause;
  unsigned active;

  if (now - atomic_load (&m->rate.client_ns) > ACTIVE_NS)
    return 0;
  {
    CLEANUP_LOCK (&m->lock);
    active = m->active;
  }
  pause = elapsed * (active + 1);
  if (m->config.resync_min == 0)
    return pause;
  at_least = time_for (bytes * RESYNC_THREADS, m->config.resync_min);
  at_least = at_least > elapsed ? at_least - elapsed : 0;
  return pause < at_least ? pause : at_least;
}

static uint64_t
pause_for_ceiling (struct mirror *m, uint64_t bytes, uint64_t now)
{
  struct rate *rate = &m->rate;
  CLEANUP_LOCK (&rate->lock);

  if (rate->next_ns < now)
    rate->next_ns = now;
  rate->next_ns += time_for (bytes, m->config.resync_rate);
  return rate->next_ns - now;
}

uint64_t
rate_pause (struct mirror *m, uint64_t bytes, uint64_t elapsed)
{
  uint64_t now = now_ns ();
  uint64_t pause = pause_for_clients (m, bytes, elapsed, now);
  uint64_t ceiling = 0;

  if (m->config.resync_rate > 0)
    ceiling = pause_for_ceiling (m, bytes, now);
  return pause > ceiling ? pause : ceiling;
}
