/* SPDX-License-Identifier: BSD-3-Clause */

/* A file or block device becomes a leg.
 *
 * Ownership (rule S19): an OFD lock on the whole file, which survives a
 * fork; O_EXCL for a block device.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "block-sysfs.h"
#include "cleanup.h"
#include "file-id.h"
#include "owner.h"
#include "leg-file-open.h"
#include "leg-id.h"

/* An attribute of a block device's queue, or fallback. */
static uint64_t
queue_attribute (dev_t rdev, const char *name, uint64_t fallback)
{
  static const char *const dirs[] = {"", "../"}; /* disk, partition */
  uint64_t value;

  for (size_t i = 0; i < 2; ++i) {
    char attribute[64];

    snprintf (attribute, sizeof attribute, "%squeue/%s", dirs[i], name);
    if (block_number (rdev, attribute, &value))
      return value;
  }
  return fallback;
}

static int
refuse_owned (struct leg *leg, const struct stat *st, const char *otherwise)
{
  pid_t pid = owner_pid (st);

  if (pid != 0)
    leg_report (leg, "in use by process %ld", (long) pid);
  else
    leg_report (leg, "%s", otherwise);
  errno = EBUSY;
  return -1;
}

static int
lock_file (struct leg *leg, int fd, const struct stat *st)
{
  if (owner_lock (fd) == 0)
    return 0;
  if (errno == EBUSY)
    return refuse_owned (leg, st, "locked by another leg or process");
  leg_report (leg, "lock: %m");
  return -1;
}

static int
set_up_file (struct leg *leg, int fd, const struct stat *st, unsigned flags)
{
  if (!(flags & LEG_READ_ONLY) && lock_file (leg, fd, st) == -1)
    return -1;
  leg->kind = LEG_FILE;
  leg->size = (uint64_t) st->st_size;
  leg->rotational = false;
  file_id (fd, st, leg->id);
  atomic_store (&leg->fast_zero, true);
  atomic_store (&leg->fast_trim, true);
  return 0;
}

static int
set_up_block (struct leg *leg, int fd, const struct stat *st,
              uint32_t *zero_align)
{
  uint64_t size;
  int sector;
  bool fast;

  if (ioctl (fd, BLKGETSIZE64, &size) == -1 ||
      ioctl (fd, BLKSSZGET, &sector) == -1) {
    leg_report (leg, "size: %m");
    return -1;
  }
  leg->kind = LEG_BLOCK;
  leg->size = size;
  leg->rotational = queue_attribute (st->st_rdev, "rotational", 0) != 0;
  block_identity (st->st_rdev, leg->id);
  *zero_align = (uint32_t) sector;
  /* Without this the kernel zeroes by writing. */
  fast = queue_attribute (st->st_rdev, "write_zeroes_max_bytes", 0) != 0;
  atomic_store (&leg->fast_zero, fast);
  atomic_store (&leg->fast_trim, fast);
  return 0;
}

/* An fd, or -1 with the error reported. */
static int
open_path (struct leg *leg, const struct stat *st, unsigned flags)
{
  int mode = flags & LEG_READ_ONLY ? O_RDONLY : O_RDWR;
  int fd;

  if (S_ISBLK (st->st_mode) && !(flags & LEG_READ_ONLY))
    mode |= O_EXCL;
  fd = open (leg->name, mode | O_CLOEXEC);
  if (fd == -1 && errno == EBUSY)
    return refuse_owned (leg, st, "mounted or in use by the kernel");
  if (fd == -1)
    leg_report (leg, "open: %m");
  return fd;
}

int
leg_file_open_path (struct leg *leg, unsigned flags, uint32_t *zero_align)
{
  CLEANUP_CLOSE int fd = -1;
  struct stat st;
  int r;

  if (stat (leg->name, &st) == -1) {
    leg_report (leg, "%m");
    return -1;
  }
  if (!S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode)) {
    leg_report (leg, "not a regular file or block device");
    errno = EINVAL;
    return -1;
  }
  fd = open_path (leg, &st, flags);
  if (fd == -1)
    return -1;
  if (fstat (fd, &st) == -1) {
    leg_report (leg, "%m");
    return -1;
  }
  *zero_align = 1;
  r = S_ISBLK (st.st_mode) ? set_up_block (leg, fd, &st, zero_align)
                           : set_up_file (leg, fd, &st, flags);
  if (r == -1)
    return -1;
  r = fd;
  fd = -1;
  return r;
}
