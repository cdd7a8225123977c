/* SPDX-License-Identifier: BSD-3-Clause */

/* The way of a request through a leg, the same for all kinds.
 *
 *   leg_submit -> leg_send -> medium -> request_answered -> leg_finish
 *                 |  \                  |          \
 *                 |   leg-pieces.c      ZERO not    leg-gate.c (FUA without
 *                 |   (longer than      possible:   a FUA of its own)
 *                 |   max_request)      zeroes of leg-pieces.c
 *                 leg-gate.c (FLUSH)
 *
 * A leg is lost by whoever first changes refusal from 0; after that no
 * request succeeds, also none that the medium has done.
 */

#include "config.h"

#include <errno.h>

#include "deadline.h"
#include "msg.h"
#include "leg-base.h"
#include "leg-gate.h"
#include "leg-ops.h"
#include "leg-pieces.h"
#include "leg-request.h"

void
leg_lose (struct leg *leg, int err, const char *why)
{
  if (!leg_refuse_lost (leg, err != 0 ? err : ENOTCONN, why))
    return;
  msg_debug ("leg %s: lost: %s", leg->name, why);
  if (leg->on_lost)
    leg->on_lost (leg);
  leg->ops->lose (leg);
  leg_gate_fail_waiters (leg);
}

/* The data of io is at the medium. */
static void
data_done (struct leg_io *io, int err, uint64_t now)
{
  if (err == 0 && (io->flags & LEG_FUA) && !io->leg->can_fua)
    leg_gate_enter (io);
  else
    leg_finish (io, err, now);
}

/* Write zeroes instead of io, a ZERO. */
static void
emulate_zero (struct leg_io *io)
{
  io->answered = data_done;
  leg_send_zeroes (io);
}

static bool
must_emulate (const struct leg_io *io)
{
  return io->op == LEG_ZERO &&
         atomic_load_explicit (io->flags & LEG_MAY_TRIM ? &io->leg->no_trim
                                                        : &io->leg->no_zero,
                               memory_order_relaxed);
}

/* The medium can't do this kind of ZERO: do not ask again. */
static void
note_no_zero (const struct leg_io *io)
{
  bool trim = io->flags & LEG_MAY_TRIM;
  struct leg *leg = io->leg;

  atomic_store (trim ? &leg->no_trim : &leg->no_zero, true);
  atomic_store (trim ? &leg->fast_trim : &leg->fast_zero, false);
}

static void
request_answered (struct leg_io *io, int err, uint64_t now)
{
  if (io->op == LEG_ZERO && err == EOPNOTSUPP) {
    note_no_zero (io);
    emulate_zero (io);
  }
  else if (io->op == LEG_ZERO && err == EINVAL)
    emulate_zero (io);
  else if (io->op == LEG_CACHE)
    leg_finish (io, 0, now); /* it was only advice */
  else
    data_done (io, err, now);
}

static void
count_request (struct leg *leg, const struct leg_io *io)
{
  struct leg_counters *c = &leg->counters;

  if (io->flags & LEG_UNCOUNTED)
    return;
  if (io->op == LEG_READ) {
    atomic_fetch_add_explicit (&c->reads, 1, memory_order_relaxed);
    atomic_fetch_add_explicit (&c->read_bytes, io->count,
                               memory_order_relaxed);
    atomic_store_explicit (&leg->next_offset, io->offset + io->count,
                           memory_order_relaxed);
  }
  else if (io->op == LEG_WRITE || io->op == LEG_ZERO) {
    atomic_fetch_add_explicit (&c->writes, 1, memory_order_relaxed);
    atomic_fetch_add_explicit (&c->write_bytes, io->count,
                               memory_order_relaxed);
  }
}

void
leg_submit (struct leg *leg, struct leg_io *io)
{
  int err = atomic_load_explicit (&leg->refusal, memory_order_acquire);

  io->leg = leg;
  if (err == 0 && io->op != LEG_FLUSH &&
      !leg_valid_range (leg, io->offset, io->count))
    err = EINVAL;
  if (err != 0) {
    io->error = err;
    io->done (io);
    return;
  }
  atomic_fetch_add_explicit (&leg->in_flight, 1, memory_order_relaxed);
  count_request (leg, io);
  if (io->op == LEG_FLUSH)
    leg_gate_enter (io);
  else if (io->count == 0)
    data_done (io, 0, now_ns ());
  else if (must_emulate (io))
    emulate_zero (io);
  else if (io->count <= leg_max_piece (io))
    leg_send (io, request_answered);
  else {
    io->start_ns = now_ns ();
    io->answered = request_answered;
    leg_send_pieces (io);
  }
}
