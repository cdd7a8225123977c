/* SPDX-License-Identifier: BSD-3-Clause */

/* A FIFO lock on byte ranges (rules S12, S13, S14).
 *
 * Requests that overlap, unless both are shared, are served strictly in
 * the order of their arrival; others do not wait for each other.  So
 * overlapping writes reach all legs in one order, nobody starves, and a
 * thread that holds one range and waits for none cannot deadlock: never
 * take a second range while holding one.
 *
 * All functions are called with the same mutex held.
 */

#ifndef NBDMIRROR_RANGE_H
#define NBDMIRROR_RANGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Lives on the stack of the one who holds or waits for the range. */
struct range {
  uint64_t first, last; /* bytes, both inclusive */
  bool shared;
  unsigned blockers; /* earlier ranges that this one waits for */
  struct range *prev, *next;
  pthread_cond_t cond; /* only valid while blockers > 0 */
};

/* In order of arrival.  Zero is empty. */
struct range_list {
  struct range *head, *tail;
};

/* Wait for the turn of [offset, offset + count); count > 0.  Gives up the
 * mutex while it waits.
 */
void range_lock (struct range_list *list, struct range *range, uint64_t offset,
                 uint64_t count, bool shared, pthread_mutex_t *mutex);

void range_unlock (struct range_list *list, struct range *range);

#endif /* NBDMIRROR_RANGE_H */
