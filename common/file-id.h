/* SPDX-License-Identifier: BSD-3-Clause */

/* Which file it is, whatever its name. */

#ifndef NBDMIRROR_FILE_ID_H
#define NBDMIRROR_FILE_ID_H

#include <stdint.h>
#include <sys/stat.h>

#define FILE_ID_SIZE 16

/* Inode and time of birth, which survive a reboot; where the file system has no
 * such time, the number of the device, which may not.  st is that of fd.
 */
void file_id (int fd, const struct stat *st, uint8_t id[FILE_ID_SIZE]);

#endif /* NBDMIRROR_FILE_ID_H */
