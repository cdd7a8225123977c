/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "bitset.h"
#include "disk-format.h"
#include "etcd-json.h"
#include "etcd-seat.h"
#include "etcd-store.h"
#include "msg.h"
#include "zero.h"

#define SECTOR 512u
#define PER_BLOCK (DISK_BLOCK / SECTOR)
#define PAGE 4000u /* sectors of one answer */
#define MAX_SIZE (UINT64_C (1) << 30)

struct etcd_store {
  struct log_store store;
  struct etcd *etcd;
  struct etcd_seat *seat; /* NULL: it is only read */
  char log[160];

  uint8_t **block; /* of the log; NULL: zeroes */
  uint64_t nr_blocks;
  struct bitset differs; /* sectors */
  uint64_t stored_size;  /* that etcd is known to have */
  bool size_unsure;
  bool failed; /* the last sync, which was said */
};

static struct etcd_store *
etcd_store (struct log_store *store)
{
  return (struct etcd_store *) store;
}

static int
report (const struct etcd_store *s, const char *operation, const char *why)
{
  int err = errno;

  msg_error ("log %s: etcd: %s: %s", s->log, operation, why);
  errno = err;
  return -1;
}

/* --- in memory --- */

/* Room for so many bytes. */
static int
make_room (struct etcd_store *s, uint64_t size)
{
  uint64_t nr = (size + DISK_BLOCK - 1) / DISK_BLOCK;
  uint8_t **bigger;

  if (nr <= s->nr_blocks)
    return 0;
  if (size > MAX_SIZE) {
    errno = EFBIG;
    return -1;
  }
  if (bitset_resize (&s->differs, nr * PER_BLOCK) == -1)
    return -1;
  bigger = realloc (s->block, nr * sizeof *bigger);
  if (!bigger)
    return -1;
  memset (bigger + s->nr_blocks, 0, (nr - s->nr_blocks) * sizeof *bigger);
  s->block = bigger;
  s->nr_blocks = nr;
  return 0;
}

/* To be written to; NULL with errno. */
static uint8_t *
get_sector (struct etcd_store *s, uint64_t sector)
{
  uint8_t **block = &s->block[sector / PER_BLOCK];

  if (!*block)
    *block = calloc (1, DISK_BLOCK);
  return *block ? *block + sector % PER_BLOCK * SECTOR : NULL;
}

static const uint8_t *
look_at (const struct etcd_store *s, uint64_t sector)
{
  static const uint8_t zeroes[SECTOR];
  const uint8_t *block = s->block[sector / PER_BLOCK];

  return block ? block + sector % PER_BLOCK * SECTOR : zeroes;
}

/* --- loading --- */

/* The number behind PREFIX/LOG/b/. */
static bool
sector_of_key (const char *key, size_t prefix_len, uint64_t *sector)
{
  const char *hex = key + prefix_len;
  char *end;

  if (strlen (key) != prefix_len + 8 || strspn (hex, "0123456789abcdef") != 8)
    return false;
  *sector = strtoull (hex, &end, 16);
  return *end == '\0';
}

static int
load_sector (struct etcd_store *s, const struct etcd_kv *kv, size_t prefix_len)
{
  uint8_t *to;
  uint64_t sector;

  errno = EUCLEAN;
  if (kv->len != SECTOR || !sector_of_key (kv->key, prefix_len, &sector) ||
      sector >= s->nr_blocks * PER_BLOCK)
    return report (s, kv->key, "makes no sense");
  to = get_sector (s, sector);
  if (!to)
    return report (s, "load", strerror (errno));
  memcpy (to, kv->value, SECTOR);
  return 0;
}

/* Those of one answer; next: where the next one goes on. */
static int
load_page (struct etcd_store *s, struct json_object *range, size_t prefix_len,
           char next[ETCD_KEY_SIZE])
{
  size_t nr = etcd_nr_kvs (range);
  struct etcd_kv kv;
  int r = 0;

  for (size_t i = 0; i < nr && r == 0; ++i) {
    if (etcd_kv_get (range, i, &kv) != 1)
      return report (s, "load", "the answer makes no sense");
    r = load_sector (s, &kv, prefix_len);
    if (r == 0 && i + 1 == nr)
      etcd_end_of_prefix (kv.key, next);
    etcd_kv_free (&kv);
  }
  return r;
}

/* All of one revision: a log that is only read may be changed meanwhile. */
static int
load_sectors (struct etcd_store *s, struct etcd_conn *c, int64_t revision)
{
  char from[ETCD_KEY_SIZE], end[ETCD_KEY_SIZE];
  struct json_object *request, *range;
  size_t prefix_len;
  bool more = true;
  int r = 0;

  etcd_key (s->etcd, s->log, "b/", from);
  prefix_len = strlen (from);
  etcd_end_of_prefix (from, end);
  while (more && r == 0) {
    request = etcd_range (from, end, PAGE, revision, false);
    range = etcd_ask (c, "kv/range", request);
    json_object_put (request);
    if (!range)
      return report (s, "load", etcd_error (c));
    r = load_page (s, range, prefix_len, from);
    more = etcd_has_more (range) && etcd_nr_kvs (range) > 0;
    json_object_put (range);
  }
  return r;
}

static int
read_size (struct etcd_store *s, struct json_object *range)
{
  struct etcd_kv kv;
  char *end;
  int r = etcd_kv_get (range, 0, &kv);

  if (r <= 0)
    return r;
  s->stored_size = strtoull (kv.value, &end, 10);
  errno = EUCLEAN;
  if (kv.len == 0 || *end || s->stored_size > MAX_SIZE)
    r = -1;
  etcd_kv_free (&kv);
  s->store.size = s->stored_size;
  return r;
}

static int
load (struct etcd_store *s, struct etcd_conn *c)
{
  char key[ETCD_KEY_SIZE];
  struct json_object *request, *range;
  int64_t revision;
  int r;

  etcd_key (s->etcd, s->log, "size", key);
  request = etcd_range (key, NULL, 0, 0, false);
  range = etcd_ask (c, "kv/range", request);
  json_object_put (request);
  if (!range)
    return report (s, "load", etcd_error (c));
  r = read_size (s, range);
  revision = etcd_revision (range);
  json_object_put (range);
  if (r == -1)
    return report (s, key, "makes no sense");
  if (r == 0)
    return 0;
  if (make_room (s, s->store.size) == -1)
    return report (s, "load", strerror (errno));
  return load_sectors (s, c, revision);
}

/* --- the store --- */

static int
store_read (struct log_store *store, void *buf, size_t count, uint64_t offset)
{
  const struct etcd_store *s = etcd_store (store);
  uint8_t *to = buf;

  for (size_t i = 0; i < count; i += SECTOR)
    memcpy (to + i, look_at (s, (offset + i) / SECTOR), SECTOR);
  return 0;
}

static int
write_sector (struct etcd_store *s, uint64_t sector, const uint8_t *data)
{
  uint8_t *to;

  if (memcmp (look_at (s, sector), data, SECTOR) == 0)
    return 0;
  to = get_sector (s, sector);
  if (!to)
    return -1;
  memcpy (to, data, SECTOR);
  bitset_set (&s->differs, sector);
  return 0;
}

static int
store_write (struct log_store *store, const void *buf, size_t count,
             uint64_t offset)
{
  struct etcd_store *s = etcd_store (store);
  const uint8_t *from = buf;

  if (make_room (s, offset + count) == -1)
    return -1;
  if (offset + count > store->size)
    store->size = offset + count;
  for (size_t i = 0; i < count; i += SECTOR)
    if (write_sector (s, (offset + i) / SECTOR, from + i) == -1)
      return -1;
  return 0;
}

static void
add_sector (const struct etcd_store *s, struct json_object *operations,
            uint64_t sector)
{
  const uint8_t *data = look_at (s, sector);
  char key[ETCD_KEY_SIZE], what[24];

  snprintf (what, sizeof what, "b/%08" PRIx64, sector);
  etcd_key (s->etcd, s->log, what, key);
  json_object_array_add (operations, is_zero (data, SECTOR)
                                       ? etcd_delete (key)
                                       : etcd_put (key, data, SECTOR, 0));
}

static void
add_size (struct etcd_store *s, struct json_object *operations)
{
  char key[ETCD_KEY_SIZE], text[24];

  if (!s->size_unsure && s->store.size == s->stored_size)
    return;
  s->size_unsure = true;
  snprintf (text, sizeof text, "%" PRIu64, s->store.size);
  etcd_key (s->etcd, s->log, "size", key);
  json_object_array_add (operations, etcd_put (key, text, strlen (text), 0));
}

static void
is_stored (struct etcd_store *s, uint64_t from, uint64_t end)
{
  bitset_clear_range (&s->differs, from, end - from);
  s->stored_size = s->store.size;
  s->size_unsure = false;
}

/* It is tried again, maybe for long. */
static int
write_failed (struct etcd_store *s)
{
  if (!s->failed)
    report (s, "write", etcd_seat_error (s->seat));
  s->failed = true;
  return -1;
}

static int
store_sync (struct log_store *store)
{
  struct etcd_store *s = etcd_store (store);
  uint64_t from = 0, at;
  struct json_object *operations;

  do {
    operations = json_object_new_array ();
    add_size (s, operations);
    for (at = bitset_next_set (&s->differs, from);
         at < s->differs.nr &&
         json_object_array_length (operations) < ETCD_MAX_CHANGES;
         at = bitset_next_set (&s->differs, at + 1))
      add_sector (s, operations, at);
    if (json_object_array_length (operations) == 0) {
      json_object_put (operations);
      return 0;
    }
    if (etcd_seat_change (s->seat, operations) == -1)
      return write_failed (s);
    s->failed = false;
    is_stored (s, from, at);
    from = at;
  } while (at < s->differs.nr);
  return 0;
}

static int
store_create (struct log_store *store)
{
  (void) store;
  return 0;
}

static int
store_extend (struct log_store *store, uint64_t size)
{
  if (make_room (etcd_store (store), size) == -1)
    return -1;
  if (size > store->size)
    store->size = size;
  return 0;
}

static void
store_close (struct log_store *store)
{
  struct etcd_store *s = etcd_store (store);

  for (uint64_t i = 0; i < s->nr_blocks; ++i)
    free (s->block[i]);
  free (s->block);
  bitset_free (&s->differs);
  free (s);
}

static const struct log_store_ops etcd_store_ops = {
  .read = store_read,
  .write = store_write,
  .sync = store_sync,
  .create = store_create,
  .create_done = store_create,
  .extend = store_extend,
  .close = store_close,
};

struct log_store *
etcd_store_open (struct etcd_conn *c, const char *log, struct etcd_seat *seat)
{
  struct etcd_store *s = calloc (1, sizeof *s);

  if (!s) {
    msg_error ("log %s: %m", log);
    return NULL;
  }
  s->store.ops = &etcd_store_ops;
  s->etcd = etcd_of (c);
  s->seat = seat;
  snprintf (s->log, sizeof s->log, "%s", log);
  if (load (s, c) == 0)
    return &s->store;
  store_close (&s->store);
  return NULL;
}
