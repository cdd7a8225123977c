/* SPDX-License-Identifier: BSD-3-Clause */

/* Finding the record of a file or block device, in this order: a file that is
 * named like a record, or too small for a leg with a trailer and begins like a
 * record; the file beside a leg that is a file; the trailer of any leg.  What a
 * user of the mirror can write, the first bytes of a leg, is never taken for its
 * record.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirty-log.h"
#include "dump-leg-find.h"
#include "file-id.h"
#include "log-life.h"
#include "msg.h"

#define SUFFIX ".mirrorleg"
#define SUFFIX_LENGTH (sizeof SUFFIX - 1)

static_assert (FILE_ID_SIZE == RECORD_ID_SIZE, "identity of a file");
static_assert (LOG_HEAD_SIZE <= RECORD_AREA, "head of a log");

int
leg_find_init (struct leg_find *f, const char *name)
{
  *f = (struct leg_find){.name = name};
  f->area = aligned_alloc (RECORD_AREA, RECORD_AREA);
  if (f->area)
    return 0;
  msg_error ("%s: %m", name);
  return -1;
}

void
leg_find_free (struct leg_find *f)
{
  free (f->area);
  free (f->path);
}

bool
leg_find_is_record (const uint8_t area[RECORD_AREA])
{
  struct leg_record record;
  struct leg_beat beat;

  return record_decode (&record, area) >= RECORD_BAD ||
         record_decode (&record, area + RECORD_SLOT_SIZE) >= RECORD_BAD ||
         record_beat_decode (&beat, area + RECORD_BEAT_OFFSET) >= RECORD_BAD;
}

/* --- reading --- */

/* Bytes behind the end are zero. */
static int
read_bytes (const char *name, int fd, uint8_t *buf, size_t len,
            uint64_t offset)
{
  ssize_t n;

  memset (buf, 0, len);
  for (size_t done = 0; done < len; done += (size_t) n) {
    n = pread (fd, buf + done, len - done, (off_t) (offset + done));
    if (n == -1 && errno == EINTR)
      n = 0;
    else if (n == 0)
      return 0;
    else if (n == -1) {
      msg_error ("%s: read at offset %" PRIu64 ": %m", name, offset + done);
      return -1;
    }
  }
  return 0;
}

static int
read_area (struct leg_find *f, const char *name, int fd, uint64_t offset)
{
  return read_bytes (name, fd, f->area, RECORD_AREA, offset);
}

/* --- a file that is a record --- */

static bool
ends_in_suffix (const char *name)
{
  size_t len = strlen (name);

  return len > SUFFIX_LENGTH &&
         strcmp (name + len - SUFFIX_LENGTH, SUFFIX) == 0;
}

/* The leg that the record stands beside, if it is there. */
static void
identify_leg_of (struct leg_find *f)
{
  CLEANUP_FREE char *leg = strndup (f->name, strlen (f->name) - SUFFIX_LENGTH);
  CLEANUP_CLOSE int fd = leg ? open (leg, O_RDONLY | O_CLOEXEC) : -1;
  struct stat st;

  if (fd == -1 || fstat (fd, &st) == -1 || !S_ISREG (st.st_mode))
    return;
  file_id (fd, &st, f->id);
  f->has_id = true;
}

/* 1: it is one, -1 with the error reported. */
static int
look_at_itself (struct leg_find *f, int fd, const struct stat *st)
{
  bool named = ends_in_suffix (f->name);

  if (!S_ISREG (st->st_mode) || (!named && st->st_size > RECORD_AREA))
    return 0;
  if (read_area (f, f->name, fd, 0) == -1)
    return -1;
  if (!named && !leg_find_is_record (f->area))
    return 0;
  f->where = RECORD_ITSELF;
  f->path = realpath (f->name, NULL);
  if (named)
    identify_leg_of (f);
  return 1;
}

/* --- a leg --- */

static int
look_at_head (struct leg_find *f, int fd)
{
  if (read_area (f, f->name, fd, 0) == -1)
    return -1;
  f->is_log = dirty_log_begins (f->area);
  return 0;
}

static int
look_at_trailer (struct leg_find *f, int fd, uint64_t size, uint32_t min_block)
{
  f->trailer = record_trailer_offset (size, min_block);
  if (f->trailer == 0)
    return 0;
  if (read_area (f, f->name, fd, f->trailer) == -1)
    return -1;
  if (leg_find_is_record (f->area))
    f->where = RECORD_TRAILER;
  return 0;
}

/* The file beside the leg itself, not beside a link to it. */
static int
look_beside (struct leg_find *f, int leg, const struct stat *st)
{
  CLEANUP_FREE char *real = realpath (f->name, NULL);
  CLEANUP_CLOSE int fd = -1;

  if (!real || asprintf (&f->path, "%s" SUFFIX, real) == -1) {
    f->path = NULL;
    msg_error ("%s: absolute path: %m", f->name);
    return -1;
  }
  fd = open (f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd == -1 && errno == ENOENT)
    return 0;
  if (fd == -1) {
    msg_error ("%s: open: %m", f->path);
    return f->is_log ? 0 : -1;
  }
  f->also = f->where == RECORD_TRAILER;
  f->where = RECORD_BESIDE;
  file_id (leg, st, f->id);
  f->has_id = true;
  return read_area (f, f->path, fd, 0);
}

static int
look_at_file (struct leg_find *f, int fd, const struct stat *st)
{
  int r = look_at_itself (f, fd, st);

  if (r != 0)
    return r == -1 ? -1 : 0;
  if (look_at_head (f, fd) == -1 ||
      look_at_trailer (f, fd, (uint64_t) st->st_size, 1) == -1)
    return -1;
  return look_beside (f, fd, st);
}

static int
look_at_device (struct leg_find *f, int fd)
{
  uint64_t size;
  int sector;

  if (ioctl (fd, BLKGETSIZE64, &size) == -1 ||
      ioctl (fd, BLKSSZGET, &sector) == -1 || sector <= 0) {
    msg_error ("%s: size: %m", f->name);
    return -1;
  }
  if (look_at_head (f, fd) == -1)
    return -1;
  return look_at_trailer (f, fd, size, (uint32_t) sector);
}

/* Past the page cache of a device, which other hosts may write to. */
static int
open_for_reading (const struct leg_find *f, const struct stat *st)
{
  int flags = O_RDONLY | O_CLOEXEC;
  int fd = open (f->name, flags | (S_ISBLK (st->st_mode) ? O_DIRECT : 0));

  if (fd == -1 && errno == EINVAL)
    fd = open (f->name, flags);
  if (fd == -1)
    msg_error ("%s: open: %m", f->name);
  return fd;
}

int
leg_find (struct leg_find *f, const char *name)
{
  CLEANUP_CLOSE int fd = -1;
  struct stat st;

  if (leg_find_init (f, name) == -1)
    return -1;
  if (stat (name, &st) == -1) {
    msg_error ("%s: %m", name);
    return -1;
  }
  if (!S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode))
    return 0;
  f->looked_at = true;
  fd = open_for_reading (f, &st);
  if (fd == -1)
    return -1;
  if (fstat (fd, &st) == -1) {
    msg_error ("%s: %m", name);
    return -1;
  }
  return S_ISBLK (st.st_mode) ? look_at_device (f, fd)
                              : look_at_file (f, fd, &st);
}

void
leg_find_say_none (const struct leg_find *f)
{
  char trailer[80] = "it can have no trailer";

  if (!f->looked_at) {
    msg_error ("%s: neither a file nor a block device", f->name);
    return;
  }
  if (f->trailer != 0)
    snprintf (trailer, sizeof trailer, "none in a trailer at offset %" PRIu64,
              f->trailer);
  msg_error ("%s: has no record of a leg: %s%s%s%s", f->name,
             f->path ? "none in " : "", f->path ? f->path : "",
             f->path ? ", " : "", trailer);
}
