/* SPDX-License-Identifier: BSD-3-Clause */

/* Taking a log, and the one way to change it.
 *
 * A try of a change that has no answer leaves three outcomes: it was made, it
 * will be, it will never be.  So each try has its own number, `number' says
 * which of them was made last, and each of them compares with the one before
 * them all: of two tries the second is refused when the first was made, and
 * the first, when it comes late, when the second was.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "deadline.h"
#include "etcd-json.h"
#include "etcd-seat.h"
#include "msg.h"

#define RUN_ID_SIZE 16

struct etcd_seat {
  struct etcd *etcd;
  struct etcd_conn *conn;
  char log[160];
  char server_key[ETCD_KEY_SIZE], number_key[ETCD_KEY_SIZE];
  int64_t lease, revision; /* of server_key */
  bool numbered;           /* number_key is there */
  uint64_t number;         /* the last one known to be made */
  uint64_t tried;          /* the last one tried */
  bool deleted;            /* there is no log any more */
  atomic_bool lost;
};

void
etcd_key (const struct etcd *e, const char *log, const char *what,
          char key[ETCD_KEY_SIZE])
{
  snprintf (key, ETCD_KEY_SIZE, "%s/%s/%s", etcd_options (e)->prefix, log,
            what);
}

/* --- the value of the server's key: "RUN-ID HOST:PORT" --- */

static void
print_run_id (const struct etcd *e, char hex[2 * RUN_ID_SIZE + 1])
{
  const uint8_t *id = etcd_options (e)->run_id;

  for (size_t i = 0; i < RUN_ID_SIZE; ++i)
    snprintf (hex + 2 * i, 3, "%02x", id[i]);
}

static void
print_server (const struct etcd *e, char value[ETCD_SERVER_SIZE + 40])
{
  char hex[2 * RUN_ID_SIZE + 1];

  print_run_id (e, hex);
  snprintf (value, ETCD_SERVER_SIZE + 40, "%s %s", hex,
            etcd_options (e)->advertise);
}

static bool
is_us (const struct etcd *e, const struct etcd_kv *kv)
{
  char value[ETCD_SERVER_SIZE + 40];

  print_server (e, value);
  return strcmp (kv->value, value) == 0;
}

void
etcd_server_of (const struct etcd_kv *kv, char server[ETCD_SERVER_SIZE])
{
  const char *space = strchr (kv->value, ' ');

  snprintf (server, ETCD_SERVER_SIZE, "%s", space ? space + 1 : "");
  for (char *p = server; *p; ++p)
    if (*p <= ' ' || *p > '~')
      *p = '?';
}

/* --- taking --- */

static struct json_object *
take_request (const struct etcd_seat *s)
{
  struct json_object *compare = json_object_new_array ();
  struct json_object *success = json_object_new_array ();
  struct json_object *failure = json_object_new_array ();
  char value[ETCD_SERVER_SIZE + 40];

  print_server (s->etcd, value);
  json_object_array_add (compare, etcd_if_created (s->server_key, 0));
  json_object_array_add (success, etcd_put (s->server_key, value,
                                            strlen (value), s->lease));
  json_object_array_add (success, etcd_get (s->server_key));
  json_object_array_add (success, etcd_get (s->number_key));
  json_object_array_add (failure, etcd_get (s->number_key));
  json_object_array_add (failure, etcd_get (s->server_key));
  json_object_array_add (failure, etcd_get (s->number_key));
  return etcd_txn (compare, success, failure);
}

/* A number that is ours to count on from; false: it is none. */
static bool
parse_number (const struct etcd_kv *kv, uint64_t *number)
{
  char *end;

  if (kv->value[0] < '0' || kv->value[0] > '9')
    return false;
  errno = 0;
  *number = strtoull (kv->value, &end, 10);
  return *end == '\0' && errno == 0 && *number < INT64_MAX;
}

static int
is_damaged (const char *what)
{
  msg_error ("etcd: %s: makes no sense", what);
  errno = EUCLEAN;
  return -1;
}

static int
read_number (struct etcd_seat *s, struct json_object *range)
{
  struct etcd_kv kv;
  int r = etcd_kv_get (range, 0, &kv);
  bool ok;

  if (r <= 0)
    return r == 0 ? 0 : is_damaged (s->number_key);
  ok = parse_number (&kv, &s->number);
  etcd_kv_free (&kv);
  s->numbered = true;
  s->tried = s->number;
  return ok ? 0 : is_damaged (s->number_key);
}

/* Somebody has it; us, if the answer to an earlier request was lost. */
static int
take_from (struct etcd_seat *s, const struct etcd_kv *kv,
           char server[ETCD_SERVER_SIZE])
{
  if (is_us (s->etcd, kv) && kv->lease == s->lease) {
    s->revision = kv->create_revision;
    return 0;
  }
  etcd_server_of (kv, server);
  if (strcmp (server, etcd_options (s->etcd)->advertise) != 0) {
    errno = EREMOTE;
    return -1;
  }
  msg_error ("log %s: the lease of the server before at this address is not "
             "over yet",
             s->log);
  errno = EAGAIN;
  return -1;
}

static int
read_taken (struct etcd_seat *s, struct json_object *answer,
            char server[ETCD_SERVER_SIZE])
{
  struct etcd_kv kv;
  int r = etcd_kv_get (etcd_got (answer, 1), 0, &kv);

  if (r <= 0)
    return is_damaged (s->server_key);
  r = take_from (s, &kv, server);
  etcd_kv_free (&kv);
  return r == 0 ? read_number (s, etcd_got (answer, 2)) : -1;
}

static int
ask_for (struct etcd_seat *s, char server[ETCD_SERVER_SIZE])
{
  struct json_object *request, *answer;
  int r;

  s->lease = etcd_lease (s->etcd);
  if (!etcd_lease_is_valid (s->etcd, s->lease, now_boot_ns ())) {
    msg_error ("log %s: there is no lease from etcd", s->log);
    errno = EAGAIN;
    return -1;
  }
  request = take_request (s);
  answer = etcd_ask (s->conn, "kv/txn", request);
  json_object_put (request);
  if (!answer) {
    msg_error ("log %s: etcd: %s", s->log, etcd_error (s->conn));
    return -1;
  }
  r = read_taken (s, answer, server);
  json_object_put (answer);
  return r;
}

static void
seat_free (struct etcd_seat *s)
{
  int err = errno;

  etcd_conn_free (s->conn);
  free (s);
  errno = err;
}

int
etcd_seat_take (struct etcd *e, const char *log, struct etcd_seat **seat,
                char server[ETCD_SERVER_SIZE])
{
  struct etcd_seat *s = calloc (1, sizeof *s);

  if (s) {
    s->etcd = e;
    s->conn = etcd_conn_new (e);
  }
  if (!s || !s->conn) {
    msg_error ("log %s: %m", log);
    free (s);
    return -1;
  }
  snprintf (s->log, sizeof s->log, "%s", log);
  etcd_key (e, log, "server", s->server_key);
  etcd_key (e, log, "number", s->number_key);
  if (ask_for (s, server) == -1) {
    seat_free (s);
    return -1;
  }
  *seat = s;
  return 0;
}

int
etcd_seat_look (struct etcd_conn *c, const char *log,
                char server[ETCD_SERVER_SIZE])
{
  struct json_object *request, *answer;
  char key[ETCD_KEY_SIZE];
  struct etcd_kv kv;
  int r;

  etcd_key (etcd_of (c), log, "server", key);
  request = etcd_range (key, NULL, 0, 0, false);
  answer = etcd_ask (c, "kv/range", request);
  json_object_put (request);
  if (!answer) {
    msg_error ("log %s: etcd: %s", log, etcd_error (c));
    return -1;
  }
  r = etcd_kv_get (answer, 0, &kv);
  json_object_put (answer);
  if (r <= 0)
    return r == 0 ? 0 : is_damaged (key);
  etcd_server_of (&kv, server);
  etcd_kv_free (&kv);
  errno = EREMOTE;
  return -1;
}

/* --- changing --- */

static struct json_object *
change_request (const struct etcd_seat *s, struct json_object *operations,
                bool with_number)
{
  struct json_object *success = json_object_new_array ();
  struct json_object *failure = json_object_new_array ();
  char known[24], next[24];

  snprintf (known, sizeof known, "%" PRIu64, s->number);
  snprintf (next, sizeof next, "%" PRIu64, s->tried);
  for (size_t i = 0; i < json_object_array_length (operations); ++i)
    json_object_array_add (
      success, json_object_get (json_object_array_get_idx (operations, i)));
  if (with_number)
    json_object_array_add (success,
                           etcd_put (s->number_key, next, strlen (next), 0));
  json_object_array_add (failure, etcd_get (s->server_key));
  json_object_array_add (failure, etcd_get (s->number_key));
  return etcd_txn (etcd_guard (s->server_key, s->revision, s->number_key,
                               s->numbered ? known : NULL),
                   success, failure);
}

static int
lose (struct etcd_seat *s, const char *why)
{
  if (!atomic_exchange (&s->lost, true))
    msg_warning ("log %s: not ours any more: %s", s->log, why);
  errno = ESTALE;
  return -1;
}

/* -1: the seat is lost. */
static int
check_server (struct etcd_seat *s, struct json_object *range)
{
  char server[ETCD_SERVER_SIZE], why[ETCD_SERVER_SIZE + 32];
  struct etcd_kv kv;
  int64_t revision;
  int r = etcd_kv_get (range, 0, &kv);

  if (r <= 0)
    return lose (s, "the lease of this server was over");
  revision = kv.create_revision;
  etcd_server_of (&kv, server);
  etcd_kv_free (&kv);
  if (revision == s->revision)
    return 0;
  snprintf (why, sizeof why, "%s has it", server);
  return lose (s, why);
}

/* A change was refused.  1: an earlier try of it was made, 0: try again, -1:
 * the seat is lost.
 */
static int
read_refused (struct etcd_seat *s, struct json_object *answer, uint64_t first)
{
  struct etcd_kv kv;
  uint64_t number;
  int r;

  if (check_server (s, etcd_got (answer, 0)) == -1)
    return -1;
  r = etcd_kv_get (etcd_got (answer, 1), 0, &kv);
  if (r <= 0)
    return lose (s, "its number is gone");
  r = parse_number (&kv, &number);
  etcd_kv_free (&kv);
  if (!r || number <= s->number || number > s->tried)
    return lose (s, "somebody else changed it");
  s->number = number;
  s->numbered = true;
  return number >= first;
}

/* As read_refused, or an errno that is not ESTALE with -1. */
static int
try_change (struct etcd_seat *s, struct json_object *operations,
            uint64_t first)
{
  struct json_object *request, *answer;
  enum etcd_outcome outcome;
  int r = 1;

  s->tried++;
  request = change_request (s, operations, true);
  outcome = etcd_try (s->conn, "kv/txn", request, &answer);
  json_object_put (request);
  if (outcome != ETCD_DONE)
    return outcome == ETCD_REFUSED ? -1 : 0;
  if (etcd_succeeded (answer)) {
    s->number = s->tried;
    s->numbered = true;
  }
  else
    r = read_refused (s, answer, first);
  json_object_put (answer);
  return r;
}

int
etcd_seat_change (struct etcd_seat *s, struct json_object *operations)
{
  uint64_t start = now_ns (), first = s->tried + 1;
  int r;

  do {
    if (etcd_seat_is_lost (s))
      r = lose (s, "the lease of this server is over");
    else
      r = try_change (s, operations, first);
  } while (r == 0 && etcd_pause (s->conn, start));
  json_object_put (operations);
  if (r != 1)
    return -1;
  s->deleted = false;
  return 0;
}

int
etcd_seat_delete (struct etcd_seat *s)
{
  static const char *const names[] = {"size", "owner"};
  struct json_object *operations = json_object_new_array ();
  char key[ETCD_KEY_SIZE];

  for (unsigned i = 0; i < 2; ++i) {
    etcd_key (s->etcd, s->log, names[i], key);
    json_object_array_add (operations, etcd_delete (key));
  }
  etcd_key (s->etcd, s->log, "b/", key);
  json_object_array_add (operations, etcd_delete_below (key));
  if (etcd_seat_change (s, operations) == -1)
    return -1;
  s->deleted = true;
  return 0;
}

/* --- leaving --- */

/* One try: if it has no answer we find the seat to be ours the next time, or
 * it ends with our lease.
 */
static void
give_back (struct etcd_seat *s)
{
  struct json_object *operations = json_object_new_array ();
  struct json_object *request, *answer;

  json_object_array_add (operations, etcd_delete (s->server_key));
  if (s->deleted)
    json_object_array_add (operations, etcd_delete (s->number_key));
  request = change_request (s, operations, false);
  (void) etcd_try (s->conn, "kv/txn", request, &answer);
  json_object_put (answer);
  json_object_put (request);
  json_object_put (operations);
}

void
etcd_seat_leave (struct etcd_seat *s)
{
  if (!etcd_seat_is_lost (s))
    give_back (s);
  seat_free (s);
}

/* --- questions --- */

const char *
etcd_seat_error (const struct etcd_seat *s)
{
  return etcd_seat_is_lost (s) ? "another server has it, or may have it"
                               : etcd_error (s->conn);
}

const char *
etcd_seat_log (const struct etcd_seat *s)
{
  return s->log;
}

struct etcd *
etcd_seat_etcd (const struct etcd_seat *s)
{
  return s->etcd;
}

struct etcd_conn *
etcd_seat_conn (const struct etcd_seat *s)
{
  return s->conn;
}

bool
etcd_seat_is_lost (const struct etcd_seat *s)
{
  return atomic_load (&s->lost) || s->lease != etcd_lease (s->etcd);
}

bool
etcd_seat_is_valid (const struct etcd_seat *s, uint64_t now)
{
  return !atomic_load (&s->lost) &&
         etcd_lease_is_valid (s->etcd, s->lease, now);
}
