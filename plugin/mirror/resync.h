/* SPDX-License-Identifier: BSD-3-Clause */

/* The copiers; recovery.h is what they are told of failures. */

#ifndef NBDMIRROR_RESYNC_H
#define NBDMIRROR_RESYNC_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* Start the copiers.  -1 with the error reported. */
int resync_start (struct mirror *m);

/* False if a thread still hangs in a leg at the deadline.  Blocks. */
bool resync_stop (struct mirror *m, uint64_t deadline);

#endif /* NBDMIRROR_RESYNC_H */
