/* SPDX-License-Identifier: BSD-3-Clause */

/* What a scrub has found is made equal. */

#ifndef NBDMIRROR_SCRUB_REPAIR_H
#define NBDMIRROR_SCRUB_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "scrub-compare.h"
#include "scrub-list.h"

struct mirror;

/* Make in-sync legs equal in a range that differed, within one SCRUB_CHUNK:
 * "from" is the slot that is right, or SCRUB_NO_LEG: the majority is.  In
 * work->differ is then what is equal now.  *written: bytes that a leg was sent.
 * False: it could not be tried.  Blocks; no lock is held.
 */
bool scrub_repair (struct mirror *m, struct scrub_work *work,
                   const struct scrub_range *range, unsigned from,
                   uint64_t *written);

#endif /* NBDMIRROR_SCRUB_REPAIR_H */
