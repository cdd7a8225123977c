/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said to etcd, and what it answers, as the JSON of its gateway: keys
 * and values are base64, and large integers are strings.
 *
 * Functions that return a new object give it to the caller, those that take
 * an operation or comparison take it over.  json-c ends the process when
 * there is no memory.
 */

#ifndef NBDMIRROR_LOG_ETCD_JSON_H
#define NBDMIRROR_LOG_ETCD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* --- operations of a transaction --- */

/* lease 0: none. */
struct json_object *etcd_put (const char *key, const void *value, size_t len,
                              int64_t lease);
struct json_object *etcd_delete (const char *key);
struct json_object *etcd_delete_below (const char *prefix);
struct json_object *etcd_get (const char *key);

/* --- comparisons --- */

/* revision 0: there is no such key. */
struct json_object *etcd_if_created (const char *key, int64_t revision);
struct json_object *etcd_if_value (const char *key, const char *value);

/* What every change of a log hangs on: this server still has the log, and
 * nothing was written since that it does not know of (value NULL: nothing ever
 * was).  An array for etcd_txn.
 */
struct json_object *etcd_guard (const char *server_key, int64_t revision,
                                const char *number_key, const char *value);

/* --- requests --- */

/* Arrays, each may be NULL. */
struct json_object *etcd_txn (struct json_object *compare,
                              struct json_object *success,
                              struct json_object *failure);

/* Of /v3/kv/range: [from, end) in order, limit 0: all; revision 0: now. */
struct json_object *etcd_range (const char *from, const char *end,
                                unsigned limit, int64_t revision,
                                bool keys_only);

/* The key behind all that begin so; buf has len + 1 bytes. */
void etcd_end_of_prefix (const char *prefix, char *buf);

/* --- answers --- */

/* A number, also as a string; 0 if it is not there or is none. */
int64_t etcd_number (struct json_object *obj, const char *name);

/* An object in it, or NULL. */
struct json_object *etcd_member (struct json_object *obj, const char *name);

/* The answer to a txn: its comparisons held, and what the nth operation of
 * those done, a get, found (NULL: it is no answer to a get).
 */
bool etcd_succeeded (struct json_object *answer);
struct json_object *etcd_got (struct json_object *answer, size_t nth);

/* Of a range. */
int64_t etcd_revision (struct json_object *range);
bool etcd_has_more (struct json_object *range);
size_t etcd_nr_kvs (struct json_object *range);

/* A key and its value, each with a NUL behind it that does not count. */
struct etcd_kv {
  char *key, *value;
  size_t key_len, len;
  int64_t create_revision, lease;
};

/* 1, 0 (there are not so many), or -1 with errno (EPROTO, ENOMEM). */
int etcd_kv_get (struct json_object *range, size_t nth, struct etcd_kv *kv);
void etcd_kv_free (struct etcd_kv *kv);

#endif /* NBDMIRROR_LOG_ETCD_JSON_H */
