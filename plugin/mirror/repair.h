/* SPDX-License-Identifier: BSD-3-Clause */

/* Read repair (S16). */

#ifndef NBDMIRROR_REPAIR_H
#define NBDMIRROR_REPAIR_H

#include <stdint.h>

struct mirror;

/* Legs of the mask could not read this range, which another leg could.  Write
 * it to them again, where that is possible and the budget allows it.  arrival:
 * of the read.  Blocks; the caller holds no range and no lock.
 */
void read_repair (struct mirror *m, unsigned bad, uint64_t offset,
                  uint64_t count, uint64_t arrival);

#endif /* NBDMIRROR_REPAIR_H */
