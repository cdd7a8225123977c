/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "deadline.h"
#include "full-io.h"
#include "lease-file.h"
#include "msg.h"

#define FILE_VERSION 1
#define MAX_FILE 4096
#define MAX_DEPTH 4
#define MAX_LENGTH_MS INT64_C (86400000)

/* NAME.lease.spare */
#define NAME_SIZE (PROTO_MAX_NAME + 16)

/* Files are whole blocks of this size, so that what is written next does not
 * need more of them than what was there.
 */
#define FILE_BLOCK 1024u

/* --- reading --- */

static struct json_object *
member (struct json_object *obj, const char *name, enum json_type type)
{
  struct json_object *value;

  if (!json_object_object_get_ex (obj, name, &value) ||
      !json_object_is_type (value, type))
    return NULL;
  return value;
}

static bool
get_number (struct json_object *obj, const char *name, uint64_t max,
            uint64_t *number)
{
  struct json_object *value = member (obj, name, json_type_int);

  if (!value || json_object_get_int64 (value) < 0)
    return false;
  *number = json_object_get_uint64 (value);
  return *number <= max;
}

static bool
get_string (struct json_object *obj, const char *name, char *buf, size_t size)
{
  struct json_object *value = member (obj, name, json_type_string);

  if (!value || (size_t) json_object_get_string_len (value) >= size)
    return false;
  snprintf (buf, size, "%s", json_object_get_string (value));
  return true;
}

static int
hex_digit (char c)
{
  const char *digits = "0123456789abcdef", *p = strchr (digits, c);

  return c != '\0' && p ? (int) (p - digits) : -1;
}

static bool
get_id (struct json_object *obj, const char *name, uint8_t id[PROTO_ID_SIZE])
{
  char hex[2 * PROTO_ID_SIZE + 1];

  if (!get_string (obj, name, hex, sizeof hex) ||
      strlen (hex) != 2 * PROTO_ID_SIZE)
    return false;
  for (size_t i = 0; i < PROTO_ID_SIZE; ++i) {
    int high = hex_digit (hex[2 * i]), low = hex_digit (hex[2 * i + 1]);

    if (high < 0 || low < 0)
      return false;
    id[i] = (uint8_t) (high << 4 | low);
  }
  return true;
}

static bool
from_json (struct json_object *obj, struct lease_record *record)
{
  struct lease_holder *holder = &record->holder;
  struct json_object *detached;
  uint64_t version, pid, ms;

  if (!json_object_is_type (obj, json_type_object) ||
      !get_number (obj, "version", FILE_VERSION, &version) ||
      version != FILE_VERSION ||
      !get_number (obj, "epoch", INT64_MAX, &record->epoch) ||
      !get_number (obj, "lease_ms", MAX_LENGTH_MS, &ms) ||
      !get_number (obj, "pid", UINT32_MAX, &pid) ||
      !get_id (obj, "session", holder->session) ||
      !get_string (obj, "host", holder->host, sizeof holder->host) ||
      !get_string (obj, "address", holder->address, sizeof holder->address))
    return false;
  detached = member (obj, "detached", json_type_boolean);
  if (!detached)
    return false;
  record->held = !json_object_get_boolean (detached);
  record->length = ms * NSEC_PER_MSEC;
  holder->pid = (uint32_t) pid;
  return true;
}

/* Nothing but space may follow. */
static struct json_object *
parse (const char *text, size_t len)
{
  struct json_tokener *tok = json_tokener_new_ex (MAX_DEPTH);
  struct json_object *obj;

  if (!tok)
    return NULL;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  obj = json_tokener_parse_ex (tok, text, (int) len);
  if (obj && strspn (text + json_tokener_get_parse_end (tok), " \n") !=
               len - json_tokener_get_parse_end (tok)) {
    json_object_put (obj);
    obj = NULL;
  }
  json_tokener_free (tok);
  return obj;
}

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
  struct json_object *obj;
  ssize_t len;
  bool ok;

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
  obj = parse (text, (size_t) len);
  ok = from_json (obj, record);
  json_object_put (obj);
  return ok ? 1 : damaged (dir_name, name);
}

/* --- writing --- */

static void
add_id (struct json_object *obj, const char *name, const uint8_t *id)
{
  char hex[2 * PROTO_ID_SIZE + 1];

  for (size_t i = 0; i < PROTO_ID_SIZE; ++i)
    snprintf (hex + 2 * i, 3, "%02x", id[i]);
  json_object_object_add (obj, name, json_object_new_string (hex));
}

static void
add_number (struct json_object *obj, const char *name, uint64_t number)
{
  json_object_object_add (obj, name, json_object_new_uint64 (number));
}

static struct json_object *
to_json (const struct lease_record *record, const uint8_t *uuid)
{
  const struct lease_holder *holder = &record->holder;
  struct json_object *obj = json_object_new_object ();

  add_number (obj, "version", FILE_VERSION);
  add_number (obj, "epoch", record->epoch);
  json_object_object_add (obj, "detached",
                          json_object_new_boolean (!record->held));
  add_id (obj, "session", holder->session);
  json_object_object_add (obj, "host", json_object_new_string (holder->host));
  add_number (obj, "pid", holder->pid);
  json_object_object_add (obj, "address",
                          json_object_new_string (holder->address));
  add_number (obj, "lease_ms", record->length / NSEC_PER_MSEC);
  add_id (obj, "uuid", uuid);
  return obj;
}

/* With space behind it, up to a whole block, and a newline.  To be freed by the
 * caller; NULL with errno.
 */
static char *
to_blocks (struct json_object *obj, size_t *size)
{
  const char *text =
    json_object_to_json_string_ext (obj, JSON_C_TO_STRING_PRETTY);
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
  struct json_object *obj = to_json (record, uuid);
  CLEANUP_FREE char *blocks = NULL;
  char name[NAME_SIZE];
  size_t size;
  int r, err;

  snprintf (name, sizeof name, "%s.lease", log);
  blocks = to_blocks (obj, &size);
  r = blocks ? write_blocks (dir, log, name, blocks, size) : -1;
  if (r == -1)
    msg_error ("%s/%s: %m", dir_name, name);
  err = errno;
  json_object_put (obj);
  errno = err;
  return r;
}
