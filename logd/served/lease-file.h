/* SPDX-License-Identifier: BSD-3-Clause */

/* DIR/NAME.lease: the owner of a log, as JSON.  Written as a whole and
 * durably: a temporary file, synced, renamed, and the directory synced.
 *
 * The functions block on I/O.
 */

#ifndef NBDMIRROR_LEASE_FILE_H
#define NBDMIRROR_LEASE_FILE_H

#include "lease.h"

/* What the file has beside the lease, for people. */
#define LEASE_UUID_SIZE 16

/* Returns 1, 0 if there is no such file (the record is zeroed), or -1 with
 * the error reported: it can't be read, or is damaged.
 */
int lease_file_read (int dir, const char *dir_name, const char *log,
                     struct lease_record *record);

/* 0, or -1 with errno and the error reported.  What a restarted server
 * will find is then not known.
 */
int lease_file_write (int dir, const char *dir_name, const char *log,
                      const struct lease_record *record,
                      const uint8_t uuid[LEASE_UUID_SIZE]);

#endif /* NBDMIRROR_LEASE_FILE_H */
