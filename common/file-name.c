/* SPDX-License-Identifier: BSD-3-Clause */

/* statx and not stat: having looked at the times of a file makes the kernel
 * write its inode again with the next write.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file-name.h"

/* Of one look; the clear answers follow those of enum file_place. */
#define UNKNOWN FILE_HERE

static int
identify (int dir, const char *name, int flags, struct statx *stx)
{
  if (statx (dir, name, flags, STATX_INO | STATX_NLINK, stx) == -1)
    return -1;
  if (stx->stx_mask & STATX_INO)
    return 0;
  errno = ENOTSUP;
  return -1;
}

static bool
is_same (const struct statx *a, const struct statx *b)
{
  return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
         a->stx_dev_minor == b->stx_dev_minor;
}

static bool
is_absent (int err)
{
  return err == ENOENT || err == ENOTDIR;
}

/* The last component of an absolute path. */
static const char *
last_of (const char *real)
{
  return strrchr (real, '/') + 1;
}

/* The path leads nowhere: what does the directory say that the file was in? */
static enum file_place
look_in_directory (const struct file_name *name, const struct statx *file)
{
  struct statx entry;

  if (identify (name->dir, last_of (name->real), AT_SYMLINK_NOFOLLOW,
                &entry) == 0) {
    if (is_same (&entry, file))
      return FILE_ASTRAY;
  }
  else if (!is_absent (errno))
    return UNKNOWN;
  return file->stx_mask & STATX_NLINK && file->stx_nlink > 0 ? FILE_RENAMED
                                                             : FILE_REMOVED;
}

/* Sets *agree if path and file are the same. */
static enum file_place
look_once (const struct file_name *name, int fd, bool *agree)
{
  struct statx file, entry;

  *agree = false;
  if (identify (fd, "", AT_EMPTY_PATH, &file) == -1)
    return UNKNOWN;
  if (identify (AT_FDCWD, name->path, 0, &entry) == 0) {
    *agree = is_same (&entry, &file);
    return *agree ? FILE_HERE : FILE_REPLACED;
  }
  if (!is_absent (errno))
    return UNKNOWN;
  return look_in_directory (name, &file);
}

static int
open_directory (const char *real)
{
  CLEANUP_FREE char *dir = strdup (real);

  if (!dir)
    return -1;
  dir[last_of (real) - real] = '\0';
  return open (dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void
file_name_init (struct file_name *name, const char *path, int fd)
{
  bool agree = false;

  *name = (struct file_name){.dir = -1};
  name->real = realpath (path, NULL);
  name->path = name->real ? strdup (path) : NULL;
  if (name->path)
    name->dir = open_directory (name->real);
  if (name->dir >= 0)
    look_once (name, fd, &agree);
  if (!agree)
    file_name_free (name);
}

void
file_name_free (struct file_name *name)
{
  free (name->path);
  free (name->real);
  if (name->dir >= 0)
    close (name->dir);
  *name = (struct file_name){.dir = -1};
}

/* Removed, and then another file in its place, is one answer. */
static bool
is_confirmed (enum file_place before, enum file_place now)
{
  return before == now || (file_is_gone (before) && file_is_gone (now));
}

enum file_place
file_name_look (struct file_name *name, int fd)
{
  enum file_place now, before = name->seen;
  bool agree;

  if (!name->path)
    return FILE_HERE;
  now = look_once (name, fd, &agree);
  name->seen = now;
  if (agree || (now != UNKNOWN && is_confirmed (before, now)))
    name->place = now;
  return name->place;
}

const char *
file_place_text (enum file_place place)
{
  switch (place) {
  case FILE_HERE:
    return "";
  case FILE_ASTRAY:
    return "its directory was renamed or is not mounted there any more";
  case FILE_REMOVED:
    return "its file was removed";
  case FILE_RENAMED:
    return "its file has another name now";
  case FILE_REPLACED:
    return "another file has its name now";
  }
  __builtin_unreachable ();
}
