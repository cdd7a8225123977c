/* SPDX-License-Identifier: BSD-3-Clause */

/* A log in a file or on a block device.
 *
 * Files are owned by a lock (owner.h), which survives nbdkit's fork.  Their
 * I/O is buffered.  Block devices are owned by O_EXCL, and O_DIRECT keeps
 * the page cache, and its lost write errors, out of the way.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirty-log.h"
#include "disk-format.h"
#include "full-io.h"
#include "msg.h"
#include "owner.h"
#include "store-file.h"

static int
file_read (struct log_store *store, void *buf, size_t count, uint64_t offset)
{
  return full_pread (file_store (store)->fd, buf, count, offset);
}

static int
file_write (struct log_store *store, const void *buf, size_t count,
            uint64_t offset)
{
  if (full_pwrite (file_store (store)->fd, buf, count, offset) == -1)
    return -1;
  if (offset + count > store->size)
    store->size = offset + count;
  return 0;
}

static int
file_sync (struct log_store *store)
{
  return fdatasync (file_store (store)->fd);
}

static int
file_create (struct log_store *store)
{
  struct file_store *f = file_store (store);

  if (f->fd >= 0)
    return 0;
  f->fd = open (f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (f->fd == -1)
    return -1;
  if (owner_lock (f->fd) == -1) {
    /* Somebody found it first: never write to it. */
    close (f->fd);
    f->fd = -1;
    errno = EBUSY;
    return -1;
  }
  file_name_init (&f->name, f->path, f->fd);
  return 0;
}

int
file_store_open_directory (const char *path)
{
  CLEANUP_FREE char *copy = strdup (path);

  if (!copy)
    return -1;
  return open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
file_create_done (struct log_store *store)
{
  CLEANUP_CLOSE int dir = -1;

  if (store->fixed_size)
    return 0;
  dir = file_store_open_directory (file_store (store)->path);
  if (dir == -1 || fsync (file_store (store)->fd) == -1)
    return -1;
  return fsync (dir);
}

/* All blocks are reserved, so that a file system that fills up later cannot
 * stop the mirror from marking a region.
 */
static int
file_extend (struct log_store *store, uint64_t size)
{
  int fd = file_store (store)->fd;

  if (store->fixed_size || size <= store->size)
    return 0;
  if (fallocate (fd, 0, 0, (off_t) size) == -1 &&
      (errno != EOPNOTSUPP || ftruncate (fd, (off_t) size) == -1))
    return -1;
  store->size = size;
  return 0;
}

static void
file_close (struct log_store *store)
{
  struct file_store *f = file_store (store);

  if (f->fd >= 0)
    close (f->fd);
  file_name_free (&f->name);
  free (f->path);
  free (f);
}

static const struct log_store_ops file_store_ops = {
  .read = file_read,
  .write = file_write,
  .sync = file_sync,
  .create = file_create,
  .create_done = file_create_done,
  .extend = file_extend,
  .look = file_store_look,
  .is_cut = file_store_is_cut,
  .renew = file_store_renew,
  .renewed = file_store_renewed,
  .close = file_close,
};

/* The owner that the newest slot names; good enough for a message. */
static uint32_t
recorded_owner (const char *path, char host[LOG_HOST_SIZE])
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  uint8_t buf[DISK_BITMAP_OFFSET];
  struct disk_slot slot;
  uint64_t newest = 0;
  uint32_t pid = 0;

  if (fd == -1 || full_pread (fd, buf, sizeof buf, 0) == -1)
    return 0;
  for (unsigned i = 0; i < 2; ++i)
    if (disk_slot_decode (&slot, buf + DISK_SLOT_OFFSET (i)) ==
          DISK_SLOT_VALID &&
        slot.sequence > newest) {
      newest = slot.sequence;
      pid = slot.owner_pid;
      memcpy (host, slot.owner_host, LOG_HOST_SIZE);
    }
  return pid;
}

/* A pid of another host says nothing here, and the lock is not the other
 * host's either: then, and if the process is gone, ask the system.
 */
static void
name_owner (const char *path, const struct stat *st, char text[LOG_USER_SIZE])
{
  char here[LOG_HOST_SIZE] = "", host[LOG_HOST_SIZE] = "";
  long pid = recorded_owner (path, host);

  gethostname (here, sizeof here - 1);
  if (pid == 0 || strcmp (here, host) != 0 ||
      (kill ((pid_t) pid, 0) == -1 && errno == ESRCH)) {
    pid = owner_pid (st);
    memcpy (host, here, sizeof host);
  }
  if (pid)
    snprintf (text, LOG_USER_SIZE, "in use by process %ld on %s", pid, host);
  else
    snprintf (text, LOG_USER_SIZE, "in use by another process");
}

static void
report_owner (const char *path, const struct stat *st)
{
  char text[LOG_USER_SIZE];

  name_owner (path, st, text);
  msg_error ("log disk:%s: %s", path, text);
}

/* Without trying to own it: a start at the same moment must not fail. */
static void
look_for_owner (struct file_store *f, const struct stat *st)
{
  if (S_ISBLK (st->st_mode) ? owner_pid (st) != 0 : owner_is_locked (f->fd))
    name_owner (f->path, st, f->store.in_use);
}

static int
open_flags (const struct stat *st, unsigned flags)
{
  int r = O_CLOEXEC | (flags & LOG_READ_ONLY ? O_RDONLY : O_RDWR);

  if (S_ISBLK (st->st_mode))
    r |= O_DIRECT | (flags & LOG_READ_ONLY ? 0 : O_EXCL);
  return r;
}

/* Open what is there and own it. */
static int
open_existing (struct file_store *f, const struct stat *st, unsigned flags)
{
  f->fd = open (f->path, open_flags (st, flags));
  if (f->fd == -1 && errno == EBUSY && S_ISBLK (st->st_mode)) {
    report_owner (f->path, st);
    return -1;
  }
  if (f->fd == -1) {
    msg_error ("log disk:%s: open: %m", f->path);
    return -1;
  }
  if (flags & LOG_READ_ONLY)
    look_for_owner (f, st);
  else if (!S_ISBLK (st->st_mode) && owner_lock (f->fd) == -1) {
    if (errno == EBUSY)
      report_owner (f->path, st);
    else
      msg_error ("log disk:%s: lock: %m", f->path);
    return -1;
  }
  return 0;
}

/* O_DIRECT cannot reach the end of a device that is not a whole number of
 * its sectors.
 */
static int
get_device_size (struct file_store *f)
{
  int sector = 0;

  if (ioctl (f->fd, BLKGETSIZE64, &f->store.size) == -1 ||
      ioctl (f->fd, BLKSSZGET, &sector) == -1)
    return -1;
  if (sector <= 0 || DISK_BLOCK % (unsigned) sector != 0) {
    errno = EINVAL;
    return -1;
  }
  f->store.size -= f->store.size % (unsigned) sector;
  return 0;
}

/* The size is only asked when the store is ours. */
static int
get_size (struct file_store *f)
{
  struct stat st;

  if (fstat (f->fd, &st) == -1)
    goto err;
  f->store.fixed_size = S_ISBLK (st.st_mode);
  f->store.size = (uint64_t) st.st_size;
  if (f->store.fixed_size && get_device_size (f) == -1)
    goto err;
  if (!f->store.fixed_size)
    file_name_init (&f->name, f->path, f->fd);
  return 0;
err:
  msg_error ("log disk:%s: size: %m", f->path);
  return -1;
}

static int
open_path (struct file_store *f, unsigned flags)
{
  CLEANUP_CLOSE int dir = -1;
  struct stat st;

  if (stat (f->path, &st) == 0) {
    if (!S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode)) {
      msg_error ("log disk:%s: must be a file or a block device", f->path);
      return -1;
    }
    if (open_existing (f, &st, flags) == -1)
      return -1;
    return get_size (f);
  }
  if (errno != ENOENT) {
    msg_error ("log disk:%s: %m", f->path);
    return -1;
  }
  dir = file_store_open_directory (f->path);
  if (dir == -1) {
    msg_error ("log disk:%s: directory: %m", f->path);
    return -1;
  }
  return 0;
}

struct log_store *
file_store_open (const char *path, unsigned flags)
{
  struct file_store *f = calloc (1, sizeof *f);

  if (f)
    f->path = strdup (path);
  if (!f || !f->path) {
    msg_error ("log disk:%s: %m", path);
    free (f);
    return NULL;
  }
  f->store.ops = &file_store_ops;
  f->fd = f->name.dir = -1;
  if (open_path (f, flags) == -1) {
    file_close (&f->store);
    return NULL;
  }
  return &f->store;
}
