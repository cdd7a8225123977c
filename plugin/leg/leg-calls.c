/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "leg-calls.h"

/* Where this thread looks first: as a rule nobody else does, so a place costs
 * next to nothing.
 */
static unsigned
first_place (void)
{
  static atomic_uint next;
  static _Thread_local unsigned place = LEG_CALLS;

  if (place == LEG_CALLS)
    place = atomic_fetch_add (&next, 1) % LEG_CALLS;
  return place;
}

unsigned
leg_call_begin (struct leg_calls *calls, uint64_t now)
{
  unsigned first = first_place ();

  for (unsigned i = 0; i < LEG_CALLS; ++i) {
    unsigned place = (first + i) % LEG_CALLS;
    uint_fast64_t idle = 0;

    if (atomic_compare_exchange_strong_explicit (&calls->began[place], &idle,
                                                 now, memory_order_relaxed,
                                                 memory_order_relaxed))
      return place;
  }
  return LEG_CALLS;
}

void
leg_call_end (struct leg_calls *calls, unsigned place)
{
  if (place < LEG_CALLS)
    atomic_store_explicit (&calls->began[place], 0, memory_order_relaxed);
}

uint64_t
leg_call_oldest (struct leg_calls *calls)
{
  uint64_t oldest = 0;

  for (unsigned i = 0; i < LEG_CALLS; ++i) {
    uint64_t began =
      atomic_load_explicit (&calls->began[i], memory_order_relaxed);

    if (began && (oldest == 0 || began < oldest))
      oldest = began;
  }
  return oldest;
}
