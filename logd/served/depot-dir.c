/* SPDX-License-Identifier: BSD-3-Clause */

/* Logs in a directory: NAME.log, NAME.lease and NAME.lease.spare.  Its lock
 * is held as long as the server runs, so there is nobody to take a seat from.
 */

#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "depot.h"
#include "dirty-log.h"
#include "log-life.h"
#include "lease-file.h"
#include "msg.h"
#include "owner.h"

#define SUFFIX ".log"
#define SUFFIX_LEN (sizeof SUFFIX - 1)

struct dir_depot {
  struct depot depot;
  int fd;
};

static struct dir_depot *
dir_depot (struct depot *d)
{
  return (struct dir_depot *) d;
}

/* --- one log --- */

static int
dir_exists (struct depot *d, struct seat *seat, const char *log)
{
  char file[PROTO_MAX_NAME + 8];
  struct stat st;

  (void) seat;
  snprintf (file, sizeof file, "%s" SUFFIX, log);
  if (fstatat (dir_depot (d)->fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return 1;
  if (errno == ENOENT)
    return 0;
  msg_error ("%s/%s: %m", d->name, file);
  return -1;
}

static struct dirty_log *
dir_open_log (struct depot *d, struct seat *seat, const char *log,
              unsigned flags)
{
  CLEANUP_FREE char *spec = NULL;

  (void) seat;
  if (asprintf (&spec, "disk:%s/%s" SUFFIX, d->name, log) == -1) {
    spec = NULL;
    msg_error ("log %s: %m", log);
    return NULL;
  }
  return dirty_log_open (spec, flags);
}

static int
dir_read_lease (struct depot *d, struct seat *seat, const char *log,
                struct lease_record *record)
{
  (void) seat;
  return lease_file_read (dir_depot (d)->fd, d->name, log, record);
}

static int
dir_write_lease (struct depot *d, struct seat *seat, const char *log,
                 const struct lease_record *record, const uint8_t *uuid)
{
  (void) seat;
  return lease_file_write (dir_depot (d)->fd, d->name, log, record, uuid);
}

static int
remove_file (int dir, const char *log, const char *suffix)
{
  char file[PROTO_MAX_NAME + 16];

  snprintf (file, sizeof file, "%s.%s", log, suffix);
  return unlinkat (dir, file, 0) == -1 && errno != ENOENT ? -1 : 0;
}

/* The log first: a lease file alone grants nothing. */
static int
dir_remove (struct depot *d, struct seat *seat, const char *log)
{
  static const char *const suffixes[] = {"log", "lease", "lease.spare"};
  int dir = dir_depot (d)->fd;

  (void) seat;
  for (unsigned i = 0; i < 3; ++i)
    if (remove_file (dir, log, suffixes[i]) == -1)
      goto err;
  if (fsync (dir) == 0)
    return 0;
err:
  msg_error ("log %s: delete: %m", log);
  return -1;
}

/* --- all logs --- */

typedef int add_fn (void *opaque, const struct depot_entry *entry);

/* Of a log on disk.  A lease file that is damaged was reported. */
static int
add_file (struct depot *d, const char *name, add_fn *add, void *opaque)
{
  struct depot_entry entry = {.server = ""};

  snprintf (entry.name, sizeof entry.name, "%s", name);
  (void) lease_file_read (dir_depot (d)->fd, d->name, name, &entry.record);
  return add (opaque, &entry);
}

/* NAME.log; returns false if it is something else. */
static bool
name_of_file (const char *file, char name[PROTO_MAX_NAME + 1])
{
  size_t len = strlen (file);

  if (len <= SUFFIX_LEN || len - SUFFIX_LEN > PROTO_MAX_NAME ||
      strcmp (file + len - SUFFIX_LEN, SUFFIX) != 0 ||
      !proto_name_ok ((struct proto_str){file, (uint32_t) (len - SUFFIX_LEN)}))
    return false;
  memcpy (name, file, len - SUFFIX_LEN);
  name[len - SUFFIX_LEN] = '\0';
  return true;
}

static int
list_all (struct depot *d, add_fn *add, void *opaque)
{
  int fd = openat (dir_depot (d)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd == -1 ? NULL : fdopendir (fd);
  char name[PROTO_MAX_NAME + 1];
  struct dirent *file;
  int r = dir ? 0 : -1;

  while (r == 0 && (file = readdir (dir)))
    if (name_of_file (file->d_name, name))
      r = add_file (d, name, add, opaque);
  if (dir)
    closedir (dir);
  else if (fd >= 0)
    close (fd);
  return r;
}

static int
list_one (struct depot *d, const char *name, add_fn *add, void *opaque)
{
  char file[PROTO_MAX_NAME + 8];
  struct stat st;

  snprintf (file, sizeof file, "%s" SUFFIX, name);
  if (fstatat (dir_depot (d)->fd, file, &st, AT_SYMLINK_NOFOLLOW) == -1)
    return errno == ENOENT ? 0 : -1;
  return add_file (d, name, add, opaque);
}

static int
dir_list (struct depot *d, const char *only, add_fn *add, void *opaque)
{
  return only[0] ? list_one (d, only, add, opaque) : list_all (d, add, opaque);
}

/* --- life --- */

static void
dir_free (struct depot *d)
{
  close (dir_depot (d)->fd);
  free (d);
}

static const struct depot_ops dir_ops = {
  .free = dir_free,
  .exists = dir_exists,
  .open = dir_open_log,
  .read_lease = dir_read_lease,
  .write_lease = dir_write_lease,
  .remove = dir_remove,
  .list = dir_list,
};

static void
report_owner (const char *dir, int fd)
{
  struct stat st;
  pid_t pid = fstat (fd, &st) == 0 ? owner_pid (&st) : 0;

  if (pid)
    msg_error ("--dir=%s: in use by process %ld", dir, (long) pid);
  else
    msg_error ("--dir=%s: in use by another nbdmirror-logd", dir);
}

/* Only one server may have it: two would grant one log twice. */
static int
open_locked (const char *dir)
{
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd == -1) {
    msg_error ("--dir=%s: %m", dir);
    return -1;
  }
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (errno == EWOULDBLOCK)
    report_owner (dir, fd);
  else
    msg_error ("--dir=%s: lock: %m", dir);
  close (fd);
  return -1;
}

struct depot *
depot_dir_open (const char *dir)
{
  struct dir_depot *d = calloc (1, sizeof *d);

  if (!d) {
    msg_error ("--dir=%s: %m", dir);
    return NULL;
  }
  d->depot.ops = &dir_ops;
  d->depot.name = dir;
  d->fd = open_locked (dir);
  if (d->fd >= 0)
    return &d->depot;
  free (d);
  return NULL;
}
