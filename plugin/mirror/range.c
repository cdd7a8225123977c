/* SPDX-License-Identifier: BSD-3-Clause */

/* The list holds every range that is held or waited for, in order of
 * arrival.  A newcomer counts the earlier ranges it conflicts with; each
 * unlock takes one off the later ranges it conflicts with; zero is the
 * turn.  The list is as long as there are requests in flight, some dozens,
 * so a scan is cheaper than a tree.
 */

#include "config.h"

#include <assert.h>

#include "range.h"

static bool
conflict (const struct range *a, const struct range *b)
{
  return !(a->shared && b->shared) && a->first <= b->last &&
         b->first <= a->last;
}

static void
append (struct range_list *list, struct range *range)
{
  range->next = NULL;
  range->prev = list->tail;
  if (list->tail)
    list->tail->next = range;
  else
    list->head = range;
  list->tail = range;
}

static void
wait_for_turn (struct range *range, pthread_mutex_t *mutex)
{
  pthread_cond_init (&range->cond, NULL);
  while (range->blockers > 0)
    pthread_cond_wait (&range->cond, mutex);
  pthread_cond_destroy (&range->cond);
}

void
range_lock (struct range_list *list, struct range *range, uint64_t offset,
            uint64_t count, bool shared, pthread_mutex_t *mutex)
{
  assert (count > 0);
  range->first = offset;
  range->last = offset + count - 1;
  range->shared = shared;
  range->blockers = 0;
  for (struct range *r = list->head; r; r = r->next)
    if (conflict (r, range))
      range->blockers++;
  append (list, range);
  if (range->blockers > 0)
    wait_for_turn (range, mutex);
}

void
range_unlock (struct range_list *list, struct range *range)
{
  for (struct range *r = range->next; r; r = r->next)
    if (conflict (range, r) && --r->blockers == 0)
      pthread_cond_signal (&r->cond);

  if (range->prev)
    range->prev->next = range->next;
  else
    list->head = range->next;
  if (range->next)
    range->next->prev = range->prev;
  else
    list->tail = range->prev;
}
