/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "owner.h"

int
owner_lock (int fd)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return 0;
  if (errno == EAGAIN || errno == EACCES)
    errno = EBUSY;
  return -1;
}

bool
owner_is_locked (int fd)
{
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

  return fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool
same_file (const struct stat *a, const struct stat *b)
{
  if (S_ISBLK (a->st_mode) && S_ISBLK (b->st_mode))
    return a->st_rdev == b->st_rdev;
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
has_open (pid_t pid, const struct stat *st)
{
  char path[64];
  struct dirent *entry;
  struct stat fd;
  bool found = false;
  DIR *dir;

  snprintf (path, sizeof path, "/proc/%ld/fd", (long) pid);
  dir = opendir (path);
  if (!dir)
    return false;
  while (!found && (entry = readdir (dir)))
    found =
      fstatat (dirfd (dir), entry->d_name, &fd, 0) == 0 && same_file (st, &fd);
  closedir (dir);
  return found;
}

pid_t
owner_pid (const struct stat *st)
{
  struct dirent *entry;
  pid_t owner = 0;
  DIR *dir = opendir ("/proc");

  if (!dir)
    return 0;
  while (owner == 0 && (entry = readdir (dir))) {
    pid_t pid = (pid_t) strtol (entry->d_name, NULL, 10);

    if (pid > 0 && pid != getpid () && has_open (pid, st))
      owner = pid;
  }
  closedir (dir);
  return owner;
}
