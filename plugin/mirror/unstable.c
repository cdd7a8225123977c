/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "fan.h"
#include "mirror-impl.h"
#include "unstable.h"
#include "witness.h"

#define OVERHEAD 256 /* of one in the list, so that zeroes cost something */

/* --- whether --- */

static bool
all_nbd (const struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->in_sync)
    if (m->member[slot].kind != LEG_NBD)
      return false;
  return true;
}

/* A late write of an earlier process (S21), which somebody may have read, is
 * not there.
 */
bool
unstable_complete_locked (const struct mirror *m)
{
  const struct unstable *u = &m->unstable;

  return !u->broken && u->unkept == 0 && u->unkept_seq <= m->flushed_seq &&
         m->held_until == 0;
}

static void
ask_for_flush_locked (struct mirror *m)
{
  if (m->unstable.flush_requested)
    return;
  m->unstable.flush_requested = true;
  worker_wake_locked (m);
}

static void
flush_if_half_full_locked (struct mirror *m)
{
  if (m->unstable.bytes > m->unstable.max_bytes / 2)
    ask_for_flush_locked (m);
}

void
unstable_choose_locked (struct mirror *m)
{
  struct unstable *u = &m->unstable;
  bool was_on = atomic_load (&u->on);
  bool on = m->config.hold_timeout > 0 && !u->broken && all_nbd (m);

  atomic_store (&u->on, on);
  if (on && !was_on && u->unkept_seq > m->flushed_seq)
    ask_for_flush_locked (m);
}

/* --- one write --- */

static uint64_t
cost_of (const struct unstable_write *w)
{
  return OVERHEAD + w->room;
}

struct unstable_write *
unstable_new (struct mirror *m, const struct request *rq)
{
  uint64_t size = rq->op == LEG_WRITE ? rq->count : 0;
  struct unstable_write *w;

  if (!atomic_load_explicit (&m->unstable.on, memory_order_relaxed) ||
      size > m->unstable.max_bytes - OVERHEAD)
    return NULL;
  w = unstable_memory_get (&m->unstable.memory, size);
  if (!w)
    return NULL;
  w->op = rq->op;
  w->flags = rq->flags;
  w->offset = rq->offset;
  w->count = rq->count;
  w->ended = 0;
  w->next = NULL;
  return w;
}

void
unstable_fill (struct unstable_write *w, const struct request *rq)
{
  if (w->op == LEG_WRITE)
    memcpy (w->data, rq->buf, rq->count);
}

bool
unstable_take_place_locked (struct mirror *m, const struct unstable_write *w)
{
  struct unstable *u = &m->unstable;
  uint64_t cost = w ? cost_of (w) : 0;

  if (cost > u->max_bytes - u->bytes)
    return false;
  u->bytes += cost;
  flush_if_half_full_locked (m);
  return true;
}

void
unstable_leave_place_locked (struct mirror *m, const struct unstable_write *w)
{
  m->unstable.bytes -= w ? cost_of (w) : 0;
}

/* --- the list --- */

static void
append (struct unstable *u, struct unstable_write *w)
{
  w->next = NULL;
  w->prev = u->last;
  if (u->last)
    u->last->next = w;
  else
    u->first = w;
  u->last = w;
}

static void
take_out (struct mirror *m, struct unstable_write *w)
{
  struct unstable *u = &m->unstable;

  if (w->prev)
    w->prev->next = w->next;
  else
    u->first = w->next;
  if (w->next)
    w->next->prev = w->prev;
  else
    u->last = w->prev;
  unstable_leave_place_locked (m, w);
}

void
unstable_begin_locked (struct mirror *m, const struct request *rq,
                       struct unstable_write *w)
{
  if (m->witnesses)
    witness_written_locked (m, rq->offset, rq->count, w);
  if (w)
    append (&m->unstable, w);
  else
    m->unstable.unkept++;
}

void
unstable_end_locked (struct mirror *m, struct unstable_write *w, uint64_t seq)
{
  struct unstable *u = &m->unstable;

  if (u->queue) /* a flush makes room now */
    pthread_cond_broadcast (&m->cond);
  if (w) {
    w->ended = seq;
    flush_if_half_full_locked (m); /* one that runs does not count for it */
    return;
  }
  u->unkept--;
  u->unkept_seq = seq;
  if (atomic_load_explicit (&u->on, memory_order_relaxed))
    ask_for_flush_locked (m);
}

void
unstable_failed_locked (struct mirror *m, struct unstable_write *w)
{
  if (!w)
    return;
  take_out (m, w);
  if (m->witnesses)
    witness_forget_locked (m, w);
  w->next = NULL;
  unstable_free (m, w);
  m->unstable.unkept++;
}

/* --- flushed --- */

struct unstable_write *
unstable_flushed_locked (struct mirror *m, uint64_t seq)
{
  struct unstable_write *list = NULL, *next;

  for (struct unstable_write *w = m->unstable.first; w; w = next) {
    next = w->next;
    if (w->ended == 0 || w->ended > seq)
      continue;
    take_out (m, w);
    if (m->witnesses)
      witness_flushed_locked (m, w);
    w->next = list;
    list = w;
  }
  return list;
}

struct unstable_write *
unstable_broken_locked (struct mirror *m)
{
  m->unstable.broken = true;
  unstable_choose_locked (m);
  return unstable_flushed_locked (m, m->seq);
}

void
unstable_mended_locked (struct mirror *m)
{
  m->unstable.broken = false;
  m->unstable.unkept_seq = m->seq; /* nothing was kept meanwhile */
  unstable_choose_locked (m);
}

void
unstable_free (struct mirror *m, struct unstable_write *list)
{
  unstable_memory_put (&m->unstable.memory, list);
}
