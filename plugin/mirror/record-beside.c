/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "full-io.h"
#include "record-beside.h"

#define SUFFIX ".mirrorleg"

char *
beside_path (const struct leg *leg)
{
  CLEANUP_FREE char *real = realpath (leg->name, NULL);
  char *path;

  if (!real || asprintf (&path, "%s" SUFFIX, real) == -1)
    return NULL;
  return path;
}

int
beside_open (struct record_area *area, int flags)
{
  struct stat st;

  area->fd = open (area->path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (area->fd == -1)
    return errno == ENOENT ? 0 : -1;
  if (fstat (area->fd, &st) == 0 && S_ISREG (st.st_mode))
    return 0;
  close (area->fd);
  area->fd = -1;
  errno = EINVAL;
  return -1;
}

/* --- reading and writing --- */

/* Bytes that are not there are zero. */
static int
read_file (int fd, uint8_t *buf, size_t len, uint64_t offset)
{
  ssize_t n;

  memset (buf, 0, len);
  for (size_t done = 0; done < len; done += (size_t) n) {
    n = pread (fd, buf + done, len - done, (off_t) (offset + done));
    if (n == -1 && errno == EINTR)
      n = 0;
    else if (n <= 0)
      return (int) n;
  }
  return 0;
}

/* A call for a file beside the leg, which may hang as the leg does. */
struct file_job {
  struct leg *leg;
  int fd;
  bool write, sync;
  bool unsent;
  uint64_t offset;
  size_t len;
  uint8_t bytes[];
};

/* What leg_submit asks for the legs themselves. */
static bool
may_write (const struct leg *leg)
{
  return !leg->may_write || leg->may_write ((struct leg *) leg);
}

static int
do_file_job (void *arg)
{
  struct file_job *job = arg;

  if (!job->write)
    return read_file (job->fd, job->bytes, job->len, job->offset);
  job->unsent = !may_write (job->leg);
  if (job->unsent) {
    errno = ESTALE;
    return -1;
  }
  if (full_pwrite (job->fd, job->bytes, job->len, job->offset) == -1)
    return -1;
  return job->sync ? fdatasync (job->fd) : 0;
}

static struct file_job *
new_job (const struct record_area *area, size_t len, uint64_t offset)
{
  struct file_job *job = calloc (1, sizeof *job + len);

  if (!job)
    return NULL;
  job->leg = area->leg;
  job->fd = area->fd;
  job->offset = offset;
  job->len = len;
  return job;
}

static int
run_job (struct file_job *job)
{
  return leg_aside (job->leg, do_file_job, job, sizeof *job + job->len);
}

int
beside_read (struct record_area *area, uint8_t *buf, size_t len,
             uint64_t offset)
{
  CLEANUP_FREE struct file_job *job = new_job (area, len, offset);

  if (!job || run_job (job) == -1)
    return -1;
  memcpy (buf, job->bytes, len);
  return 0;
}

int
beside_write (struct record_area *area, const void *buf, size_t len,
              uint64_t offset, bool sync, bool *unsent)
{
  CLEANUP_FREE struct file_job *job = new_job (area, len, offset);
  int r;

  *unsent = false;
  if (!job)
    return -1;
  job->write = true;
  job->sync = sync;
  memcpy (job->bytes, buf, len);
  r = run_job (job);
  *unsent = job->unsent;
  return r;
}

/* --- making --- */

static int
sync_directory (const char *path)
{
  CLEANUP_FREE char *dir = strdup (path);
  CLEANUP_CLOSE int fd = -1;

  if (!dir)
    return -1;
  *strrchr (dir, '/') = '\0';
  fd = open (dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd == -1 ? -1 : fsync (fd);
}

/* All of it is written, so that no record ever lacks the room. */
static int
make_file (struct record_area *area)
{
  CLEANUP_FREE uint8_t *zeroes = calloc (1, RECORD_AREA);

  if (area->fd != -1)
    close (area->fd);
  area->fd = -1;
  area->next = 0;
  if (!zeroes || beside_open (area, O_RDWR | O_CREAT) == -1)
    return -1;
  return full_pwrite (area->fd, zeroes, RECORD_AREA, 0) == -1 ||
             fsync (area->fd) == -1
           ? -1
           : sync_directory (area->path);
}

static int
do_make (void *arg)
{
  return make_file (*(struct record_area **) arg);
}

int
beside_make (struct record_area *area)
{
  return leg_aside (area->leg, do_make, &area, sizeof area);
}

/* The file is the one that has the name. */
static bool
is_there (const struct record_area *area)
{
  struct stat mine, there;

  return fstat (area->fd, &mine) == 0 && stat (area->path, &there) == 0 &&
         mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

struct restore_job {
  struct record_area *area;
  bool made;
};

static int
do_restore (void *arg)
{
  struct restore_job *job = arg;

  if (is_there (job->area))
    return 0;
  job->made = true;
  return make_file (job->area);
}

int
beside_restore (struct record_area *area)
{
  struct restore_job job = {.area = area};

  if (leg_aside (area->leg, do_restore, &job, sizeof job) == -1)
    return -1;
  return job.made;
}

/* --- another name --- */

/* The file has gone from its old name, but what was beside it has not. */
static bool
was_left (const char *old_leg, const char *old_path)
{
  struct stat st;

  return lstat (old_leg, &st) == -1 && errno == ENOENT &&
         lstat (old_path, &st) == 0 && S_ISREG (st.st_mode);
}

int
beside_follow (const char *old_leg, const char *new_leg)
{
  CLEANUP_FREE char *real = realpath (new_leg, NULL);
  CLEANUP_FREE char *from = NULL, *to = NULL;

  if (!real)
    return 0;
  if (asprintf (&from, "%s" SUFFIX, old_leg) == -1) {
    from = NULL;
    return -1;
  }
  if (asprintf (&to, "%s" SUFFIX, real) == -1) {
    to = NULL;
    return -1;
  }
  if (!was_left (old_leg, from) || access (to, F_OK) == 0)
    return 0;
  return rename (from, to) == -1 ? -1 : sync_directory (to);
}
