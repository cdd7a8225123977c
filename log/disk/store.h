/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a disk log keeps its bytes: a file, a block device, or the memory
 * of a unit test that loses power.
 */

#ifndef NBDMIRROR_LOG_STORE_H
#define NBDMIRROR_LOG_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dirty-log.h"
#include "file-name.h"
#include "log-life.h"

struct log_store {
  const struct log_store_ops *ops;
  uint64_t size;              /* bytes; 0 = nothing there yet */
  bool fixed_size;            /* a block device */
  char in_use[LOG_USER_SIZE]; /* opened read-only: who owns it, or "" */
};

/* All return 0, or -1 with errno.  Buffers and offsets are multiples of
 * 4096, and so are counts except at the end of a device.
 */
struct log_store_ops {
  /* Never asked for bytes beyond size. */
  int (*read) (struct log_store *store, void *buf, size_t count,
               uint64_t offset);
  int (*write) (struct log_store *store, const void *buf, size_t count,
                uint64_t offset);

  /* All writes that returned are durable. */
  int (*sync) (struct log_store *store);

  /* Make sure that the file exists and is ours, and (in create_done) that
   * it will still be found after a crash.
   */
  int (*create) (struct log_store *store);
  int (*create_done) (struct log_store *store);

  /* Make a file longer; what is new reads as zeroes. */
  int (*extend) (struct log_store *store, uint64_t size);

  /* The rest is for a store whose file others can take away: all four, or none
   * (NULL).
   *
   * Where its name leads, and whether it is shorter than size, which is what
   * there is then.  Block as stat does.
   */
  enum file_place (*look) (struct log_store *store);
  bool (*is_cut) (struct log_store *store);

  /* The name is free: until renewed the store is a new file, empty, ours, and
   * without the name.
   */
  int (*renew) (struct log_store *store);

  /* Give it the name, durably; if that fails, or it is not to be kept, the
   * store is the old file again.
   */
  int (*renewed) (struct log_store *store, bool keep);

  /* Gives up ownership and frees the store. */
  void (*close) (struct log_store *store);
};

/* Open a file or block device and become its owner (flags as in
 * dirty_log_open), or prepare to create a file.  NULL with the error
 * reported.
 */
struct log_store *file_store_open (const char *path, unsigned flags);

#endif /* NBDMIRROR_LOG_STORE_H */
