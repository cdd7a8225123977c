/* SPDX-License-Identifier: BSD-3-Clause */

/* The new file gets the name when it is complete and durable, so that a crash
 * before that finds no log, which is what it would have found anyway, and
 * never half of one.  A name that somebody else took meanwhile is not taken
 * away from him.
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
#include "owner.h"
#include "store-file.h"

enum file_place
file_store_look (struct log_store *store)
{
  struct file_store *f = file_store (store);

  return f->fd == -1 ? FILE_HERE : file_name_look (&f->name, f->fd);
}

bool
file_store_is_cut (struct log_store *store)
{
  struct file_store *f = file_store (store);
  off_t size;

  if (f->fd == -1 || store->fixed_size)
    return false;
  size = lseek (f->fd, 0, SEEK_END);
  if (size == -1 || (uint64_t) size >= store->size)
    return false;
  store->size = (uint64_t) size;
  return true;
}

/* As who may read it goes, the new file is like the old one. */
static void
copy_mode (int from, int to)
{
  struct stat st;

  if (fstat (from, &st) == -1 || fchmod (to, st.st_mode & 07777) == -1)
    return;
  if (fchown (to, st.st_uid, st.st_gid) == -1)
    fchmod (to, 0600);
}

/* An empty file of ours beside the name. */
static int
make_file (struct file_store *f)
{
  int fd;

  if (asprintf (&f->new_path, "%s.XXXXXX", f->name.real) == -1) {
    f->new_path = NULL;
    return -1;
  }
  fd = mkostemp (f->new_path, O_CLOEXEC);
  if (fd == -1) {
    free (f->new_path);
    f->new_path = NULL;
    return -1;
  }
  copy_mode (f->fd, fd);
  return fd;
}

int
file_store_renew (struct log_store *store)
{
  struct file_store *f = file_store (store);
  int fd = make_file (f);

  if (fd == -1)
    return -1;
  f->old_fd = f->fd;
  f->old_size = store->size;
  f->fd = fd;
  store->size = 0;
  if (owner_lock (fd) == 0)
    return 0;
  file_store_renewed (store, false);
  return -1;
}

/* Where files can't be renamed so, they can have two names. */
static int
take_name (const struct file_store *f)
{
  const char *path = f->name.real;

  if (renameat2 (AT_FDCWD, f->new_path, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS)
    return -1;
  return link (f->new_path, path) == -1 ? -1 : unlink (f->new_path);
}

static int
make_durable (struct file_store *f)
{
  CLEANUP_CLOSE int dir = file_store_open_directory (f->name.real);

  if (dir == -1 || fsync (f->fd) == -1 || take_name (f) == -1)
    return -1;
  if (fsync (dir) == 0)
    return 0;
  unlink (f->name.real);
  return -1;
}

static void
put_back (struct file_store *f)
{
  int err = errno;

  unlink (f->new_path);
  close (f->fd);
  f->fd = f->old_fd;
  f->store.size = f->old_size;
  errno = err;
}

static void
forget_old (struct file_store *f)
{
  close (f->old_fd);
  file_name_free (&f->name);
  file_name_init (&f->name, f->path, f->fd);
}

int
file_store_renewed (struct log_store *store, bool keep)
{
  struct file_store *f = file_store (store);
  int r = 0;

  if (keep)
    r = make_durable (f);
  if (keep && r == 0)
    forget_old (f);
  else
    put_back (f);
  free (f->new_path);
  f->new_path = NULL;
  return r;
}
