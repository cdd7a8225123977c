/* SPDX-License-Identifier: BSD-3-Clause */

/* Reads: a leg that misses nothing of the range is asked; if it fails, the
 * next one.  The range is taken shared in the same lock as writes, so
 * nobody who saw new data later sees old (S12).  Block status and cache
 * requests are reads.
 *
 * As a rule only in-sync legs are asked: they miss nothing.  A resync
 * target serves a region it has got only if no in-sync leg could (S11,
 * S15).  Nothing is answered while a failure waits to be recorded (S4), and
 * without the lease of the log nothing is read (S19).
 *
 * What a leg could not read and another could is repaired (S16); so is what its
 * checksum calls wrong (verify-reads=1, sums.h).
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "acknowledge.h"
#include "block-status.h"
#include "cleanup.h"
#include "hold.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "range.h"
#include "rate.h"
#include "repair.h"
#include "report.h"
#include "source.h"

#define SEQUENTIAL_BONUS 8
#define MAX_WRONG_SAID 20

/* A question to a leg; it may reduce *count to what it did.  0, or -1 with
 * errno.  No lock is held.
 */
typedef int (*read_fn) (struct leg *leg, uint64_t offset, uint64_t *count,
                        void *opaque);

struct read_op {
  struct source src; /* of the piece at hand */
  uint64_t arrival;
  struct range range;
  uint64_t offset, count; /* what is left */
  unsigned bad;           /* legs that failed any piece */
  /* The piece at hand. */
  uint64_t *piece; /* its length */
  read_fn fn;
  void *opaque;
};

static uint64_t
read_cost (const struct leg *leg, uint64_t offset)
{
  uint64_t cost = (atomic_load (&leg->read_latency_ns) + 1000) *
                  (atomic_load (&leg->in_flight) + 1);

  /* A sequential reader stays where readahead works for it. */
  if (atomic_load (&leg->next_offset) == offset)
    cost /= SEQUENTIAL_BONUS;
  return cost;
}

static int
cheapest (struct mirror *m, unsigned legs, uint64_t offset)
{
  uint64_t best_cost = UINT64_MAX;
  int best = -1;

  FOR_EACH_SLOT (slot, legs) {
    uint64_t cost = read_cost (m->member[slot].leg, offset);

    if (cost < best_cost) {
      best_cost = cost;
      best = (int) slot;
    }
  }
  return best;
}

static int
next_in_turn (struct mirror *m, unsigned legs)
{
  do
    m->round_robin = (m->round_robin + 1) % LOG_MAX_LEGS;
  while (!(legs & SLOT_BIT (m->round_robin)));
  return (int) m->round_robin;
}

static int
choose_by_policy (struct mirror *m, unsigned legs, uint64_t offset)
{
  if (legs & (legs - 1))
    FOR_EACH_SLOT (slot, legs)
      if ((int) m->member[slot].index == m->config.write_mostly)
        legs &= ~SLOT_BIT (slot);

  switch (atomic_load (&m->config.read_policy)) {
  case READ_FIRST:
    return __builtin_ctz (legs);
  case READ_ROUND_ROBIN:
    return next_in_turn (m, legs);
  case READ_AUTO:
    break;
  }
  return cheapest (m, legs, offset);
}

/* The leg for the next piece, at most *count bytes, which may become less;
 * -1 if there is none.  m->lock is held.
 */
static int
choose_leg (struct mirror *m, const struct read_op *op, uint64_t *count)
{
  unsigned legs = m->in_sync & usable_set (m) & ~op->src.tried;
  uint64_t region = op->offset >> m->region_shift;
  uint64_t in_region;

  if (legs)
    return choose_by_policy (m, legs, op->offset);

  FOR_EACH_SLOT (slot, m->resyncing & ~op->src.tried)
    if (dirty_log_in_sync (m->log, slot, region, 1))
      legs |= SLOT_BIT (slot);
  if (!legs)
    return -1;
  in_region = ((region + 1) << m->region_shift) - op->offset;
  if (*count > in_region)
    *count = in_region;
  return choose_by_policy (m, legs, op->offset);
}

static int
read_begin (struct mirror *m, struct read_op *op)
{
  if (request_enter_locked (m, op->arrival) == -1)
    return -1;
  range_lock (&m->ranges, &op->range, op->offset, op->count, true, &m->lock);
  return 0;
}

/* r: of the legs.  What a failure that is not recorded has left on one leg
 * may be taken back by a crash, so it is not shown either (S4); and what was
 * read without the lease may be old (S19).  With the lease again nobody else
 * has written meanwhile.
 */
static int
read_end (struct mirror *m, struct read_op *op, int r)
{
  range_unlock (&m->ranges, &op->range);
  if (r == 0 && acknowledge_locked (m, op->arrival) == -1) {
    errno = EIO;
    r = -1;
  }
  request_leave_locked (m);
  return r;
}

static int
read_next (struct source *src)
{
  struct read_op *op = (struct read_op *) src;
  int slot;

  if (lease_needed_locked (src->m, op->arrival) == -1)
    return -1;
  slot = choose_leg (src->m, op, op->piece);
  if (slot == -1)
    errno = src->error ? client_error (src->error) : EIO;
  return slot;
}

static int
read_ask (struct source *src, struct leg *leg)
{
  struct read_op *op = (struct read_op *) src;

  return op->fn (leg, op->offset, op->piece, op->opaque);
}

/* No leg could.  True if one was away that is back. */
static bool
read_again (struct mirror *m, struct read_op *op, struct hold_tries *tries)
{
  int err = errno;
  unsigned failed = members_lost_locked (m, op->src.tried);
  bool again;

  if (failed) {
    pthread_mutex_unlock (&m->lock);
    members_report_failed (m, failed);
    pthread_mutex_lock (&m->lock);
  }
  again = hold_again_locked (m, tries);
  errno = err;
  return again;
}

/* Ask legs until one answers.  m->lock is held, and given up meanwhile. */
static int
read_piece (struct mirror *m, struct read_op *op, uint64_t *count, read_fn fn,
            void *opaque)
{
  uint64_t wanted = *count;
  struct hold_tries tries = {0};
  int slot;

  op->piece = count;
  op->fn = fn;
  op->opaque = opaque;
  do {
    tries.ended = m->hold.ended;
    *count = wanted;
    op->src = (struct source){.m = m, .next = read_next, .ask = read_ask};
    slot = source_ask_locked (&op->src);
  } while (slot == -1 && read_again (m, op, &tries));
  op->bad |= op->src.tried;
  return slot == -1 ? -1 : 0;
}

/* False: the leg holds something else than clients wrote. */
static bool
is_right (struct leg *leg, const void *buf, uint64_t offset, uint64_t count)
{
  struct member *member = leg->opaque;
  struct sums *sums = &member->mirror->sums;

  if (!atomic_load (&sums->on) || !sums->verify ||
      sums_check (sums, buf, offset, count) != SUMS_WRONG)
    return true;
  if (atomic_fetch_add (&sums->wrong, 1) < MAX_WRONG_SAID)
    msg_warning ("leg %s: read at offset %" PRIu64
                 ": not what was written, by its checksum",
                 member->name, offset);
  return false;
}

static int
read_fn_data (struct leg *leg, uint64_t offset, uint64_t *count, void *opaque)
{
  if (leg_run (leg, LEG_READ, 0, opaque, offset, *count) == -1)
    return -1;
  if (is_right (leg, opaque, offset, *count))
    return 0;
  errno = EIO;
  return -1;
}

static int
read_data (struct mirror *m, struct read_op *op, char *buf)
{
  int r = 0;
  CLEANUP_LOCK (&m->lock);

  if (read_begin (m, op) == -1)
    return -1;
  resync_want_locked (m, op->offset, op->count);
  while (op->count > 0 && r == 0) {
    uint64_t n = op->count;

    r = read_piece (m, op, &n, read_fn_data, buf);
    buf += n;
    op->offset += n;
    op->count -= n;
  }
  return read_end (m, op, r);
}

int
mirror_pread (struct mirror *m, void *buf, uint64_t offset, uint64_t count)
{
  struct read_op op = {.offset = offset, .count = count};
  int r, err;

  if (request_check (m, offset, count) == -1)
    return -1;
  op.arrival = rate_client_begin (&m->rate);
  r = read_data (m, &op, buf);
  err = errno;
  rate_client_end (m, client_kind_of (false, count), op.arrival);
  if (r == -1) {
    if (op.src.error)
      members_report_kept (m, op.bad, LEG_READ);
    errno = err;
    return -1;
  }
  if (op.bad)
    read_repair (m, op.bad, offset, count, op.arrival);
  return 0;
}

static int
read_fn_cache (struct leg *leg, uint64_t offset, uint64_t *count, void *opaque)
{
  (void) opaque;
  return leg_run (leg, LEG_CACHE, 0, NULL, offset, *count);
}

int
mirror_cache (struct mirror *m, uint64_t offset, uint64_t count)
{
  struct read_op op = {.arrival = now_ns (), .offset = offset, .count = count};
  int r;

  if (request_check (m, offset, count) == -1)
    return -1;
  CLEANUP_LOCK (&m->lock);
  if (read_begin (m, &op) == -1)
    return -1;
  r = read_piece (m, &op, &count, read_fn_cache, NULL);
  return read_end (m, &op, r);
}

struct extents_out {
  struct leg_extent *extents;
  size_t *nr;
  size_t max;
};

static int
read_fn_extents (struct leg *leg, uint64_t offset, uint64_t *count,
                 void *opaque)
{
  struct extents_out *out = opaque;

  *out->nr = out->max;
  return leg_extents (leg, offset, *count, out->extents, out->nr);
}

/* m->lock is held, and given up while a leg is asked. */
static int
extents_locked (struct mirror *m, struct read_op *op, struct extents_out *out)
{
  uint64_t count;

  if (!is_unflushed_locked (m, op->offset, op->count, &count))
    return read_piece (m, op, &count, read_fn_extents, out);
  out->extents[0] = (struct leg_extent){.length = count};
  *out->nr = 1;
  return 0;
}

int
mirror_extents (struct mirror *m, uint64_t offset, uint64_t count,
                struct leg_extent *extents, size_t *nr)
{
  struct read_op op = {.arrival = now_ns (), .offset = offset, .count = count};
  struct extents_out out = {.extents = extents, .nr = nr, .max = *nr};

  if (request_check (m, offset, count) == -1)
    return -1;
  CLEANUP_LOCK (&m->lock);
  if (read_begin (m, &op) == -1)
    return -1;
  return read_end (m, &op, extents_locked (m, &op, &out));
}
