/* SPDX-License-Identifier: BSD-3-Clause */

/* The file is believed if nobody can have written to the mirror without it:
 *
 *   after a clean end    it was closed, and the log was flushed no more than closing it
 *                        takes.  Who writes something marks it, clears it, and
 *                        closes the log, which is more;
 *   after an unclean one it was not closed either, and the log is a file on this host,
 *                        beside which a start without checksums removes it.
 *
 * Never if the log was another one, made anew, or used by the kernel, or if an operator
 * says which leg is right: then what is marked is not all that may be different.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirty-log.h"
#include "full-io.h"
#include "mirror.h"
#include "msg.h"
#include "sums-format.h"
#include "sums-open.h"

#define FLUSHES_OF_CLOSE 2

/* --- the file --- */

static bool
log_is_a_file (struct dirty_log *log)
{
  struct log_status status;
  struct stat st;

  dirty_log_status (log, &status);
  return strcmp (status.type, "disk") == 0 &&
         (stat (dirty_log_info (log)->name, &st) == -1 ||
          S_ISREG (st.st_mode));
}

/* NULL with the error reported. */
static char *
path_of (const struct mirror_config *config, struct dirty_log *log)
{
  char *path;

  if (config->checksums && strcmp (config->checksums, "on") != 0)
    return strdup (config->checksums);
  if (!log_is_a_file (log)) {
    msg_error (
      "checksums=on: the log is not a file, so there is no place beside "
      "it: say checksums=FILE");
    return NULL;
  }
  if (asprintf (&path, "%s.checksums", dirty_log_info (log)->name) == -1) {
    msg_error ("checksums: %m");
    return NULL;
  }
  return path;
}

/* 1: ours; 0: empty, or new; -1 with errno. */
static int
read_head (int fd, uint8_t head[SUMS_HEAD])
{
  struct stat st;

  memset (head, 0, SUMS_HEAD);
  if (fstat (fd, &st) == -1)
    return -1;
  errno = EINVAL;
  if (!S_ISREG (st.st_mode))
    return -1;
  if (st.st_size == 0)
    return 0;
  if (st.st_size >= SUMS_HEAD && full_pread (fd, head, SUMS_HEAD, 0) == -1)
    return -1;
  errno = EEXIST;
  return sums_is_ours (head) ? 1 : -1;
}

/* --- what is believed --- */

static bool
says_who_is_right (const struct mirror_config *config)
{
  return config->sync != SYNC_DEFAULT || config->source_leg != -1;
}

static bool
is_believed (const struct sums *s, const struct mirror_config *config,
             struct dirty_log *log, const uint8_t *buf)
{
  const struct log_info *info = dirty_log_info (log);
  uint64_t number = dirty_log_flush_number (log);
  struct sums_head head;

  if (!sums_decode (buf, &head) || memcmp (head.uuid, info->uuid, 16) != 0 ||
      head.size != s->size || info->geo.size != s->size ||
      info->found != LOG_FOUND_OURS || says_who_is_right (config) ||
      number < head.number)
    return false;
  if (head.closed)
    return !info->unclean && number - head.number <= FLUSHES_OF_CLOSE;
  return info->unclean && log_is_a_file (log);
}

static int
forget_marked (struct sums *s, struct dirty_log *log)
{
  uint64_t region_size = dirty_log_info (log)->geo.region_size;
  uint64_t first, nr, from = 0;

  while (atomic_load (&s->on) &&
         dirty_log_next_run (log, LOG_MAP_MARKED, from, &first, &nr)) {
    uint64_t begin = first * region_size, end = (first + nr) * region_size;

    sums_forget (s, begin, (end < s->size ? end : s->size) - begin);
    from = first + nr;
  }
  return sums_sync (s) && atomic_load (&s->on) ? 0 : -1;
}

static int
take_file (struct sums *s, const struct mirror_config *config,
           struct dirty_log *log)
{
  uint8_t head[SUMS_HEAD];
  int r = read_head (s->fd, head);

  if (r == -1) {
    msg_error (
      "checksums: %s: is not a file of checksums, or can't be read: %m",
      s->path);
    return -1;
  }
  atomic_store (&s->on, true);
  if (r == 1 && is_believed (s, config, log, head))
    return forget_marked (s, log);
  if (r == 1)
    msg_note ("checksums: %s: what it says is not believed, and begun anew",
              s->path);
  if (ftruncate (s->fd, 0) == 0 &&
      ftruncate (s->fd, (off_t) sums_file_size (s)) == 0 &&
      fdatasync (s->fd) == 0)
    return 0;
  msg_error ("checksums: %s: %m", s->path);
  return -1;
}

/* --- off --- */

static void
remove_unused (struct dirty_log *log)
{
  CLEANUP_FREE char *path = NULL;
  CLEANUP_CLOSE int fd = -1;
  uint8_t head[SUMS_HEAD];

  if (!log_is_a_file (log) ||
      asprintf (&path, "%s.checksums", dirty_log_info (log)->name) == -1)
    return;
  fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1 || read_head (fd, head) != 1)
    return;
  if (unlink (path) == 0)
    msg_note (
      "checksums are off: %s is removed, for it would not know what is "
      "written from now on",
      path);
  else
    msg_warning (
      "checksums are off: %s: can't be removed: %m: remove it before "
      "they are on again",
      path);
}

int
sums_open (struct sums *s, const struct mirror_config *config,
           struct dirty_log *log, uint64_t size)
{
  if (!config->checksums) {
    remove_unused (log);
    return 0;
  }
  s->size = size;
  s->verify = config->verify_reads;
  s->path = path_of (config, log);
  if (!s->path)
    return -1;
  s->fd = open (s->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (s->fd == -1) {
    msg_error ("checksums: %s: %m", s->path);
    return -1;
  }
  return take_file (s, config, log);
}

int
sums_begin (struct sums *s, struct dirty_log *log)
{
  if (!s->path)
    return 0;
  memcpy (s->uuid, dirty_log_info (log)->uuid, 16);
  if (sums_write_head (s, dirty_log_flush_number (log), false) == 0)
    return 0;
  msg_error ("checksums: %s: %m", s->path);
  return -1;
}

void
sums_close (struct sums *s, struct dirty_log *log)
{
  if (atomic_load (&s->on) && dirty_log_count (log, LOG_MAP_MARKED) == 0 &&
      sums_write_head (s, dirty_log_flush_number (log), true) == -1)
    sums_fail (s);
}
