/* SPDX-License-Identifier: BSD-3-Clause */

/* What a block device lies on, down to files and disks. */

#ifndef NBDMIRROR_BLOCK_OBJECTS_H
#define NBDMIRROR_BLOCK_OBJECTS_H

#include <sys/types.h>

#include "object-set.h"

/* Add the device, the disk of a partition, the file or device of a loop
 * device, and the devices that device mapper or md put it on; and disks once
 * more by serial number, which a second way to a disk has, too.  What the
 * system does not tell is left out.  0, or -1 with errno.
 */
int block_objects (struct object_set *set, dev_t rdev);

#endif /* NBDMIRROR_BLOCK_OBJECTS_H */
