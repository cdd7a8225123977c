/* SPDX-License-Identifier: BSD-3-Clause */

/* Owning a file, and who else has a file or device open. */

#ifndef NBDMIRROR_OWNER_H
#define NBDMIRROR_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Own the whole file, which must be open for writing.  The lock belongs to the
 * open file description: it survives a fork and vanishes with the last process
 * that has it open.  Does not wait.  0, or -1 with errno: EBUSY if it has
 * another owner, be it in this process.
 */
int owner_lock (int fd);

/* True if somebody else owns it.  The file need not be open for writing, and
 * is not owned afterwards.
 */
bool owner_is_locked (int fd);

/* The id of a process other than this one that has the file (same device
 * and inode) or the block device (same device number) open, or 0: there is
 * none, or the system does not let us see it.
 */
pid_t owner_pid (const struct stat *st);

#endif /* NBDMIRROR_OWNER_H */
