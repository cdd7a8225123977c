/* SPDX-License-Identifier: BSD-3-Clause */

/* What one request of a local leg is to the kernel. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aside.h"
#include "full-io.h"
#include "leg-file-medium.h"

int
file_medium_size (const struct file_medium *m, uint64_t *size)
{
  struct stat st;

  if (m->leg->kind == LEG_BLOCK)
    return ioctl (m->fd, BLKGETSIZE64, size);
  if (fstat (m->fd, &st) == -1)
    return -1;
  *size = (uint64_t) st.st_size;
  return 0;
}

/* 0, or -1 with errno; leg-io.c writes zeroes instead if it can't be done. */
static int
zero_range (const struct file_medium *m, const struct leg_io *io)
{
  int mode =
    io->flags & LEG_MAY_TRIM ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

  if ((io->offset | io->count) % m->zero_align != 0) {
    errno = EINVAL;
    return -1;
  }
  if (fallocate (m->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t) io->offset,
                 (off_t) io->count) == 0)
    return 0;
  if (errno == ENOSYS || errno == ENODEV || errno == ENOTTY)
    errno = EOPNOTSUPP;
  return -1;
}

/* Somebody cut the file while it is in use. */
static bool
is_cut (const struct file_medium *m)
{
  return m->leg->kind == LEG_FILE &&
         lseek (m->fd, 0, SEEK_END) < (off_t) m->leg->size;
}

/* A file that lost its tail must not get it back as zeroes.  Only a write to
 * its very end could make it whole again to the eye; after any other one the
 * next flush sees it.  (Not fstat: see leg-file.c:look_at_file.)
 */
static int
write_range (const struct file_medium *m, const struct leg_io *io)
{
  if (io->offset + io->count == m->leg->size && is_cut (m)) {
    errno = EIO;
    return -1;
  }
  return full_pwrite (m->fd, io->buf, io->count, io->offset);
}

static int
flush_file (const struct file_medium *m)
{
  if (is_cut (m)) {
    errno = EIO;
    return -1;
  }
  return fdatasync (m->fd);
}

static int
do_call (const struct aside_job *job)
{
  return job->run (job->arg);
}

int
file_medium_do (const struct file_medium *m, const struct leg_io *io)
{
  switch (io->op) {
  case LEG_READ:
    return full_pread (m->fd, io->buf, io->count, io->offset);
  case LEG_WRITE:
    return write_range (m, io);
  case LEG_ZERO:
    return zero_range (m, io);
  case LEG_FLUSH:
    return flush_file (m);
  case LEG_CACHE:
    posix_fadvise (m->fd, (off_t) io->offset, (off_t) io->count,
                   POSIX_FADV_WILLNEED);
    return 0;
  case LEG_CALL:
    return do_call (io->buf);
  default:
    abort ();
  }
}
