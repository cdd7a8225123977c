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
#include "record-area.h"

#define SUFFIX ".mirrorleg"
#define BEAT_BLOCK 4096 /* written as a whole, on any leg with a trailer */

/* --- where it is --- */

static bool
has_place (const struct record_area *area)
{
  return area->path || area->trailer > 0;
}

static bool
is_file (const struct record_area *area)
{
  return area->path != NULL;
}

/* Beside the leg itself, not beside a symbolic link to it. */
static char *
path_beside (const struct leg *leg)
{
  CLEANUP_FREE char *real = realpath (leg->name, NULL);
  char *path;

  if (!real || asprintf (&path, "%s" SUFFIX, real) == -1)
    return NULL;
  return path;
}

/* 0 also if there is none. */
static int
open_file (struct record_area *area, int flags)
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

/* What lies within the mirror's size is clients' data, whatever it looks like. */
static uint64_t
trailer_behind (const struct leg *leg, uint64_t mirror_size)
{
  uint64_t trailer = record_trailer_offset (leg->size, leg->min_block);

  return trailer >= mirror_size ? trailer : 0;
}

int
record_area_open (struct record_area *area, struct leg *leg,
                  uint64_t mirror_size, bool read_only)
{
  *area = (struct record_area){.leg = leg, .fd = -1};
  if (leg->kind != LEG_FILE) {
    area->trailer = trailer_behind (leg, mirror_size);
    return 0;
  }
  area->path = path_beside (leg);
  if (!area->path)
    return -1;
  return open_file (area, read_only ? O_RDONLY : O_RDWR);
}

void
record_area_close (struct record_area *area)
{
  if (area->path && area->fd != -1)
    close (area->fd);
  free (area->path);
  *area = (struct record_area){.fd = -1};
}

/* --- reading --- */

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

static int
read_beside (struct record_area *area, uint8_t *buf, size_t len,
             uint64_t offset)
{
  CLEANUP_FREE struct file_job *job = new_job (area, len, offset);

  if (!job || run_job (job) == -1)
    return -1;
  memcpy (buf, job->bytes, len);
  return 0;
}

/* *unsent: it may not be written now. */
static int
write_beside (struct record_area *area, const void *buf, size_t len,
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

static int
read_bytes (struct record_area *area, uint8_t *buf, size_t len,
            uint64_t offset)
{
  if (!is_file (area))
    return leg_run (area->leg, LEG_READ, LEG_UNCOUNTED, buf,
                    area->trailer + offset, len);
  if (area->fd == -1) {
    memset (buf, 0, len);
    return 0;
  }
  return read_beside (area, buf, len, offset);
}

static bool
all_zero (const uint8_t *buf, size_t len)
{
  return buf[0] == 0 && memcmp (buf, buf + 1, len - 1) == 0;
}

static void
look_at_record (struct record_area *area, struct record_found *found,
                const uint8_t *buf)
{
  found->verdict = record_decode_area (&found->record, buf, &area->next);
  if (found->verdict != RECORD_VALID || !is_file (area) ||
      memcmp (found->record.file, area->leg->id, RECORD_ID_SIZE) == 0)
    return;
  found->other_file = true;
  found->verdict = RECORD_BLANK;
}

int
record_area_read (struct record_area *area, struct record_found *found)
{
  CLEANUP_FREE uint8_t *buf = NULL;

  memset (found, 0, sizeof *found);
  if (!has_place (area))
    return 0;
  buf = malloc (RECORD_AREA);
  if (!buf || read_bytes (area, buf, RECORD_AREA, 0) == -1)
    return -1;
  look_at_record (area, found, buf);
  found->has_beat =
    !found->other_file &&
    record_beat_decode (&found->beat, buf + RECORD_BEAT_OFFSET) ==
      RECORD_VALID;
  found->zero = all_zero (buf, RECORD_AREA);
  area->in_use = found->verdict == RECORD_VALID;
  return 0;
}

int
record_area_read_beat (struct record_area *area, enum record_verdict *verdict,
                       struct leg_beat *beat)
{
  uint8_t buf[BEAT_BLOCK];

  *verdict = RECORD_BLANK;
  if (!has_place (area))
    return 0;
  if (read_bytes (area, buf, sizeof buf, RECORD_BEAT_OFFSET) == -1)
    return -1;
  *verdict = record_beat_decode (beat, buf);
  return 0;
}

/* --- writing --- */

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
  if (!zeroes || open_file (area, O_RDWR | O_CREAT) == -1)
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
record_area_make (struct record_area *area)
{
  if (is_file (area) && !area->in_use &&
      leg_aside (area->leg, do_make, &area, sizeof area) == -1)
    return -1;
  area->in_use = true;
  return 0;
}

int
record_area_remove (struct record_area *area)
{
  if (is_file (area) && area->fd != -1 && unlink (area->path) == -1 &&
      errno != ENOENT)
    return -1;
  if (!is_file (area) && area->in_use &&
      leg_run (area->leg, LEG_ZERO, LEG_UNCOUNTED | LEG_FUA, NULL,
               area->trailer, RECORD_AREA) == -1)
    return -1;
  area->in_use = false;
  return 0;
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
record_area_restore (struct record_area *area)
{
  struct restore_job job = {.area = area};

  if (!is_file (area))
    return 0;
  if (leg_aside (area->leg, do_restore, &job, sizeof job) == -1)
    return -1;
  return job.made;
}

static void
write_record (struct record_area *area, struct record_write *w,
              uint64_t offset)
{
  if (write_beside (area, w->buf, sizeof w->buf, offset, true,
                    &w->io.unsent) == -1)
    w->io.error = errno;
}

void
record_area_submit (struct record_area *area, struct record_write *w,
                    const struct leg_record *r,
                    void (*done) (struct leg_io *io), void *opaque)
{
  uint64_t offset = (uint64_t) area->next * RECORD_SLOT_SIZE;

  record_encode (w->buf, r);
  w->io = (struct leg_io){
    .op = LEG_WRITE,
    .flags = LEG_FUA | LEG_UNCOUNTED,
    .buf = w->buf,
    .offset = area->trailer + offset,
    .count = RECORD_SLOT_SIZE,
    .done = done,
    .opaque = opaque,
  };
  if (!is_file (area)) {
    leg_submit (area->leg, &w->io);
    return;
  }
  write_record (area, w, offset);
  done (&w->io);
}

void
record_area_written (struct record_area *area)
{
  area->next = !area->next;
}

int
record_area_write_beat (struct record_area *area, const struct leg_beat *beat,
                        unsigned flags)
{
  uint8_t buf[BEAT_BLOCK] = {0};
  bool unsent;

  record_beat_encode (buf, beat);
  if (is_file (area))
    return write_beside (area, buf, sizeof buf, RECORD_BEAT_OFFSET, false,
                         &unsent);
  return leg_run (area->leg, LEG_WRITE, LEG_UNCOUNTED | flags, buf,
                  area->trailer + RECORD_BEAT_OFFSET, sizeof buf);
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
record_area_follow (const char *old_leg, const char *new_leg)
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
