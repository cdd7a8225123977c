/* SPDX-License-Identifier: BSD-3-Clause */

/* The mirror's worker: a thread that sweeps, and records failures that nobody
 * waits for.
 */

#ifndef NBDMIRROR_MIRROR_WORKER_H
#define NBDMIRROR_MIRROR_WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* Start it.  -1 with the error reported. */
int mirror_worker_start (struct mirror *m);

/* With the last sweeps, also if it was not started.  False if it still hangs at
 * the deadline.  Blocks.
 */
bool mirror_worker_stop (struct mirror *m, uint64_t deadline);

#endif /* NBDMIRROR_MIRROR_WORKER_H */
