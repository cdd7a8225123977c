/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening a leg that is named by a path. */

#ifndef NBDMIRROR_LEG_FILE_OPEN_H
#define NBDMIRROR_LEG_FILE_OPEN_H

#include <stdint.h>

#include "leg.h"

/* Open leg->name, take ownership unless LEG_READ_ONLY, and fill in the leg's
 * kind, size, identity and what it can do cheaply; *zero_align is what ZERO
 * has to be aligned to.  Blocks.  The fd, which the caller closes (and so
 * gives up ownership), or -1 with the error reported and errno set.
 */
int leg_file_open_path (struct leg *leg, unsigned flags, uint32_t *zero_align);

#endif /* NBDMIRROR_LEG_FILE_OPEN_H */
