/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "full-io.h"
#include "lease-file.h"
#include "lease-text.h"
#include "msg.h"

#define MAX_FILE 4096

/* NAME.lease.spare */
#define NAME_SIZE (PROTO_MAX_NAME + 16)

/* Files are whole blocks of this size, so that what is written next does not
 * need more of them than what was there.
 */
#define FILE_BLOCK 1024u

/* --- reading --- */

static int
damaged (const char *dir_name, const char *name)
{
  msg_error ("%s/%s: damaged, so it does not say who owns the log; if no "
             "mirror uses the log, remove this file",
             dir_name, name);
  errno = EUCLEAN;
  return -1;
}

int
lease_file_read (int dir, const char *dir_name, const char *log,
                 struct lease_record *record)
{
  CLEANUP_CLOSE int fd = -1;
  char name[NAME_SIZE], text[MAX_FILE + 1];
  ssize_t len;

  memset (record, 0, sizeof *record);
  snprintf (name, sizeof name, "%s.lease", log);
  fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd == -1 && errno == ENOENT)
    return 0;
  len = fd == -1 ? -1 : read (fd, text, sizeof text);
  if (len == -1) {
    msg_error ("%s/%s: %m", dir_name, name);
    return -1;
  }
  if (len == 0 || (size_t) len == sizeof text)
    return damaged (dir_name, name);
  text[len] = '\0';
  return lease_from_text (record, text, (size_t) len)
           ? 1
           : damaged (dir_name, name);
}

/* --- writing --- */

/* With space behind it, up to a whole block, and a newline.  To be freed by the
 * caller; NULL with errno.
 */
static char *
to_blocks (const struct lease_record *record, const uint8_t *uuid,
           size_t *size)
{
  CLEANUP_FREE char *text = lease_to_text (record, uuid);
  size_t len = text ? strlen (text) : 0;
  char *blocks;

  *size = (len / FILE_BLOCK + 1) * FILE_BLOCK;
  blocks = text ? malloc (*size) : NULL;
  if (!blocks) {
    errno = ENOMEM;
    return NULL;
  }
  memcpy (blocks, text, len);
  memset (blocks + len, ' ', *size - len);
  blocks[*size - 1] = '\n';
  return blocks;
}

/* In place: the file keeps the blocks that it has. */
static int
write_synced (int dir, const char *name, const char *blocks, size_t size)
{
  CLEANUP_CLOSE int fd =
    openat (dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd == -1 || full_pwrite (fd, blocks, size, 0) == -1 ||
      ftruncate (fd, (off_t) size) == -1)
    return -1;
  return fsync (fd);
}

/* 1: the spare is used up, for there was no file to exchange it with, or the
 * file system cannot do that.
 */
static int
put_in_place (int dir, const char *spare, const char *name)
{
  if (renameat2 (dir, spare, dir, name, RENAME_EXCHANGE) == 0)
    return 0;
  if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
    return -1;
  return renameat (dir, spare, dir, name) == -1 ? -1 : 1;
}

static int
write_blocks (int dir, const char *log, const char *name, const char *blocks,
              size_t size)
{
  char spare[NAME_SIZE];
  int r;

  snprintf (spare, sizeof spare, "%s.lease.spare", log);
  if (write_synced (dir, spare, blocks, size) == -1)
    return -1;
  r = put_in_place (dir, spare, name);
  if (r == 1 && write_synced (dir, spare, blocks, size) == -1)
    msg_warning ("log %s: no room is reserved for its next owner: %s: %m", log,
                 spare);
  return r == -1 ? -1 : fsync (dir);
}

int
lease_file_write (int dir, const char *dir_name, const char *log,
                  const struct lease_record *record,
                  const uint8_t uuid[LEASE_UUID_SIZE])
{
  CLEANUP_FREE char *blocks = NULL;
  char name[NAME_SIZE];
  size_t size;
  int r;

  snprintf (name, sizeof name, "%s.lease", log);
  blocks = to_blocks (record, uuid, &size);
  r = blocks ? write_blocks (dir, log, name, blocks, size) : -1;
  if (r == -1)
    msg_error ("%s/%s: %m", dir_name, name);
  return r;
}
