/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "deadline.h"
#include "depot-etcd.h"
#include "depot.h"
#include "etcd-json.h"
#include "etcd-log.h"
#include "etcd-seat.h"
#include "lease-text.h"
#include "msg.h"

struct etcd_depot {
  struct depot depot;
  struct etcd *etcd;
  struct etcd_conn *lister; /* for list: made by its first use */
};

static struct etcd_depot *
etcd_depot (const struct depot *d)
{
  return (struct etcd_depot *) d;
}

/* The seat of the interface is that of etcd. */
static struct etcd_seat *
seat_of (const struct seat *seat)
{
  return (struct etcd_seat *) seat;
}

/* --- seats --- */

static int
etcd_take (struct depot *d, const char *log, struct seat **seat,
           char server[DEPOT_SERVER_SIZE])
{
  struct etcd_seat *taken;

  if (etcd_seat_take (etcd_depot (d)->etcd, log, &taken, server) == -1)
    return -1;
  *seat = (struct seat *) taken;
  return 0;
}

static int
etcd_look (struct depot *d, const char *log, char server[DEPOT_SERVER_SIZE])
{
  struct etcd_conn *c = etcd_conn_new (etcd_depot (d)->etcd);
  int r = c ? etcd_seat_look (c, log, server) : -1;

  if (!c)
    msg_error ("log %s: %m", log);
  etcd_conn_free (c);
  return r;
}

static void
etcd_leave (struct seat *seat)
{
  etcd_seat_leave (seat_of (seat));
}

static bool
etcd_is_lost (const struct seat *seat)
{
  return etcd_seat_is_lost (seat_of (seat));
}

static bool
etcd_is_valid (const struct seat *seat, uint64_t now)
{
  return etcd_seat_is_valid (seat_of (seat), now);
}

/* --- one log --- */

/* A key of the log.  1, 0 or -1; to be freed if 1. */
static int
get (struct etcd_conn *c, const char *log, const char *what,
     struct etcd_kv *kv)
{
  char key[ETCD_KEY_SIZE];
  struct json_object *request, *range;
  int r;

  etcd_key (etcd_of (c), log, what, key);
  request = etcd_range (key, NULL, 0, 0, false);
  range = etcd_ask (c, "kv/range", request);
  json_object_put (request);
  r = range ? etcd_kv_get (range, 0, kv) : -1;
  if (r == -1)
    msg_error ("log %s: etcd: %s", log,
               range ? "the answer makes no sense" : etcd_error (c));
  json_object_put (range);
  return r;
}

static int
etcd_exists (struct depot *d, struct seat *seat, const char *log)
{
  struct etcd_kv kv;
  int r = get (etcd_seat_conn (seat_of (seat)), log, "size", &kv);

  (void) d;
  if (r == 1)
    etcd_kv_free (&kv);
  return r;
}

static struct dirty_log *
etcd_open_log (struct depot *d, struct seat *seat, const char *log,
               unsigned flags)
{
  struct dirty_log *opened = NULL;
  struct etcd_conn *c;

  if (seat)
    return etcd_log_open (etcd_seat_conn (seat_of (seat)), seat_of (seat), log,
                          flags);
  c = etcd_conn_new (etcd_depot (d)->etcd);
  if (c)
    opened = etcd_log_open (c, NULL, log, flags);
  else
    msg_error ("log %s: %m", log);
  etcd_conn_free (c);
  return opened;
}

static bool
record_of (const struct etcd_kv *kv, struct lease_record *record)
{
  if (lease_from_text (record, kv->value, kv->len))
    return true;
  memset (record, 0, sizeof *record);
  return false;
}

static int
etcd_read_lease (struct depot *d, struct seat *seat, const char *log,
                 struct lease_record *record)
{
  struct etcd_kv kv;
  bool sound;
  int r;

  (void) d;
  memset (record, 0, sizeof *record);
  r = get (etcd_seat_conn (seat_of (seat)), log, "owner", &kv);
  if (r != 1)
    return r;
  sound = record_of (&kv, record);
  if (!sound)
    msg_error ("log %s: etcd: %s: damaged, so it does not say who owns the "
               "log; if no mirror uses the log, delete this key",
               log, kv.key);
  etcd_kv_free (&kv);
  return sound ? 1 : -1;
}

static int
etcd_write_lease (struct depot *d, struct seat *seat, const char *log,
                  const struct lease_record *record, const uint8_t *uuid)
{
  CLEANUP_FREE char *text = lease_to_text (record, uuid);
  struct json_object *operations;
  char key[ETCD_KEY_SIZE];

  if (!text) {
    msg_error ("log %s: %m", log);
    return -1;
  }
  etcd_key (etcd_depot (d)->etcd, log, "owner", key);
  operations = json_object_new_array ();
  json_object_array_add (operations, etcd_put (key, text, strlen (text), 0));
  if (etcd_seat_change (seat_of (seat), operations) == 0)
    return 0;
  msg_error ("log %s: etcd: record its owner: %s", log,
             etcd_seat_error (seat_of (seat)));
  return -1;
}

static int
etcd_remove (struct depot *d, struct seat *seat, const char *log)
{
  (void) d;
  if (etcd_seat_delete (seat_of (seat)) == 0)
    return 0;
  msg_error ("log %s: delete: etcd: %s", log,
             etcd_seat_error (seat_of (seat)));
  return -1;
}

/* --- all logs --- */

typedef int add_fn (void *opaque, const struct depot_entry *entry);

/* What is below one name, in one transaction.  NULL on failure. */
static struct json_object *
ask_one (struct etcd_conn *c, const char *log)
{
  static const char *const names[] = {"size", "owner", "server"};
  struct json_object *gets = json_object_new_array ();
  struct json_object *request, *answer;
  char key[ETCD_KEY_SIZE];

  for (unsigned i = 0; i < 3; ++i) {
    etcd_key (etcd_of (c), log, names[i], key);
    json_object_array_add (gets, etcd_get (key));
  }
  request = etcd_txn (NULL, gets, NULL);
  answer = etcd_ask (c, "kv/txn", request);
  json_object_put (request);
  return answer;
}

static void
read_owner (struct json_object *range, struct depot_entry *entry)
{
  struct etcd_kv kv;

  if (etcd_kv_get (range, 0, &kv) != 1)
    return;
  (void) record_of (&kv, &entry->record);
  etcd_kv_free (&kv);
}

static void
read_server (struct json_object *range, struct depot_entry *entry)
{
  struct etcd_kv kv;

  if (etcd_kv_get (range, 0, &kv) != 1)
    return;
  etcd_server_of (&kv, entry->server);
  etcd_kv_free (&kv);
}

/* If there is a log, or somebody has its seat, who may just make it. */
static int
add_one (struct etcd_conn *c, const char *log, add_fn *add, void *opaque)
{
  struct json_object *answer = ask_one (c, log);
  struct depot_entry entry = {.server = ""};
  int r = 0;

  if (!answer)
    return -1;
  snprintf (entry.name, sizeof entry.name, "%s", log);
  read_owner (etcd_got (answer, 1), &entry);
  read_server (etcd_got (answer, 2), &entry);
  if (etcd_nr_kvs (etcd_got (answer, 0)) > 0 || entry.server[0])
    r = add (opaque, &entry);
  json_object_put (answer);
  return r;
}

/* The name behind the prefix of a key. */
static bool
name_of_key (const struct etcd_kv *kv, size_t prefix_len,
             char name[PROTO_MAX_NAME + 1])
{
  const char *from = kv->key + prefix_len, *slash = strchr (from, '/');
  size_t len = slash ? (size_t) (slash - from) : 0;

  if (!proto_name_ok ((struct proto_str){from, (uint32_t) len}))
    return false;
  memcpy (name, from, len);
  name[len] = '\0';
  return true;
}

/* The first key from here on; next: behind all of its log.  1 if there is
 * one, 0, or -1.
 */
static int
next_name (struct etcd_conn *c, char next[ETCD_KEY_SIZE], const char *end,
           size_t prefix_len, char name[PROTO_MAX_NAME + 1])
{
  struct json_object *request = etcd_range (next, end, 1, 0, true);
  struct json_object *range = etcd_ask (c, "kv/range", request);
  struct etcd_kv kv;
  int r = range ? etcd_kv_get (range, 0, &kv) : -1;

  json_object_put (request);
  json_object_put (range);
  if (r != 1)
    return r;
  if (name_of_key (&kv, prefix_len, name)) {
    char below[ETCD_KEY_SIZE];

    etcd_key (etcd_of (c), name, "", below);
    etcd_end_of_prefix (below, next);
  }
  else {
    name[0] = '\0';
    snprintf (next, ETCD_KEY_SIZE, "%s!", kv.key);
  }
  etcd_kv_free (&kv);
  return 1;
}

static int
list_all (struct etcd_conn *c, add_fn *add, void *opaque)
{
  char next[ETCD_KEY_SIZE], end[ETCD_KEY_SIZE], name[PROTO_MAX_NAME + 1];
  size_t prefix_len;
  int r;

  snprintf (next, sizeof next, "%s/", etcd_options (etcd_of (c))->prefix);
  prefix_len = strlen (next);
  etcd_end_of_prefix (next, end);
  while ((r = next_name (c, next, end, prefix_len, name)) == 1)
    if (name[0] && add_one (c, name, add, opaque) == -1)
      return -1;
  return r;
}

static int
etcd_list (struct depot *d, const char *only, add_fn *add, void *opaque)
{
  struct etcd_depot *e = etcd_depot (d);

  if (!e->lister)
    e->lister = etcd_conn_new (e->etcd);
  if (!e->lister)
    return -1;
  return only[0] ? add_one (e->lister, only, add, opaque)
                 : list_all (e->lister, add, opaque);
}

/* --- status --- */

static void
add_latency (struct json_object *obj, const struct etcd_status *status)
{
  struct json_object *latency = json_object_new_object ();
  struct json_object *buckets = json_object_new_array ();
  unsigned nr = ETCD_NR_LATENCIES;

  while (nr > 0 && status->latency[nr - 1] == 0)
    --nr;
  for (unsigned i = 0; i < nr; ++i)
    json_object_array_add (buckets,
                           json_object_new_uint64 (status->latency[i]));
  json_object_object_add (latency, "count",
                          json_object_new_uint64 (status->requests -
                                                  status->failures));
  json_object_object_add (latency, "sum_us",
                          json_object_new_uint64 (status->latency_sum));
  json_object_object_add (latency, "log2_us", buckets);
  json_object_object_add (obj, "latency", latency);
}

static void
etcd_add_status (const struct depot *d, struct json_object *obj)
{
  struct json_object *etcd = json_object_new_object ();
  struct etcd *e = etcd_depot (d)->etcd;
  struct etcd_status status;
  int64_t left;

  etcd_get_status (e, &status);
  left = status.leased ? status.lease_left / (int64_t) NSEC_PER_MSEC : 0;
  json_object_object_add (etcd, "advertise",
                          json_object_new_string (etcd_options (e)
                                                    ->advertise));
  json_object_object_add (etcd, "lease",
                          json_object_new_string (!status.leased ? "none"
                                                  : left > 0     ? "valid"
                                                                 : "over"));
  json_object_object_add (etcd, "lease_left_ms",
                          json_object_new_int64 (left > 0 ? left : 0));
  json_object_object_add (etcd, "member",
                          json_object_new_string (status.member));
  json_object_object_add (etcd, "requests",
                          json_object_new_uint64 (status.requests));
  json_object_object_add (etcd, "failures",
                          json_object_new_uint64 (status.failures));
  json_object_object_add (etcd, "last_error",
                          json_object_new_string (status.last_error));
  add_latency (etcd, &status);
  json_object_object_add (obj, "etcd", etcd);
}

static void
print_number (FILE *f, const char *prefix, const char *name, const char *type,
              const char *help, double value)
{
  fprintf (f, "# HELP %setcd_%s %s\n# TYPE %setcd_%s %s\n%setcd_%s %.15g\n",
           prefix, name, help, prefix, name, type, prefix, name, value);
}

static void
etcd_print_metrics (const struct depot *d, FILE *f, const char *prefix)
{
  struct etcd_status status;
  double left;

  etcd_get_status (etcd_depot (d)->etcd, &status);
  left = (double) status.lease_left / NSEC_PER_SEC;
  print_number (f, prefix, "lease_left_seconds", "gauge",
                "Until this server's lease in etcd ends.",
                status.leased && left > 0 ? left : 0);
  print_number (f, prefix, "requests_total", "counter", "Requests to etcd.",
                (double) status.requests);
  print_number (f, prefix, "failures_total", "counter",
                "Those without an answer, or refused.",
                (double) status.failures);
  print_number (f, prefix, "latency_seconds_sum", "counter",
                "How long those with an answer took, together.",
                (double) status.latency_sum / 1e6);
  print_number (f, prefix, "latency_seconds_count", "counter",
                "How many those were.",
                (double) (status.requests - status.failures));
}

/* --- life --- */

static int
etcd_start_depot (struct depot *d)
{
  if (etcd_start (etcd_depot (d)->etcd) == 0)
    return 0;
  msg_error ("etcd: thread: %m");
  return -1;
}

static void
etcd_hurry_depot (struct depot *d)
{
  etcd_hurry (etcd_depot (d)->etcd);
}

static void
etcd_free_depot (struct depot *d)
{
  etcd_conn_free (etcd_depot (d)->lister);
  etcd_free (etcd_depot (d)->etcd);
  free (d);
}

static const struct depot_ops etcd_ops = {
  .start = etcd_start_depot,
  .hurry = etcd_hurry_depot,
  .free = etcd_free_depot,
  .take = etcd_take,
  .look = etcd_look,
  .leave = etcd_leave,
  .is_lost = etcd_is_lost,
  .is_valid = etcd_is_valid,
  .exists = etcd_exists,
  .open = etcd_open_log,
  .read_lease = etcd_read_lease,
  .write_lease = etcd_write_lease,
  .remove = etcd_remove,
  .list = etcd_list,
  .status = etcd_add_status,
  .metrics = etcd_print_metrics,
};

struct depot *
depot_etcd_open (const char *name, const struct etcd_options *options)
{
  struct etcd_depot *d = calloc (1, sizeof *d);

  if (d)
    d->etcd = etcd_new (options, &etcd_curl);
  if (!d || !d->etcd) {
    msg_error ("%s: %m", name);
    free (d);
    return NULL;
  }
  d->depot.ops = &etcd_ops;
  d->depot.name = name;
  d->depot.server = options->advertise;
  return &d->depot;
}
