/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base64.h"
#include "cleanup.h"
#include "etcd-json.h"
#include "fake-etcd.h"

#define MAX_KEYS 4096
#define MAX_LATE 16

struct entry {
  char *key, *value;
  size_t len;
  int64_t created, lease;
};

/* All protected by lock; entries in order. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[MAX_KEYS];
static unsigned nr_entries, nr_txns, fate_times, nr_late;
static int64_t revision, last_lease, lease_seconds;
static bool leases[64], muted, ignoring;
static enum fake_fate fate;
static struct json_object *late[MAX_LATE];

/* --- keys --- */

static char *
text_of (struct json_object *obj, const char *name, size_t *len)
{
  struct json_object *value = etcd_member (obj, name);
  char *text =
    base64_decode (value ? json_object_get_string (value) : "", len);

  assert (text);
  return text;
}

static unsigned
place_of (const char *key)
{
  unsigned i = 0;

  while (i < nr_entries && strcmp (entries[i].key, key) < 0)
    ++i;
  return i;
}

static struct entry *
find (const char *key)
{
  unsigned i = place_of (key);

  return i < nr_entries && strcmp (entries[i].key, key) == 0 ? &entries[i]
                                                             : NULL;
}

/* Takes both over. */
static void
put (char *key, char *value, size_t len, int64_t lease)
{
  struct entry *e = find (key);
  unsigned i = place_of (key);

  if (e) {
    free (key);
    free (e->value);
  }
  else {
    assert (nr_entries < MAX_KEYS);
    memmove (&entries[i + 1], &entries[i],
             (nr_entries - i) * sizeof entries[0]);
    nr_entries++;
    e = &entries[i];
    e->key = key;
    e->created = revision;
  }
  e->value = value;
  e->len = len;
  e->lease = lease;
}

static void
delete_at (unsigned i)
{
  free (entries[i].key);
  free (entries[i].value);
  nr_entries--;
  memmove (&entries[i], &entries[i + 1], (nr_entries - i) * sizeof entries[0]);
}

/* --- operations --- */

static void
add_text (struct json_object *obj, const char *name, const void *data,
          size_t len)
{
  char *text = base64_encode (data, len);

  json_object_object_add (obj, name, json_object_new_string (text));
  free (text);
}

static void
add_number (struct json_object *obj, const char *name, int64_t number)
{
  char text[24];

  snprintf (text, sizeof text, "%lld", (long long) number);
  json_object_object_add (obj, name, json_object_new_string (text));
}

static struct json_object *
entry_to_json (const struct entry *e, bool keys_only)
{
  struct json_object *kv = json_object_new_object ();

  add_text (kv, "key", e->key, strlen (e->key));
  if (!keys_only)
    add_text (kv, "value", e->value, e->len);
  add_number (kv, "create_revision", e->created);
  add_number (kv, "lease", e->lease);
  return kv;
}

/* [key, range_end), or the key alone. */
static bool
is_in (const char *key, const char *from, const char *end)
{
  return end[0] ? strcmp (key, from) >= 0 && strcmp (key, end) < 0
                : strcmp (key, from) == 0;
}

static struct json_object *
range (struct json_object *request)
{
  size_t len;
  char *from = text_of (request, "key", &len);
  char *end = text_of (request, "range_end", &len);
  int64_t limit = etcd_number (request, "limit"), nr = 0;
  struct json_object *answer = json_object_new_object ();
  struct json_object *header = json_object_new_object ();
  struct json_object *kvs = json_object_new_array ();

  add_number (header, "revision", revision);
  json_object_object_add (answer, "header", header);
  for (unsigned i = 0; i < nr_entries; ++i)
    if (is_in (entries[i].key, from, end) && (limit == 0 || nr++ < limit))
      json_object_array_add (kvs, entry_to_json (&entries[i],
                                                 etcd_member (request,
                                                              "keys_only")));
  if (nr > limit)
    json_object_object_add (answer, "more", json_object_new_boolean (1));
  json_object_object_add (answer, "kvs", kvs);
  free (from);
  free (end);
  return answer;
}

static void
delete_range (struct json_object *request)
{
  size_t len;
  char *from = text_of (request, "key", &len);
  char *end = text_of (request, "range_end", &len);

  for (unsigned i = 0; i < nr_entries;)
    if (is_in (entries[i].key, from, end))
      delete_at (i);
    else
      ++i;
  free (from);
  free (end);
}

static struct json_object *
operate (struct json_object *operation)
{
  struct json_object *answer = json_object_new_object (), *request;
  size_t key_len, len;

  if ((request = etcd_member (operation, "request_put"))) {
    char *key = text_of (request, "key", &key_len);
    char *value = text_of (request, "value", &len);

    put (key, value, len, etcd_number (request, "lease"));
  }
  else if ((request = etcd_member (operation, "request_delete_range")))
    delete_range (request);
  else if ((request = etcd_member (operation, "request_range")))
    json_object_object_add (answer, "response_range", range (request));
  else
    assert (!"an operation that is known");
  return answer;
}

static bool
holds (struct json_object *compare)
{
  const char *target =
    json_object_get_string (etcd_member (compare, "target"));
  size_t key_len, len;
  char *key = text_of (compare, "key", &key_len);
  struct entry *e = find (key);
  bool same;

  if (strcmp (target, "CREATE") == 0)
    same = (e ? e->created : 0) == etcd_number (compare, "create_revision");
  else {
    char *value = text_of (compare, "value", &len);

    assert (strcmp (target, "VALUE") == 0);
    same = e && e->len == len && memcmp (e->value, value, len) == 0;
    free (value);
  }
  free (key);
  return same || ignoring;
}

static struct json_object *
txn (struct json_object *request)
{
  struct json_object *answer = json_object_new_object ();
  struct json_object *responses = json_object_new_array ();
  struct json_object *compare = etcd_member (request, "compare"), *list;
  bool ok = true;

  for (size_t i = 0; compare && i < json_object_array_length (compare); ++i)
    ok = holds (json_object_array_get_idx (compare, i)) && ok;
  list = etcd_member (request, ok ? "success" : "failure");
  revision++;
  nr_txns++;
  for (size_t i = 0; list && i < json_object_array_length (list); ++i)
    json_object_array_add (responses,
                           operate (json_object_array_get_idx (list, i)));
  if (ok)
    json_object_object_add (answer, "succeeded", json_object_new_boolean (1));
  json_object_object_add (answer, "responses", responses);
  return answer;
}

/* --- leases --- */

static struct json_object *
lease_answer (int64_t lease, int64_t seconds)
{
  struct json_object *answer = json_object_new_object ();

  add_number (answer, "ID", lease);
  if (seconds)
    add_number (answer, "TTL", seconds);
  return answer;
}

static void
end_lease (int64_t lease)
{
  leases[lease] = false;
  for (unsigned i = 0; i < nr_entries;)
    if (entries[i].lease == lease)
      delete_at (i);
    else
      ++i;
}

static struct json_object *
keep_alive (struct json_object *request)
{
  int64_t lease = etcd_number (request, "ID");
  struct json_object *answer = json_object_new_object ();

  json_object_object_add (answer, "result",
                          lease_answer (lease,
                                        leases[lease] ? lease_seconds : 0));
  return answer;
}

static struct json_object *
grant (struct json_object *request)
{
  lease_seconds = etcd_number (request, "TTL");
  leases[++last_lease] = true;
  return lease_answer (last_lease, lease_seconds);
}

/* --- the transport --- */

static struct json_object *
run (const char *path, struct json_object *request)
{
  if (strcmp (path, "kv/txn") == 0)
    return txn (request);
  if (strcmp (path, "kv/range") == 0)
    return range (request);
  if (strcmp (path, "lease/grant") == 0)
    return grant (request);
  if (strcmp (path, "lease/keepalive") == 0)
    return keep_alive (request);
  assert (strcmp (path, "lease/revoke") == 0);
  end_lease (etcd_number (request, "ID"));
  return json_object_new_object ();
}

static int
no_space (struct buffer *answer)
{
  static const char text[] =
    "{\"error\":\"etcdserver: mvcc: database space exceeded\",\"code\":8}";

  assert (buffer_append (answer, text, sizeof text - 1) == 0);
  return 429;
}

/* Its fate; a late one is kept. */
static enum fake_fate
fate_of (const char *path, struct json_object *request)
{
  if (muted)
    return FATE_LOST;
  if (strcmp (path, "kv/txn") != 0 || fate_times == 0)
    return FATE_DONE;
  fate_times--;
  if (fate == FATE_LATE) {
    assert (nr_late < MAX_LATE);
    late[nr_late++] = json_object_get (request);
  }
  return fate;
}

static int
answer_now (struct json_object *result, struct buffer *answer)
{
  const char *text = json_object_to_json_string (result);

  assert (buffer_append (answer, text, strlen (text)) == 0);
  json_object_put (result);
  return 200;
}

static int
fake_post (void *handle, const char *member, const char *path,
           const char *token, const char *body, size_t len, long timeout_ms,
           struct buffer *answer, char *error)
{
  struct json_object *request = json_tokener_parse (body), *result;
  CLEANUP_LOCK (&lock);
  enum fake_fate what = fate_of (path, request);
  int status = -1;

  (void) handle;
  (void) member;
  (void) token;
  (void) len;
  (void) timeout_ms;
  snprintf (error, ETCD_ERROR_SIZE, "no answer");
  if (what == FATE_NO_SPACE)
    status = no_space (answer);
  else if (what == FATE_DONE || what == FATE_UNHEARD) {
    result = run (path, request);
    if (what == FATE_DONE)
      status = answer_now (result, answer);
    else
      json_object_put (result);
  }
  json_object_put (request);
  return status;
}

static void *
fake_open (const struct etcd_options *options)
{
  (void) options;
  return &lock;
}

static void
fake_close (void *handle)
{
  (void) handle;
}

const struct etcd_transport fake_etcd = {
  .open = fake_open,
  .close = fake_close,
  .post = fake_post,
};

/* --- for tests --- */

void
fake_etcd_reset (void)
{
  CLEANUP_LOCK (&lock);

  while (nr_entries > 0)
    delete_at (0);
  while (nr_late > 0)
    json_object_put (late[--nr_late]);
  memset (leases, 0, sizeof leases);
  fate_times = nr_txns = 0;
  last_lease = revision = 0;
  muted = ignoring = false;
}

void
fake_etcd_fate (enum fake_fate what, unsigned times)
{
  CLEANUP_LOCK (&lock);

  fate = what;
  fate_times = times;
}

void
fake_etcd_mute (bool mute)
{
  CLEANUP_LOCK (&lock);

  muted = mute;
}

unsigned
fake_etcd_deliver (void)
{
  CLEANUP_LOCK (&lock);
  unsigned made = 0;

  for (unsigned i = 0; i < nr_late; ++i) {
    struct json_object *answer = txn (late[i]);

    made += etcd_succeeded (answer);
    json_object_put (answer);
    json_object_put (late[i]);
  }
  nr_late = 0;
  return made;
}

void
fake_etcd_ignore_compares (bool ignore)
{
  CLEANUP_LOCK (&lock);

  ignoring = ignore;
}

void
fake_etcd_end_lease (int64_t lease)
{
  CLEANUP_LOCK (&lock);

  end_lease (lease);
}

int
fake_etcd_value (const char *key, char *value, size_t size)
{
  CLEANUP_LOCK (&lock);
  struct entry *e = find (key);

  if (!e)
    return -1;
  snprintf (value, size, "%s", e->value);
  return (int) e->len;
}

unsigned
fake_etcd_count (const char *prefix)
{
  CLEANUP_LOCK (&lock);
  unsigned nr = 0;

  for (unsigned i = 0; i < nr_entries; ++i)
    nr += strncmp (entries[i].key, prefix, strlen (prefix)) == 0;
  return nr;
}

void
fake_etcd_set (const char *key, const char *value)
{
  CLEANUP_LOCK (&lock);

  revision++;
  put (strdup (key), strdup (value), strlen (value), 0);
}

unsigned
fake_etcd_txns (void)
{
  CLEANUP_LOCK (&lock);

  return nr_txns;
}
