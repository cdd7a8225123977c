/* SPDX-License-Identifier: BSD-3-Clause */

/* DIR/NAME.lease: the owner of a log, as JSON.  Written as a whole and
 * durably: into NAME.lease.spare, synced, both files exchange their names, and
 * the directory is synced.
 *
 * The spare file stays, with all the blocks that it needs, so that a disk that
 * fills up later cannot keep an owner from its log: after a restart of the
 * server each of them is recorded anew.  Some file systems cannot exchange
 * names, or write each block to a new place (btrfs); there that takes room.
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
