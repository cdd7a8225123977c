/* SPDX-License-Identifier: BSD-3-Clause */

/* A mirror of a disk with itself. */

#ifndef NBDMIRROR_SAME_DISK_H
#define NBDMIRROR_SAME_DISK_H

#include "mirror.h"

/* Refuse legs that are one disk, and a leg that is the log, as far as this
 * host can tell without opening them.  Writes nothing.  0, or -1 with the
 * error reported.  Blocks.
 */
int same_disk_refuse (const struct mirror_config *config);

#endif /* NBDMIRROR_SAME_DISK_H */
