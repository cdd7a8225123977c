/* SPDX-License-Identifier: BSD-3-Clause */

/* Block status of a leg, none of which is believed unread.
 *
 * File systems and servers are known to call a hole what holds data, and who
 * copies by that leaves it out.  So of each run that the medium calls zeroes
 * both ends are read, and more if the caller wants that, before anybody hears
 * of it (leg-samples.c).  A place that does not read as zeroes has one of three
 * reasons:
 *
 *   somebody writes there       the medium says data when it is asked again
 *   it is only in a cache       it says data after a flush
 *   the medium lies             it says zeroes after a flush, and the place
 *                               still reads as something else
 *
 * A medium that lies is not asked any more until the leg is opened anew.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "msg.h"
#include "leg-base.h"
#include "leg-ops.h"
#include "leg-samples.h"
#include "zero.h"

#define MAX_QUESTIONS 64 /* about one run */
#define MAX_ANSWERS 3    /* asked for, while they change */
#define LIE_BLOCK 512u   /* a lie is looked at as closely as that */

/* --- asking --- */

static int
serves (struct leg *leg)
{
  int err = atomic_load (&leg->refusal);

  if (err == 0)
    return 0;
  errno = err;
  return -1;
}

static int
ask_medium (struct leg *leg, uint64_t offset, uint64_t count,
            struct leg_extent *extents, size_t *nr)
{
  int err;

  if (atomic_load (&leg->distrusted)) {
    extents[0] = (struct leg_extent){.length = count};
    *nr = 1;
    return 0;
  }
  atomic_fetch_add (&leg->in_flight, 1);
  err = leg->ops->extents (leg, offset, count, extents, nr) == -1 ? errno : 0;
  atomic_fetch_sub (&leg->in_flight, 1);
  if (err == 0)
    return 0;
  atomic_fetch_add (&leg->counters.read_errors, 1);
  leg_note_error (leg, err, "block status", offset);
  errno = err;
  return -1;
}

static uint64_t
length_of (const struct leg_extent *extents, size_t nr)
{
  uint64_t sum = 0;

  for (size_t i = 0; i < nr; ++i)
    sum += extents[i].length;
  return sum;
}

/* False: there is no room for it. */
static bool
append (struct leg_extent *extents, size_t *nr, size_t max,
        const struct leg_extent *more)
{
  struct leg_extent *last = &extents[*nr - 1];

  if (last->zero == more->zero && last->hole == more->hole)
    last->length += more->length;
  else if (*nr < max)
    extents[(*nr)++] = *more;
  else
    return false;
  return true;
}

/* Ask the medium, and if it says little at once, where the run of zeroes really
 * ends.  What fails then is asked again by somebody else.
 */
static int
ask_medium_for (struct leg *leg, uint64_t offset, uint64_t count,
                struct leg_extent *extents, size_t *nr, uint64_t wanted)
{
  size_t max = *nr;
  uint64_t done;

  if (ask_medium (leg, offset, count, extents, nr) == -1)
    return -1;
  done = length_of (extents, *nr);
  for (unsigned i = 1; i<MAX_QUESTIONS && * nr> 0 && done < count &&
                       done < wanted && extents[*nr - 1].zero;
       ++i) {
    struct leg_extent more;
    size_t one = 1;

    if (ask_medium (leg, offset + done, count - done, &more, &one) == -1 ||
        one == 0 || !append (extents, nr, max, &more))
      break;
    done += more.length;
  }
  return 0;
}

void
leg_distrust_extents (struct leg *leg, uint64_t offset)
{
  char text[LEG_ERROR_SIZE];

  if (atomic_exchange (&leg->distrusted, true))
    return;
  snprintf (text, sizeof text,
            "its block status calls zeroes what is not, at offset %" PRIu64
            ": all of the leg counts as data from now on",
            offset);
  leg_keep_error (leg, text);
  msg_error ("leg %s: %s", leg->name, text);
  if (leg->on_distrust)
    leg->on_distrust (leg);
}

/* The place does not read as zeroes.  Does the medium stand by it? */
static bool
is_lie (struct leg *leg, uint64_t place)
{
  uint64_t block = leg->min_block > LIE_BLOCK ? leg->min_block : LIE_BLOCK;
  uint64_t begin = place & ~(block - 1);
  uint64_t count = leg->size - begin < block ? leg->size - begin : block;
  CLEANUP_FREE char *buf = malloc (block);
  struct leg_extent extent;
  size_t nr = 1;

  if (!buf || leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0) == -1 ||
      ask_medium (leg, begin, count, &extent, &nr) == -1 || nr == 0 ||
      !extent.zero ||
      leg_run (leg, LEG_READ, LEG_UNCOUNTED, buf, begin, count) == -1)
    return false;
  return !is_zero (buf, extent.length < count ? extent.length : count);
}

/* Read what is called zeroes; what is not to be believed is data afterwards.
 * 1: done, 0: the medium is to be asked again, -1 with errno.
 */
static int
check_answer (struct leg *leg, uint64_t offset, struct leg_extent *extents,
              size_t nr, unsigned places)
{
  uint64_t suspect;

  if (leg_read_samples (leg, offset, extents, nr, places, &suspect) == -1)
    return -1;
  if (suspect == LEG_NOWHERE)
    return 1;
  if (is_lie (leg, suspect))
    leg_distrust_extents (leg, suspect);
  return 0;
}

/* --- for the others --- */

int
leg_extents_sampled (struct leg *leg, uint64_t offset, uint64_t count,
                     struct leg_extent *extents, size_t *nr,
                     const struct leg_sampling *how)
{
  size_t max = *nr;
  int r = 0;

  if (serves (leg) == -1)
    return -1;
  if (!leg_valid_range (leg, offset, count)) {
    errno = EINVAL;
    return -1;
  }
  if (count == 0 || max == 0) {
    *nr = 0;
    return 0;
  }
  for (unsigned i = 0; r == 0 && i < MAX_ANSWERS; ++i) {
    *nr = max;
    if (ask_medium_for (leg, offset, count, extents, nr, how->wanted) == -1)
      return -1;
    r = check_answer (leg, offset, extents, *nr, how->places);
  }
  return r == -1 ? -1 : serves (leg);
}

int
leg_extents (struct leg *leg, uint64_t offset, uint64_t count,
             struct leg_extent *extents, size_t *nr)
{
  static const struct leg_sampling ends_only;

  return leg_extents_sampled (leg, offset, count, extents, nr, &ends_only);
}

bool
leg_reads_zero (struct leg *leg, uint64_t offset, uint64_t count)
{
  struct leg_extent extent = {.length = count, .zero = true};

  return !atomic_load (&leg->distrusted) &&
         check_answer (leg, offset, &extent, 1, 0) == 1 && extent.zero;
}
