/* SPDX-License-Identifier: BSD-3-Clause */

/* Clients' writes, zeroes and trims: in pieces, each on the way of write.c. */

#include "config.h"

#include <errno.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "fan.h"
#include "mirror-impl.h"
#include "rate.h"
#include "sums.h"
#include "unstable.h"
#include "write.h"

/* While the range is taken.  A leg that has it is believed later, or the regions stay
 * marked.
 */
static void
note_sums (struct mirror *m, const struct write_op *op, unsigned bad)
{
  const struct request *rq = op->rq;
  bool written;

  if (!atomic_load (&m->sums.on))
    return;
  {
    CLEANUP_LOCK (&m->lock);
    written = !op->fan.unsent && (op->legs & ~bad & m->in_sync);
  }
  if (written)
    sums_written (&m->sums, rq->buf, rq->offset, rq->count);
  else
    sums_forget (&m->sums, rq->offset, rq->count);
}

static int
modify_piece (struct mirror *m, const struct request *rq)
{
  struct write_op op;
  unsigned bad;

  op.rq = rq;
  op.legs = 0;
  op.repair = 0;
  op.kept = unstable_new (m, rq);
  if (write_begin (m, &op) == -1)
    return -1;
  if (op.kept)
    unstable_fill (op.kept, rq);
  bad = fan_out_leased (m, &op.fan, op.legs, rq);
  note_sums (m, &op, bad);
  return write_end (m, &op, bad);
}

/* Pieces are bounded in regions, so one request cannot make the whole
 * device hot; they end at region boundaries.
 */
static uint64_t
piece_length (const struct mirror *m, const struct request *rq)
{
  uint64_t max = (uint64_t) PIECE_REGIONS << m->region_shift;
  uint64_t left = max - (rq->offset & (max - 1));

  return rq->count < left ? rq->count : left;
}

static int
modify_pieces (struct mirror *m, struct request rq)
{
  uint64_t count = rq.count;

  while (count > 0) {
    rq.count = count;
    rq.count = piece_length (m, &rq);
    if (modify_piece (m, &rq) == -1)
      return -1;
    count -= rq.count;
    rq.offset += rq.count;
    if (rq.buf)
      rq.buf = (char *) rq.buf + rq.count;
  }
  return 0;
}

static int
modify (struct mirror *m, struct request rq)
{
  int r, err;

  if (request_check (m, rq.offset, rq.count) == -1)
    return -1;
  rq.arrival = rate_client_begin (&m->rate);
  r = modify_pieces (m, rq);
  err = errno;
  rate_client_end (m, client_kind_of (true, rq.count), rq.arrival);
  errno = err;
  return r;
}

int
mirror_pwrite (struct mirror *m, const void *buf, uint64_t offset,
               uint64_t count, bool fua)
{
  return modify (m, (struct request){
                      .op = LEG_WRITE,
                      .flags = fua ? LEG_FUA : 0,
                      .buf = (void *) buf,
                      .offset = offset,
                      .count = count,
                    });
}

/* Every leg zeroes (trims) cheaply now. */
static bool
all_fast (struct mirror *m, bool may_trim)
{
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (slot, writing_set (m)) {
    struct leg *leg = m->member[slot].leg;

    if (!atomic_load (may_trim ? &leg->fast_trim : &leg->fast_zero))
      return false;
  }
  return true;
}

int
mirror_zero (struct mirror *m, uint64_t offset, uint64_t count, bool fua,
             bool may_trim, bool fast)
{
  /* Decided before anything is sent: a leg that refused after another one
   * had done it would leave them different.
   */
  if (fast && !all_fast (m, may_trim)) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return modify (m, (struct request){
                      .op = LEG_ZERO,
                      .flags =
                        (fua ? LEG_FUA : 0) | (may_trim ? LEG_MAY_TRIM : 0),
                      .offset = offset,
                      .count = count,
                    });
}

int
mirror_trim (struct mirror *m, uint64_t offset, uint64_t count, bool fua)
{
  if (request_check (m, offset, count) == -1)
    return -1;
  /* Rule S17a.  Trim is advice: if some leg would have to write zeroes nothing
   * is done.
   */
  if (!all_fast (m, true))
    return fua ? mirror_flush (m) : 0;
  return mirror_zero (m, offset, count, fua, true, false);
}
