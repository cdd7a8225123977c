/* SPDX-License-Identifier: BSD-3-Clause */

/* The open file or block device of a local leg, as the kernel is asked. */

#ifndef NBDMIRROR_LEG_FILE_MEDIUM_H
#define NBDMIRROR_LEG_FILE_MEDIUM_H

#include <stdint.h>

#include "leg.h"

struct file_medium {
  const struct leg *leg;

  /* Read-only once opened. */
  int fd;              /* -1: it is not open */
  uint32_t zero_align; /* of fallocate */
};

/* How large it is now.  0, or -1 with errno.  Blocks. */
int file_medium_size (const struct file_medium *m, uint64_t *size);

/* Do a request, of any kind but LEG_STATUS.  0, or -1 with errno: a ZERO as
 * leg_ops.submit says, and EIO for what would make a file that was cut look
 * whole.  Blocks.
 */
int file_medium_do (const struct file_medium *m, const struct leg_io *io);

#endif /* NBDMIRROR_LEG_FILE_MEDIUM_H */
