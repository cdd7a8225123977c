/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "hold.h"
#include "hot-limit.h"
#include "mirror-impl.h"

#define MAX_HOT_BYTES (UINT64_C (2) << 30)
#define MAX_HOT_REGIONS 4096

size_t
hot_limit (uint32_t region_size)
{
  uint64_t max = MAX_HOT_BYTES / region_size;

  return max < MIN_HOT_REGIONS   ? MIN_HOT_REGIONS
         : max > MAX_HOT_REGIONS ? MAX_HOT_REGIONS
                                 : max;
}

bool
hot_crowded (const struct mirror *m)
{
  return m->hot_queue || m->hot.count > m->max_hot - m->max_hot / 4;
}

/* --- who may enter --- */

/* The last in-sync leg can't be flushed any more. */
static bool
is_stuck (const struct mirror *m)
{
  const struct leg *leg = m->member[m->primary].leg;

  if (m->hold.legs)
    return hold_is_over_locked (m);
  return m->in_sync == SLOT_BIT (m->primary) &&
         (atomic_load (&leg->lost) || atomic_load (&leg->flush_error) != 0);
}

/* How many places it needs, those of closed regions included: they are going
 * to be emptied first.
 */
static size_t
places_needed (const struct mirror *m, const struct hot_waiter *who,
               bool *closed)
{
  size_t need = 0;

  *closed = false;
  for (uint64_t i = 0; i < who->nr; ++i) {
    const struct hot *h = hot_find (&m->hot, who->first + i);

    need += !h || h->closed;
    *closed |= h && h->closed;
  }
  return need;
}

/* first: nobody has waited longer. */
static bool
may_enter (const struct mirror *m, const struct hot_waiter *who, bool first)
{
  bool closed;
  size_t need = places_needed (m, who, &closed);

  if (is_stuck (m))
    return true;
  if (closed)
    return false;
  return need == 0 ||
         (first && (m->hot.count == 0 || m->hot.count + need <= m->max_hot));
}

/* --- waiting --- */

static void
join_queue (struct mirror *m, struct hot_waiter *who)
{
  struct hot_waiter **p = &m->hot_queue;

  while (*p)
    p = &(*p)->next;
  *p = who;
}

static void
leave_queue (struct mirror *m, struct hot_waiter *who)
{
  struct hot_waiter **p = &m->hot_queue;

  while (*p != who)
    p = &(*p)->next;
  *p = who->next;
  if (m->hot_queue) /* may be the first now */
    pthread_cond_broadcast (&m->cond);
}

/* A log that hangs does not say so. */
static bool
log_has_failed (struct mirror *m)
{
  struct log_status status;

  if (m->sweep_unstored)
    return true;
  dirty_log_status (m->log, &status);
  return status.failed;
}

/* Until something has changed.  -1 with errno if it is in vain. */
static int
wait_once (struct mirror *m, uint64_t arrival, uint64_t deadline)
{
  uint64_t now = now_ns ();

  if (m->stopping) {
    errno = ESHUTDOWN;
    return -1;
  }
  if (now >= deadline && log_has_failed (m)) {
    errno = EIO;
    return -1;
  }
  if (lease_needed_locked (m, arrival) == -1)
    return -1;
  if (!m->wake_worker)
    worker_wake_locked (m);
  cond_wait_until (&m->cond, &m->lock, now + RETRY_NS);
  return 0;
}

static int
wait_for_places (struct mirror *m, struct hot_waiter *who, uint64_t arrival)
{
  uint64_t deadline = log_deadline (m, arrival);
  int r = 0;

  join_queue (m, who);
  while (r == 0 && !may_enter (m, who, m->hot_queue == who))
    r = wait_once (m, arrival, deadline);
  leave_queue (m, who);
  return r;
}

/* Without memory some regions are hot for nothing, until the next sweep. */
static int
enter_all (struct mirror *m, uint64_t first, uint64_t nr)
{
  for (uint64_t i = 0; i < nr; ++i)
    if (!hot_get (&m->hot, first + i)) {
      errno = ENOMEM;
      return -1;
    }
  for (uint64_t i = 0; i < nr; ++i)
    hot_find (&m->hot, first + i)->pending++;
  return 0;
}

int
hot_enter_locked (struct mirror *m, uint64_t first, uint64_t nr,
                  uint64_t arrival)
{
  struct hot_waiter who = {.first = first, .nr = nr};

  if (!may_enter (m, &who, !m->hot_queue) &&
      wait_for_places (m, &who, arrival) == -1)
    return -1;
  if (enter_all (m, first, nr) == -1)
    return -1;
  if (hot_crowded (m) && !m->wake_worker)
    worker_wake_locked (m);
  return 0;
}

/* --- closing --- */

struct closing {
  const struct hot_waiter *who; /* the first who waits */
  struct hot **hot;             /* what may be closed */
  size_t nr;
  size_t nr_closed; /* already */
};

static void
collect (struct hot *h, void *opaque)
{
  struct closing *c = opaque;

  if (h->closed)
    c->nr_closed++;
  else if (h->region - c->who->first >= c->who->nr)
    c->hot[c->nr++] = h;
}

/* Those that are idle, and have been so longest, first. */
static int
by_idleness (const void *a, const void *b)
{
  const struct hot *x = *(struct hot *const *) a;
  const struct hot *y = *(struct hot *const *) b;

  if ((x->pending > 0) != (y->pending > 0))
    return x->pending > 0 ? 1 : -1;
  return x->last_time < y->last_time ? -1 : x->last_time > y->last_time;
}

void
hot_close_locked (struct mirror *m)
{
  CLEANUP_FREE struct hot **hot = NULL;
  struct closing c = {0};
  bool closed;
  size_t left;

  if (!m->hot_queue)
    return;
  hot = calloc (m->hot.count + 1, sizeof *hot);
  if (!hot)
    return; /* the next sweep tries again */
  c.hot = hot;
  c.who = m->hot_queue;
  hot_for_each (&m->hot, collect, &c);
  left = m->hot.count - c.nr_closed + places_needed (m, c.who, &closed);
  qsort (c.hot, c.nr, sizeof *c.hot, by_idleness);
  for (size_t i = 0; i < c.nr && left > m->max_hot; ++i, --left)
    c.hot[i]->closed = true;
}

static void
reopen (struct hot *h, void *opaque)
{
  (void) opaque;
  h->closed = false;
}

void
hot_reopen_locked (struct mirror *m)
{
  hot_for_each (&m->hot, reopen, NULL);
  pthread_cond_broadcast (&m->cond);
}
