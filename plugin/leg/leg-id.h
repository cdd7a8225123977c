/* SPDX-License-Identifier: BSD-3-Clause */

/* What identifies a block device. */

#ifndef NBDMIRROR_LEG_ID_H
#define NBDMIRROR_LEG_ID_H

#include <stdint.h>
#include <sys/types.h>

#include "leg.h"

/* The same for the same disk under any name and number, as far as the kernel
 * can tell: from the serial numbers in sysfs, or the device number where
 * there are none.
 */
void block_identity (dev_t rdev, uint8_t id[LEG_ID_SIZE]);

#endif /* NBDMIRROR_LEG_ID_H */
