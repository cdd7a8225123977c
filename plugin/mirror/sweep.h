/* SPDX-License-Identifier: BSD-3-Clause */

/* The sweep: marks are cleared, resynced regions and legs become trusted. */

#ifndef NBDMIRROR_SWEEP_H
#define NBDMIRROR_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* One round.  at_once: do not wait for regions to be idle.  Waits for the log
 * at most until the deadline.  One thread at a time; no lock is held.
 */
void sweep (struct mirror *m, bool at_once, uint64_t deadline);

#endif /* NBDMIRROR_SWEEP_H */
