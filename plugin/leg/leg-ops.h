/* SPDX-License-Identifier: BSD-3-Clause */

/* What a kind of leg implements.  Users of legs include leg.h only.
 *
 * A subtype embeds struct leg first.  leg-io.c does everything that is the
 * same for all: counters, splitting, emulated zeroes, the flush gate,
 * losing a leg once.  So the medium sees one flush at a time, no request
 * longer than max_request, and none of length 0.
 */

#ifndef NBDMIRROR_LEG_OPS_H
#define NBDMIRROR_LEG_OPS_H

#include "aside.h"
#include "leg.h"

struct leg_ops {
  /* Open or connect, take ownership, fill in what is read-only once
   * leg_open returns, and fast_zero and fast_trim.  Starts no thread.
   * Blocks.  -1 with the error reported and errno set, and nothing kept.
   */
  int (*open) (struct leg *leg, unsigned flags);

  /* As leg_look, for a sight that is all zero; NULL: nothing to look at. */
  void (*look) (struct leg *leg, struct leg_sight *sight);

  /* As leg_measure; NULL: it is leg->size. */
  int (*measure) (struct leg *leg, uint64_t *size);

  /* Undo stop, as far as it can be done without threads, and check that the
   * size is the same.  Blocks.  -1 with the error reported and errno set.
   */
  int (*reopen) (struct leg *leg);

  /* Start threads.  Requests and lose may come from the moment before.
   * -1 with the error reported and errno set.
   */
  int (*run) (struct leg *leg);

  /* Answer what is under way (with an error, unless it can't be stopped any
   * more), refuse what still comes, end threads and connections.  Blocks.
   * May be called again, and on a leg that never ran.
   */
  void (*stop) (struct leg *leg);

  /* After stop: give up ownership. */
  void (*close) (struct leg *leg);

  /* After close: free what the subtype allocated, the struct included. */
  void (*destroy) (struct leg *leg);

  /* Ask the medium.  io->answered is called once, from any thread, maybe
   * from inside, through leg_answered.  A ZERO that the medium can't do
   * is answered with EOPNOTSUPP (with these flags, ever) or EINVAL (this
   * range) and then emulated by leg-io.c.  LEG_FUA only
   * concerns media with can_fua.  Does not block on the network.
   */
  void (*submit) (struct leg *leg, struct leg_io *io);

  /* As leg_extents, believed as it is.  The leg is open; count > 0 and *nr > 0. */
  int (*extents) (struct leg *leg, uint64_t offset, uint64_t count,
                  struct leg_extent *extents, size_t *nr);

  /* The leg was lost: answer what is under way, soon, with an error.  Does
   * not block.
   */
  void (*lose) (struct leg *leg);

  /* As leg_aside; NULL: the leg's calls do not hang. */
  int (*aside) (struct leg *leg, struct aside_job *job);
};

/* For constructors of subtypes: fill in a zeroed struct.  -1 with errno. */
int leg_init (struct leg *leg, const struct leg_ops *ops, const char *name,
              enum leg_kind kind, const struct leg_options *options);

/* Constructors: NULL with errno. */
struct leg *leg_file_new (const char *name, const struct leg_options *options);
struct leg *leg_nbd_new (const char *name, const struct leg_options *options);

/* The medium answered: err is 0 or an errno, now the time. */
static inline void
leg_answered (struct leg_io *io, int err, uint64_t now)
{
  io->answered (io, err, now);
}

/* The owner lets the request be sent now; else it is noted as unsent, to be
 * answered with ESTALE.  For media that let requests wait before they begin.
 */
bool leg_may_send (struct leg_io *io);

/* Keep and debug-log an error that belongs to no leg_io. */
void leg_note_error (struct leg *leg, int err, const char *what,
                     uint64_t offset);

#endif /* NBDMIRROR_LEG_OPS_H */
