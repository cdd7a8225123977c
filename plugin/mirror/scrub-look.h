/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading the same range of several legs. */

#ifndef NBDMIRROR_SCRUB_LOOK_H
#define NBDMIRROR_SCRUB_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"
#include "leg.h"

struct mirror;

#define SCRUB_CHUNK (UINT64_C (1) << 20)

/* Legs and what they hold.  Zero before its first use. */
struct scrub_look {
  unsigned legs;   /* that were read */
  unsigned unread; /* that could not */
  bool again;      /* one was lost, or the lease is over: nothing is known */
  char *buf[LOG_MAX_LEGS]; /* SCRUB_CHUNK bytes each; or NULL */
};

/* Read the range, at most SCRUB_CHUNK, from the legs of the mask, which the
 * caller uses (members_use_locked).  Blocks; no lock is held.
 */
void scrub_look (struct mirror *m, struct scrub_look *look, unsigned legs,
                 uint64_t offset, uint64_t count);

/* As above, of all in-sync legs that can be reached; uses them meanwhile. */
void scrub_look_in_sync (struct mirror *m, struct scrub_look *look,
                         uint64_t offset, uint64_t count);

void scrub_look_free (struct scrub_look *look);

#endif /* NBDMIRROR_SCRUB_LOOK_H */
