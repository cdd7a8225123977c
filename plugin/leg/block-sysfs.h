/* SPDX-License-Identifier: BSD-3-Clause */

/* What the kernel tells of a block device in sysfs. */

#ifndef NBDMIRROR_BLOCK_SYSFS_H
#define NBDMIRROR_BLOCK_SYSFS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The device's directory, or what is below it. */
void block_path (dev_t rdev, const char *name, char path[PATH_MAX]);

/* The first line of an attribute, cut off at size, with its newline if it has
 * one.  False if it is not there; it may be there and empty.
 */
bool block_attribute (dev_t rdev, const char *name, char *value, size_t size);

/* The same for a number; false also if it is none. */
bool block_number (dev_t rdev, const char *name, uint64_t *value);

/* The same for a device number ("8:1"). */
bool block_dev (dev_t rdev, const char *name, dev_t *value);

/* "/dev/NAME", or the number if the kernel has no name for it. */
void block_node (dev_t rdev, char *node, size_t size);

#endif /* NBDMIRROR_BLOCK_SYSFS_H */
