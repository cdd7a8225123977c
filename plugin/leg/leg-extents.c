/* SPDX-License-Identifier: BSD-3-Clause */

/* Block status of a leg. */

#include "config.h"

#include <errno.h>

#include "leg-base.h"
#include "leg-ops.h"

int
leg_extents (struct leg *leg, uint64_t offset, uint64_t count,
             struct leg_extent *extents, size_t *nr)
{
  int err = atomic_load (&leg->refusal);

  if (err == 0 && !leg_valid_range (leg, offset, count))
    err = EINVAL;
  if (err != 0) {
    errno = err;
    return -1;
  }
  if (count == 0 || *nr == 0) {
    *nr = 0;
    return 0;
  }
  atomic_fetch_add (&leg->in_flight, 1);
  err = leg->ops->extents (leg, offset, count, extents, nr) == -1 ? errno : 0;
  atomic_fetch_sub (&leg->in_flight, 1);
  if (err != 0) {
    atomic_fetch_add (&leg->counters.read_errors, 1);
    leg_note_error (leg, err, "block status", offset);
    errno = err;
    return -1;
  }
  return 0;
}
