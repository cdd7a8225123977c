/* SPDX-License-Identifier: BSD-3-Clause */

/* Block status of a local leg. */

#ifndef NBDMIRROR_LEG_FILE_EXTENTS_H
#define NBDMIRROR_LEG_FILE_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "leg-file-medium.h"

#define EXTENTS_AT_ONCE 128

/* A question, and the answer to it, in one piece: it may be left behind, see
 * leg_aside.
 */
struct file_extents {
  const struct file_medium *medium;
  uint64_t offset, end; /* of the range */
  size_t max;           /* up to EXTENTS_AT_ONCE */
  size_t nr;            /* 0 before, at least 1 afterwards */
  struct leg_extent extents[EXTENTS_AT_ONCE];
};

/* As leg_ops.extents, of a struct file_extents: 0, or -1 with errno.  Blocks. */
int file_extents_ask (void *question);

#endif /* NBDMIRROR_LEG_FILE_EXTENTS_H */
