/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base64.h"
#include "etcd-json.h"

/* --- building --- */

static void
add_bytes (struct json_object *obj, const char *name, const void *data,
           size_t len)
{
  char *text = base64_encode (data, len);

  json_object_object_add (obj, name,
                          json_object_new_string (text ? text : ""));
  free (text);
}

static void
add_text (struct json_object *obj, const char *name, const char *text)
{
  add_bytes (obj, name, text, strlen (text));
}

static void
add_number (struct json_object *obj, const char *name, int64_t number)
{
  char text[24];

  snprintf (text, sizeof text, "%" PRId64, number);
  json_object_object_add (obj, name, json_object_new_string (text));
}

static struct json_object *
wrap (const char *name, struct json_object *inner)
{
  struct json_object *obj = json_object_new_object ();

  json_object_object_add (obj, name, inner);
  return obj;
}

static struct json_object *
with_key (const char *key)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "key", key);
  return obj;
}

struct json_object *
etcd_put (const char *key, const void *value, size_t len, int64_t lease)
{
  struct json_object *put = with_key (key);

  add_bytes (put, "value", value, len);
  if (lease)
    add_number (put, "lease", lease);
  return wrap ("request_put", put);
}

struct json_object *
etcd_delete (const char *key)
{
  return wrap ("request_delete_range", with_key (key));
}

struct json_object *
etcd_delete_below (const char *prefix)
{
  struct json_object *del = with_key (prefix);
  char *end = strdup (prefix);

  if (end) {
    etcd_end_of_prefix (prefix, end);
    add_text (del, "range_end", end);
  }
  free (end);
  return wrap ("request_delete_range", del);
}

struct json_object *
etcd_get (const char *key)
{
  return wrap ("request_range", with_key (key));
}

struct json_object *
etcd_if_created (const char *key, int64_t revision)
{
  struct json_object *compare = with_key (key);

  json_object_object_add (compare, "target",
                          json_object_new_string ("CREATE"));
  add_number (compare, "create_revision", revision);
  return compare;
}

struct json_object *
etcd_if_value (const char *key, const char *value)
{
  struct json_object *compare = with_key (key);

  json_object_object_add (compare, "target", json_object_new_string ("VALUE"));
  add_text (compare, "value", value);
  return compare;
}

struct json_object *
etcd_guard (const char *server_key, int64_t revision, const char *number_key,
            const char *value)
{
  struct json_object *guard = json_object_new_array ();

  json_object_array_add (guard, etcd_if_created (server_key, revision));
  json_object_array_add (guard, value ? etcd_if_value (number_key, value)
                                      : etcd_if_created (number_key, 0));
  return guard;
}

struct json_object *
etcd_txn (struct json_object *compare, struct json_object *success,
          struct json_object *failure)
{
  struct json_object *txn = json_object_new_object ();

  if (compare)
    json_object_object_add (txn, "compare", compare);
  if (success)
    json_object_object_add (txn, "success", success);
  if (failure)
    json_object_object_add (txn, "failure", failure);
  return txn;
}

struct json_object *
etcd_range (const char *from, const char *end, unsigned limit,
            int64_t revision, bool keys_only)
{
  struct json_object *range = with_key (from);

  if (end)
    add_text (range, "range_end", end);
  if (limit)
    add_number (range, "limit", limit);
  if (revision)
    add_number (range, "revision", revision);
  if (keys_only)
    json_object_object_add (range, "keys_only", json_object_new_boolean (1));
  return range;
}

/* No prefix of ours ends with a byte of 255. */
void
etcd_end_of_prefix (const char *prefix, char *buf)
{
  size_t len = strlen (prefix);

  memmove (buf, prefix, len + 1);
  if (len > 0)
    buf[len - 1]++;
}

/* --- reading --- */

struct json_object *
etcd_member (struct json_object *obj, const char *name)
{
  struct json_object *value;

  if (!obj || !json_object_is_type (obj, json_type_object) ||
      !json_object_object_get_ex (obj, name, &value))
    return NULL;
  return value;
}

int64_t
etcd_number (struct json_object *obj, const char *name)
{
  struct json_object *value = etcd_member (obj, name);

  return value ? json_object_get_int64 (value) : 0;
}

static bool
is_true (struct json_object *obj, const char *name)
{
  struct json_object *value = etcd_member (obj, name);

  return value && json_object_is_type (value, json_type_boolean) &&
         json_object_get_boolean (value);
}

bool
etcd_succeeded (struct json_object *answer)
{
  return is_true (answer, "succeeded");
}

static struct json_object *
nth_of (struct json_object *obj, const char *name, size_t nth)
{
  struct json_object *array = etcd_member (obj, name);

  if (!array || !json_object_is_type (array, json_type_array) ||
      nth >= json_object_array_length (array))
    return NULL;
  return json_object_array_get_idx (array, nth);
}

struct json_object *
etcd_got (struct json_object *answer, size_t nth)
{
  return etcd_member (nth_of (answer, "responses", nth), "response_range");
}

int64_t
etcd_revision (struct json_object *range)
{
  return etcd_number (etcd_member (range, "header"), "revision");
}

bool
etcd_has_more (struct json_object *range)
{
  return is_true (range, "more");
}

size_t
etcd_nr_kvs (struct json_object *range)
{
  struct json_object *kvs = etcd_member (range, "kvs");

  return kvs && json_object_is_type (kvs, json_type_array)
           ? json_object_array_length (kvs)
           : 0;
}

/* An empty one is left out. */
static char *
get_bytes (struct json_object *obj, const char *name, size_t *len)
{
  struct json_object *value = etcd_member (obj, name);

  return base64_decode (value ? json_object_get_string (value) : "", len);
}

int
etcd_kv_get (struct json_object *range, size_t nth, struct etcd_kv *kv)
{
  struct json_object *obj = nth_of (range, "kvs", nth);

  *kv = (struct etcd_kv){.key = NULL};
  if (!obj)
    return 0;
  kv->key = get_bytes (obj, "key", &kv->key_len);
  kv->value = get_bytes (obj, "value", &kv->len);
  if (!kv->key || !kv->value) {
    etcd_kv_free (kv);
    return -1;
  }
  kv->create_revision = etcd_number (obj, "create_revision");
  kv->lease = etcd_number (obj, "lease");
  return 1;
}

void
etcd_kv_free (struct etcd_kv *kv)
{
  int err = errno;

  free (kv->key);
  free (kv->value);
  kv->key = kv->value = NULL;
  errno = err;
}
