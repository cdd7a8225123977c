/* SPDX-License-Identifier: BSD-3-Clause */

/* A log in a file or on a block device:
 *
 *   store-file.c   opened, owned, read and written
 *   store-renew.c  its file is removed, replaced or cut meanwhile
 */

#ifndef NBDMIRROR_LOG_STORE_FILE_H
#define NBDMIRROR_LOG_STORE_FILE_H

#include "file-name.h"
#include "store.h"

struct file_store {
  struct log_store store;
  char *path;
  int fd; /* -1: not created yet */
  struct file_name name;

  /* While a new file is made in the place of the one that was removed. */
  char *new_path; /* where it is until it has the name */
  int old_fd;
  uint64_t old_size;
};

static inline struct file_store *
file_store (struct log_store *store)
{
  return (struct file_store *) store;
}

/* The directory of a path, open to be synced.  -1 with errno. */
int file_store_open_directory (const char *path);

/* Of struct log_store_ops. */
enum file_place file_store_look (struct log_store *store);
bool file_store_is_cut (struct log_store *store);
int file_store_renew (struct log_store *store);
int file_store_renewed (struct log_store *store, bool keep);

#endif /* NBDMIRROR_LOG_STORE_FILE_H */
