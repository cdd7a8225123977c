/* SPDX-License-Identifier: BSD-3-Clause */

/* One try to get a leg back that is out of use: steps 1 to 3 of rejoin.c.  Only for
 * the leg's own thread there, which has no lock.
 */

#ifndef NBDMIRROR_REJOIN_TRY_H
#define NBDMIRROR_REJOIN_TRY_H

#include <stdbool.h>
#include <stdint.h>

#include "leg.h"

struct member;
struct mirror;

struct rejoin_try {
  struct mirror *m;
  struct member *member;
  struct leg *leg;
  bool blank;     /* it holds nothing: all is to be copied */
  bool other;     /* another file than before, or an older state: the same */
  bool used_file; /* in this run, with this identity */
  uint8_t id[LEG_ID_SIZE];
  char reported[LEG_ERROR_SIZE];
};

/* The file that is in use now is the one that may come back as it is. */
void rejoin_try_note_file (struct rejoin_try *t);

/* What has another name now is that file, or else another one. */
void rejoin_try_note_renamed (struct rejoin_try *t);

/* Open it, look at it, let it in as a resync target; or close it, and say once why.
 * Blocks.
 */
void rejoin_try_to_join (struct rejoin_try *t);

/* The same for the leg that the mirror waits for (hold-return.h). */
void rejoin_try_to_return (struct rejoin_try *t);

#endif /* NBDMIRROR_REJOIN_TRY_H */
