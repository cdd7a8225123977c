/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "byte-order.h"
#include "cleanup.h"
#include "full-io.h"
#include "scrub-keep.h"

#define MAGIC "nbdmirrS"
#define FORMAT_VERSION 1

enum {
  AT_MAGIC = 0,
  AT_VERSION = 8,
  AT_CRC = 12,
  AT_UUID = 16,
  AT_PHASE = 32,
  AT_REPAIR = 33,
  AT_FROM = 34,
  AT_CUT = 35,
  AT_BEGIN = 40,
  AT_END = 48,
  AT_POSITION = 56,
  AT_RATE = 64,
  AT_FOUND = 72,
  AT_REPAIRED = 80,
  AT_NR_DIFFER = 88,
  AT_NR_UNREAD = 92,
  HEAD_SIZE = 96,
  RANGE_SIZE = 24,
  MAX_SIZE = HEAD_SIZE + 2 * SCRUB_MAX_RANGES * RANGE_SIZE,
};

/* --- encoding --- */

static uint8_t *
put_list (uint8_t *p, const struct scrub_list *list)
{
  for (size_t i = 0; i < list->nr; ++i, p += RANGE_SIZE) {
    put_le64 (p, list->range[i].offset);
    put_le64 (p + 8, list->range[i].length);
    put_le32 (p + 16, list->range[i].groups);
  }
  return p;
}

static uint32_t
crc_of (const uint8_t *buf, size_t len)
{
  return (uint32_t) crc32 (0, buf + AT_UUID, (uInt) (len - AT_UUID));
}

/* buf: MAX_SIZE bytes of zeroes. */
static size_t
encode (uint8_t *buf, const uint8_t uuid[16], const struct scrub_kept *kept)
{
  size_t len;

  memcpy (buf, MAGIC, 8);
  put_le32 (buf + AT_VERSION, FORMAT_VERSION);
  memcpy (buf + AT_UUID, uuid, 16);
  buf[AT_PHASE] = (uint8_t) kept->phase;
  buf[AT_REPAIR] = kept->repair;
  buf[AT_FROM] = (uint8_t) kept->repair_from;
  buf[AT_CUT] = (uint8_t) (kept->differ.cut | kept->unread.cut << 1);
  put_le64 (buf + AT_BEGIN, kept->begin);
  put_le64 (buf + AT_END, kept->end);
  put_le64 (buf + AT_POSITION, kept->position);
  put_le64 (buf + AT_RATE, kept->rate);
  put_le64 (buf + AT_FOUND, kept->found_bytes);
  put_le64 (buf + AT_REPAIRED, kept->repaired_bytes);
  put_le32 (buf + AT_NR_DIFFER, (uint32_t) kept->differ.nr);
  put_le32 (buf + AT_NR_UNREAD, (uint32_t) kept->unread.nr);
  len = (size_t) (put_list (put_list (buf + HEAD_SIZE, &kept->differ),
                            &kept->unread) -
                  buf);
  put_le32 (buf + AT_CRC, crc_of (buf, len));
  return len;
}

/* --- decoding --- */

/* False: they are not in order, or not within the mirror. */
static bool
get_list (const uint8_t **p, struct scrub_list *list, uint64_t size)
{
  uint64_t end = 0;

  for (size_t i = 0; i < list->nr; ++i, *p += RANGE_SIZE) {
    struct scrub_range *r = &list->range[i];

    r->offset = get_le64 (*p);
    r->length = get_le64 (*p + 8);
    r->groups = get_le32 (*p + 16);
    if (r->offset < end || r->offset >= size || r->length == 0 ||
        r->length > size - r->offset)
      return false;
    end = r->offset + r->length;
  }
  return true;
}

static bool
is_whole (const uint8_t *buf, size_t len)
{
  uint64_t nr;

  if (len < HEAD_SIZE || get_le32 (buf + AT_VERSION) != FORMAT_VERSION ||
      get_le32 (buf + AT_CRC) != crc_of (buf, len))
    return false;
  nr =
    (uint64_t) get_le32 (buf + AT_NR_DIFFER) + get_le32 (buf + AT_NR_UNREAD);
  return get_le32 (buf + AT_NR_DIFFER) <= SCRUB_MAX_RANGES &&
         get_le32 (buf + AT_NR_UNREAD) <= SCRUB_MAX_RANGES &&
         len == HEAD_SIZE + nr * RANGE_SIZE;
}

static void
get_head (const uint8_t *buf, struct scrub_kept *kept)
{
  kept->phase = (enum scrub_phase) buf[AT_PHASE];
  kept->repair = buf[AT_REPAIR] != 0;
  kept->repair_from = buf[AT_FROM];
  kept->differ.cut = buf[AT_CUT] & 1;
  kept->unread.cut = buf[AT_CUT] & 2;
  kept->begin = get_le64 (buf + AT_BEGIN);
  kept->end = get_le64 (buf + AT_END);
  kept->position = get_le64 (buf + AT_POSITION);
  kept->rate = get_le64 (buf + AT_RATE);
  kept->found_bytes = get_le64 (buf + AT_FOUND);
  kept->repaired_bytes = get_le64 (buf + AT_REPAIRED);
  kept->differ.nr = get_le32 (buf + AT_NR_DIFFER);
  kept->unread.nr = get_le32 (buf + AT_NR_UNREAD);
}

static bool
head_is_right (const struct scrub_kept *kept, uint64_t size)
{
  return kept->phase <= SCRUB_DONE && kept->begin <= kept->position &&
         kept->position <= kept->end && kept->end <= size &&
         (kept->repair_from < 8 || kept->repair_from == SCRUB_NO_LEG);
}

static bool
decode (const uint8_t *buf, size_t len, const uint8_t uuid[16], uint64_t size,
        struct scrub_kept *kept)
{
  const uint8_t *p = buf + HEAD_SIZE;

  if (!is_whole (buf, len) || memcmp (buf + AT_UUID, uuid, 16) != 0)
    return false;
  get_head (buf, kept);
  return head_is_right (kept, size) && get_list (&p, &kept->differ, size) &&
         get_list (&p, &kept->unread, size);
}

/* --- the file --- */

static int
sync_directory (const char *path)
{
  CLEANUP_FREE char *copy = strdup (path);
  CLEANUP_CLOSE int dir = -1;

  if (!copy)
    return -1;
  dir = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return dir == -1 ? -1 : fsync (dir);
}

static int
write_new (const char *path, const uint8_t *buf, size_t len)
{
  CLEANUP_CLOSE int fd = -1;

  if (unlink (path) == -1 && errno != ENOENT)
    return -1;
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd == -1 || full_pwrite (fd, buf, len, 0) == -1 || fsync (fd) == -1)
    return -1;
  return 0;
}

int
scrub_keep_store (const char *path, const uint8_t uuid[16],
                  const struct scrub_kept *kept)
{
  CLEANUP_FREE uint8_t *buf = calloc (1, MAX_SIZE);
  CLEANUP_FREE char *new_path = NULL;
  size_t len;

  if (!buf || asprintf (&new_path, "%s.new", path) == -1) {
    errno = ENOMEM;
    return -1;
  }
  len = encode (buf, uuid, kept);
  if (write_new (new_path, buf, len) == -1 || rename (new_path, path) == -1)
    return -1;
  return sync_directory (path);
}

/* Its length, at most MAX_SIZE; -1 with errno. */
static ssize_t
read_file (const char *path, uint8_t *buf)
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat st;

  if (fd == -1 || fstat (fd, &st) == -1)
    return -1;
  if (!S_ISREG (st.st_mode)) {
    errno = EINVAL;
    return -1;
  }
  if (st.st_size > MAX_SIZE)
    st.st_size = MAX_SIZE;
  return full_pread (fd, buf, (size_t) st.st_size, 0) == -1
           ? -1
           : (ssize_t) st.st_size;
}

int
scrub_keep_load (const char *path, const uint8_t uuid[16], uint64_t size,
                 struct scrub_kept *kept)
{
  CLEANUP_FREE uint8_t *buf = calloc (1, MAX_SIZE);
  ssize_t len;

  memset (kept, 0, sizeof *kept);
  kept->repair_from = SCRUB_NO_LEG;
  if (!buf)
    return -1;
  len = read_file (path, buf);
  if (len == -1)
    return errno == ENOENT ? 0 : -1;
  if (len < 8 || memcmp (buf, MAGIC, 8) != 0) {
    errno = EEXIST;
    return -1;
  }
  if (decode (buf, (size_t) len, uuid, size, kept))
    return 1;
  memset (kept, 0, sizeof *kept);
  kept->repair_from = SCRUB_NO_LEG;
  return 0;
}
