/* SPDX-License-Identifier: BSD-3-Clause */

/* Who else has a file or device open, for messages. */

#ifndef NBDMIRROR_OWNER_H
#define NBDMIRROR_OWNER_H

#include <sys/stat.h>
#include <sys/types.h>

/* The id of a process other than this one that has the file (same device
 * and inode) or the block device (same device number) open, or 0: there is
 * none, or the system does not let us see it.
 */
pid_t owner_pid (const struct stat *st);

#endif /* NBDMIRROR_OWNER_H */
