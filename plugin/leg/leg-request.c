/* SPDX-License-Identifier: BSD-3-Clause */

/* The two ends of a request: it is sent to the medium, and it is finished. */

#include "config.h"

#include <errno.h>

#include "deadline.h"
#include "leg-ops.h"
#include "leg-request.h"

bool
leg_may_send (struct leg_io *io)
{
  struct leg *leg = io->leg;

  if ((io->op != LEG_WRITE && io->op != LEG_ZERO) || !leg->may_write ||
      leg->may_write (leg))
    return true;
  io->unsent = true;
  return false;
}

void
leg_send (struct leg_io *io, void (*answered) (struct leg_io *, int, uint64_t))
{
  io->answered = answered;
  io->start_ns = now_ns ();
  if (leg_may_send (io))
    io->leg->ops->submit (io->leg, io);
  else
    leg_answered (io, ESTALE, io->start_ns);
}

static void
count_error (struct leg_io *io, int err)
{
  static const char *const names[] = {
    [LEG_READ] = "read",
    [LEG_WRITE] = "write",
    [LEG_ZERO] = "zero",
    [LEG_CACHE] = "cache",
  };
  struct leg *leg = io->leg;

  if (io->op == LEG_FLUSH) /* counted by the gate, once for all who wait */
    return;
  if (io->op == LEG_WRITE || io->op == LEG_ZERO)
    atomic_fetch_add (&leg->counters.write_errors, 1);
  else
    atomic_fetch_add (&leg->counters.read_errors, 1);
  leg_note_error (leg, err, names[io->op], io->offset);
}

/* Long requests take longer, so they count for what each 64 KiB took. */
static void
note_latency (struct leg *leg, const struct leg_io *io, uint64_t now)
{
  uint64_t sample = (now - io->start_ns) / (1 + io->count / 65536);
  uint64_t old;

  if (io->op == LEG_WRITE)
    leg_latency_note (&leg->latency, LATENCY_WRITE, sample);
  if (io->op != LEG_READ)
    return;
  leg_latency_note (&leg->latency, LATENCY_READ, sample);
  old = atomic_load_explicit (&leg->read_latency_ns, memory_order_relaxed);
  atomic_store_explicit (&leg->read_latency_ns,
                         old == 0 ? sample : old - old / 8 + sample / 8,
                         memory_order_relaxed);
}

int
leg_why_refused (const struct leg_io *io)
{
  int err = atomic_load (&io->leg->refusal);

  if (err == 0 && (io->op == LEG_FLUSH || (io->flags & LEG_FUA)))
    err = atomic_load (&io->leg->flush_error);
  return err;
}

void
leg_finish (struct leg_io *io, int err, uint64_t now)
{
  struct leg *leg = io->leg;

  if (err == 0)
    err = leg_why_refused (io);
  if (err != 0 && !io->unsent)
    count_error (io, err);
  else if (err == 0 && io->count > 0 && !(io->flags & LEG_UNCOUNTED))
    note_latency (leg, io, now);
  atomic_fetch_sub_explicit (&leg->in_flight, 1, memory_order_release);
  io->error = err;
  io->done (io);
}

void
leg_finish_list (struct leg_io *list, int err)
{
  uint64_t now = list ? now_ns () : 0;

  while (list) {
    struct leg_io *io = list;

    list = io->next;
    leg_finish (io, err, now);
  }
}
