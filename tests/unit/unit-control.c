/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket, with a mirror that is only a status. */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>
#include <json-c/json.h>

#include "control.h"
#include "deadline.h"
#include "fake-mirror.h"
#include "order.h"
#include "suite.h"
#include "unix-socket.h"

#define PATIENCE_MSEC 20000
#define STATUS "{\"command\":\"status\"}\n"

static struct mirror *m;
static struct control *c;
static char path[96];

static struct control *
start (const char *name)
{
  struct control *control = control_open (name);

  ck_assert_ptr_nonnull (control);
  ck_assert_int_eq (control_start (control, m), 0);
  return control;
}

static void
set_up (void)
{
  fake_dir ();
  snprintf (path, sizeof path, "%s", fake_path ("ctl"));
  m = fake_mirror_new ();
  c = start (path);
  ck_assert_ptr_nonnull (c);
}

static void
tear_down (void)
{
  control_stop (c);
  ck_assert_int_eq (access (path, F_OK), -1);
  fake_mirror_free (m);
  fake_dir_remove ();
}

static int
dial (void)
{
  int fd = unix_socket_connect (path, now_ns () + 20 * NSEC_PER_SEC);

  ck_assert_int_ge (fd, 0);
  return fd;
}

static void
say (int fd, const char *text, size_t len)
{
  ck_assert_int_eq (send (fd, text, len, MSG_NOSIGNAL), (ssize_t) len);
}

/* One line, or the end of the connection: NULL. */
static char *
hear (int fd)
{
  static char line[65536];
  size_t len = 0;

  for (;;) {
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    ck_assert_int_eq (poll (&pfd, 1, PATIENCE_MSEC), 1);
    if (recv (fd, line + len, 1, 0) != 1)
      return NULL;
    if (line[len] == '\n')
      break;
    ck_assert_uint_lt (++len, sizeof line);
  }
  line[len] = '\0';
  return line;
}

/* The reply's object, of which "ok" is as given. */
static struct json_object *
hear_reply (int fd, bool ok)
{
  char *line = hear (fd);
  struct json_object *reply, *value;

  ck_assert_ptr_nonnull (line);
  reply = json_tokener_parse (line);
  ck_assert_ptr_nonnull (reply);
  ck_assert (json_object_object_get_ex (reply, "ok", &value));
  ck_assert_int_eq (json_object_get_boolean (value), ok);
  return reply;
}

static void
expect_error (int fd, const char *part)
{
  struct json_object *reply = hear_reply (fd, false), *error;

  ck_assert (json_object_object_get_ex (reply, "error", &error));
  ck_assert_ptr_nonnull (strstr (json_object_get_string (error), part));
  json_object_put (reply);
}

static void
expect_status (int fd)
{
  struct json_object *reply = hear_reply (fd, true);

  ck_assert (json_object_object_get_ex (reply, "status", NULL));
  json_object_put (reply);
}

static void
ask_status (int fd)
{
  say (fd, STATUS, strlen (STATUS));
  expect_status (fd);
}

/* A dotted path in an object; digits index an array. */
static struct json_object *
look_up (struct json_object *obj, const char *name)
{
  char copy[64], *save = NULL;

  snprintf (copy, sizeof copy, "%s", name);
  for (char *key = strtok_r (copy, ".", &save); key != NULL;
       key = strtok_r (NULL, ".", &save))
    if (json_object_is_type (obj, json_type_array))
      obj = json_object_array_get_idx (obj, strtoul (key, NULL, 10));
    else
      ck_assert_msg (json_object_object_get_ex (obj, key, &obj), "%s", name);
  return obj;
}

static const struct {
  const char *name;
  enum json_type type;
} contract[] = {
  {"version", json_type_int},
  {"mirror.uuid", json_type_string},
  {"mirror.size", json_type_int},
  {"mirror.region_size", json_type_int},
  {"mirror.regions", json_type_int},
  {"mirror.state", json_type_string},
  {"mirror.reason", json_type_string},
  {"mirror.dirty_regions", json_type_int},
  {"mirror.out_of_sync_regions", json_type_int},
  {"mirror.generation", json_type_int},
  {"legs", json_type_array},
  {"legs.1.index", json_type_int},
  {"legs.1.name", json_type_string},
  {"legs.1.kind", json_type_string},
  {"legs.1.state", json_type_string},
  {"legs.1.primary", json_type_boolean},
  {"legs.1.missed_regions", json_type_int},
  {"legs.1.reads", json_type_int},
  {"legs.1.writes", json_type_int},
  {"legs.1.read_bytes", json_type_int},
  {"legs.1.write_bytes", json_type_int},
  {"legs.1.flushes", json_type_int},
  {"legs.1.read_errors", json_type_int},
  {"legs.1.write_errors", json_type_int},
  {"legs.1.flush_errors", json_type_int},
  {"legs.1.read_repairs", json_type_int},
  {"legs.1.record", json_type_string},
  {"legs.1.uuid", json_type_string},
  {"legs.1.last_error", json_type_string},
  {"legs.1.last_error_time", json_type_int},
  {"legs.1.returns", json_type_string},
  {"legs.1.no_answer_seconds", json_type_int},
  {"legs.1.slow", json_type_boolean},
  {"legs.1.p99_read_us", json_type_int},
  {"legs.1.p99_write_us", json_type_int},
  {"legs.1.p99_flush_us", json_type_int},
  {"log.type", json_type_string},
  {"log.name", json_type_string},
  {"log.state", json_type_string},
  {"log.marks", json_type_int},
  {"log.clears", json_type_int},
  {"log.flushes", json_type_int},
  {"log.flush_errors", json_type_int},
  {"log.last_error", json_type_string},
  {"log.last_error_time", json_type_int},
  {"log.lost", json_type_boolean},
  {"resync.state", json_type_string},
  {"resync.done_bytes", json_type_int},
  {"resync.total_bytes", json_type_int},
  {"resync.copied_bytes", json_type_int},
  {"resync.skipped_bytes", json_type_int},
  {"resync.bytes_per_second", json_type_int},
  {"resync.eta_seconds", json_type_int},
  {"resync.sweeps", json_type_int},
  {"rate.why", json_type_string},
  {"rate.bytes_per_second", json_type_int},
  {"rate.allowed", json_type_int},
  {"rate.client_p99_us", json_type_int},
  {"rate.alone_p99_us", json_type_int},
  {"checksums.state", json_type_string},
  {"checksums.file", json_type_string},
  {"checksums.verify_reads", json_type_boolean},
  {"checksums.verified", json_type_int},
  {"checksums.wrong", json_type_int},
  {"checksums.repaired", json_type_int},
};

TEST (status_has_all_names_with_their_types)
{
  struct json_object *reply;
  int fd = dial ();

  say (fd, STATUS, strlen (STATUS));
  reply = hear_reply (fd, true);
  for (size_t i = 0; i < sizeof contract / sizeof contract[0]; ++i) {
    struct json_object *value =
      look_up (look_up (reply, "status"), contract[i].name);

    ck_assert_msg (json_object_is_type (value, contract[i].type), "%s",
                   contract[i].name);
  }
  json_object_put (reply);
  close (fd);
}

TEST (status_keeps_values)
{
  struct mirror_status *s = fake_mirror_lock (m);
  struct json_object *reply, *status;
  int fd = dial ();

  s->size = UINT64_MAX;
  s->eta_seconds = -1;
  strcpy (s->leg[0].name, "/sp ace/\"q\"\n\xc3\xa9\xff");
  fake_mirror_unlock (m);
  say (fd, STATUS, strlen (STATUS));
  reply = hear_reply (fd, true);
  status = look_up (reply, "status");
  ck_assert_uint_eq (json_object_get_uint64 (look_up (status, "mirror.size")),
                     UINT64_MAX);
  ck_assert_ptr_null (look_up (status, "resync.eta_seconds"));
  ck_assert_str_eq (json_object_get_string (look_up (status, "legs.0.name")),
                    "/sp ace/\"q\"\n\xc3\xa9?");
  json_object_put (reply);
  close (fd);
}

TEST (bad_json_gets_an_error_and_the_next_request_an_answer)
{
  static const char *const bad[] = {
    "\n",
    "nonsense\n",
    "{\n",
    "[1]\n",
    "17\n",
    "{\"command\":\"status\"}x\n",
    "[[[[[[[[[[[[1]]]]]]]]]]]]\n",
    "{\"command\":\"\xff\"}\n",
  };
  int fd = dial ();

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    say (fd, bad[i], strlen (bad[i]));
    expect_error (fd, "not a JSON object");
  }
  say (fd, STATUS "\0\n", sizeof STATUS + 1);
  expect_status (fd);
  expect_error (fd, "not a JSON object");
  ask_status (fd);
  close (fd);
}

TEST (unknown_command_is_told_the_known_ones)
{
  static const char unknown[] = "{\"command\":\"explode\"}\n";
  static const char none[] = "{\"command\":7}\n";
  int fd = dial ();

  say (fd, unknown, strlen (unknown));
  expect_error (fd, "\"explode\", not one of: status");
  say (fd, none, strlen (none));
  expect_error (fd, "no string \"command\"");
  ask_status (fd);
  close (fd);
}

TEST (line_of_4096_bytes_is_answered)
{
  char line[4097];
  int fd = dial ();

  memset (line, ' ', sizeof line);
  memcpy (line, STATUS, strlen (STATUS) - 1);
  line[4096] = '\n';
  say (fd, line, sizeof line);
  expect_status (fd);
  ask_status (fd);
  close (fd);
}

TEST (line_of_4097_bytes_ends_the_connection)
{
  char line[4098];
  int fd = dial ();

  memset (line, ' ', sizeof line);
  memcpy (line, STATUS, strlen (STATUS) - 1);
  line[4097] = '\n';
  say (fd, line, sizeof line);
  expect_error (fd, "longer than 4096 bytes");
  ck_assert_ptr_null (hear (fd));
  close (fd);
}

TEST (half_line_is_answered_when_it_is_whole)
{
  int fd = dial (), other = dial ();

  say (fd, STATUS STATUS, strlen (STATUS) + 7);
  expect_status (fd);
  ask_status (other); /* nobody waits for the half */
  say (fd, &STATUS[7], strlen (STATUS) - 7);
  expect_status (fd);
  close (other);
  close (fd);
}

TEST (half_line_before_the_end_is_dropped)
{
  int fd = dial ();

  say (fd, STATUS "{\"comm", strlen (STATUS) + 7);
  ck_assert_int_eq (shutdown (fd, SHUT_WR), 0);
  expect_status (fd);
  ck_assert_ptr_null (hear (fd));
  close (fd);
}

TEST (hundred_clients_64_are_served)
{
  int fd[100];
  unsigned served = 0;

  for (size_t i = 0; i < 100; ++i)
    fd[i] = dial ();
  for (size_t i = 0; i < 100; ++i) {
    struct json_object *reply, *ok;

    (void) send (fd[i], STATUS, strlen (STATUS), MSG_NOSIGNAL);
    reply = json_tokener_parse (hear (fd[i]));
    ck_assert (json_object_object_get_ex (reply, "ok", &ok));
    served += json_object_get_boolean (ok);
    json_object_put (reply);
  }
  ck_assert_uint_eq (served, 64);
  for (size_t i = 0; i < 100; ++i)
    close (fd[i]);
}

/* Fill what the server keeps for a client that does not read. */
TEST (slow_reader_is_dropped_and_others_are_served)
{
  int fd = dial (), other = dial ();
  struct pollfd pfd = {.fd = fd, .events = POLLOUT};
  bool dropped = false;

  while (!dropped) {
    ck_assert_int_eq (poll (&pfd, 1, PATIENCE_MSEC), 1);
    dropped =
      send (fd, STATUS, strlen (STATUS), MSG_NOSIGNAL | MSG_DONTWAIT) == -1 &&
      errno != EAGAIN;
  }
  ask_status (other);
  close (other);
  close (fd);
}

/* No descriptor for the server's side of the connection. */
TEST (accept_goes_on_after_emfile)
{
  struct rlimit old, low;
  int first, fd;

  if (getenv ("NBDMIRROR_NO_RLIMIT"))
    return;
  first = dial ();
  ask_status (first);
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &old), 0);
  low = old;
  low.rlim_cur = (rlim_t) fd + 1;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &low), 0);
  {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    strcpy (addr.sun_path, path);
    ck_assert_int_eq (connect (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  }
  say (fd, STATUS, strlen (STATUS));
  ask_status (first); /* not stuck */
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &old), 0);
  expect_status (fd);
  close (fd);
  close (first);
}

TEST (mode_is_0600_whatever_the_umask)
{
  struct stat st;

  ck_assert_int_eq (stat (path, &st), 0);
  ck_assert_uint_eq (st.st_mode & 07777, 0600);
  control_stop (c);
  umask (0);
  c = start (path);
  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (stat (path, &st), 0);
  ck_assert_uint_eq (st.st_mode & 07777, 0600);
}

TEST (live_socket_is_refused)
{
  int fd;

  ck_assert_int_eq (control_check (path), -1);
  ck_assert_int_eq (errno, EADDRINUSE);
  ck_assert_ptr_null (control_open (path));
  fd = dial ();
  ask_status (fd);
  close (fd);
}

static void
leave_stale_socket (const char *name)
{
  struct unix_listener l;

  ck_assert_int_eq (unix_listener_open (&l, name), 0);
  close (l.fd);
}

TEST (stale_socket_is_replaced)
{
  char name[96];
  struct control *second;

  snprintf (name, sizeof name, "%s", fake_path ("stale"));
  leave_stale_socket (name);
  ck_assert_int_eq (control_check (name), 0);
  second = start (name);
  ck_assert_ptr_nonnull (second);
  control_stop (second);
  ck_assert_int_eq (access (name, F_OK), -1);
}

TEST (what_is_no_socket_is_refused_and_kept)
{
  char file[96], link[96];

  snprintf (file, sizeof file, "%s", fake_path ("file"));
  snprintf (link, sizeof link, "%s", fake_path ("link"));
  close (open (file, O_CREAT | O_WRONLY, 0644));
  ck_assert_int_eq (symlink (path, link), 0);
  ck_assert_int_eq (control_check (file), -1);
  ck_assert_int_eq (errno, EEXIST);
  ck_assert_ptr_null (control_open (file));
  ck_assert_ptr_null (control_open (link));
  ck_assert_int_eq (access (file, F_OK), 0);
  ck_assert_int_eq (access (link, F_OK), 0);
}

TEST (bad_paths_are_refused)
{
  char longest[128];

  memset (longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  ck_assert_int_eq (control_check (longest), -1);
  ck_assert_int_eq (errno, ENAMETOOLONG);
  ck_assert_ptr_null (control_open (longest));
  ck_assert_int_eq (control_check (fake_path ("none/ctl")), -1);
  ck_assert_int_eq (errno, ENOENT);
  ck_assert_ptr_null (control_open (fake_path ("none/ctl")));
}

TEST (name_taken_by_another_is_not_removed)
{
  struct unix_listener l, other;
  const char *name = fake_path ("taken");

  ck_assert_int_eq (unix_listener_open (&l, name), 0);
  ck_assert_int_eq (unlink (name), 0);
  ck_assert_int_eq (unix_listener_open (&other, name), 0);
  unix_listener_close (&l);
  ck_assert_int_eq (access (name, F_OK), 0);
  unix_listener_close (&other);
  ck_assert_int_eq (access (name, F_OK), -1);
}

TEST (stop_does_not_wait_for_clients)
{
  int idle = dial (), half = dial (), full = dial ();

  ask_status (idle);
  say (half, STATUS, 5);
  for (int i = 0; i < 20; ++i)
    say (full, STATUS, strlen (STATUS));
  control_stop (c);
  ck_assert_ptr_null (hear (idle));
  ck_assert_int_eq (access (path, F_OK), -1);
  close (idle);
  close (half);
  close (full);
  c = NULL; /* which stopping again allows */
}

/* --- orders --- */

#define SAY(fd, text) say (fd, text "\n", strlen (text "\n"))

static void
expect_message (int fd, const char *want)
{
  struct json_object *reply = hear_reply (fd, true);

  ck_assert_str_eq (json_object_get_string (look_up (reply, "message")), want);
  json_object_put (reply);
}

static struct fake_orders
last_order (void)
{
  struct fake_orders o;

  fake_mirror_lock (m);
  o = *fake_mirror_orders (m);
  fake_mirror_unlock (m);
  return o;
}

static void
hold_orders (bool hold, bool refuse)
{
  fake_mirror_lock (m);
  fake_mirror_orders (m)->hold = hold;
  fake_mirror_orders (m)->refuse = refuse;
  fake_mirror_unlock (m);
}

TEST (an_order_arrives_as_it_was_given)
{
  int fd = dial ();

  SAY (fd, "{\"command\":\"detach\",\"leg\":1,\"dry_run\":true}");
  expect_message (fd, "done");
  ck_assert_int_eq (last_order ().verb, ORDER_DETACH);
  ck_assert_str_eq (last_order ().leg, "1");
  ck_assert (last_order ().dry_run);
  SAY (fd, "{\"command\":\"fail\",\"leg\":\"/a b\"}");
  expect_message (fd, "done");
  ck_assert_str_eq (last_order ().leg, "/a b");
  ck_assert (!last_order ().dry_run);
  SAY (fd, "{\"command\":\"set\",\"name\":\"leg-timeout\",\"value\":7}");
  expect_message (fd, "done");
  ck_assert_str_eq (last_order ().value, "7");
  SAY (fd, "{\"command\":\"stop\",\"seconds\":86400}");
  expect_message (fd, "done");
  ck_assert_uint_eq (last_order ().seconds, 86400);
  hold_orders (false, true);
  SAY (fd, "{\"command\":\"fail\",\"leg\":1}");
  expect_error (fd, "refused");
  close (fd);
}

TEST (a_wrong_order_is_not_given)
{
  static const struct {
    const char *line, *error;
  } wrong[] = {
    {"{\"command\":\"fail\"}", "\"leg\" is missing"},
    {"{\"command\":\"fail\",\"leg\":null}", "\"leg\" has a wrong value"},
    {"{\"command\":\"fail\",\"leg\":-1}", "\"leg\" has a wrong value"},
    {"{\"command\":\"fail\",\"leg\":1.5}", "\"leg\" has a wrong value"},
    {"{\"command\":\"fail\",\"leg\":[1]}", "\"leg\" has a wrong value"},
    {"{\"command\":\"fail\",\"leg\":1,\"dryrun\":true}",
     "there is no \"dryrun\""},
    {"{\"command\":\"fail\",\"leg\":1,\"dry_run\":1}",
     "\"dry_run\" has a wrong value"},
    {"{\"command\":\"fail\",\"leg\":1,\"track\":true}",
     "there is no \"track\""},
    {"{\"command\":\"suspend\"}", "\"seconds\" is missing"},
    {"{\"command\":\"suspend\",\"seconds\":-1}",
     "\"seconds\" has a wrong value"},
    {"{\"command\":\"suspend\",\"seconds\":86401}",
     "\"seconds\" has a wrong value"},
    {"{\"command\":\"suspend\",\"seconds\":\"5\"}",
     "\"seconds\" has a wrong value"},
    {"{\"command\":7}", "no string \"command\""},
    {"{\"command\":\"fial\",\"leg\":1}", "not one of: status fail"},
  };
  int fd = dial ();

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    say (fd, wrong[i].line, strlen (wrong[i].line));
    say (fd, "\n", 1);
    expect_error (fd, wrong[i].error);
  }
  ck_assert_uint_eq (last_order ().given, 0);
  close (fd);
}

/* Nobody else waits for an order that takes time, but for other orders; and the
 * replies come in the order of the requests.
 */
TEST (an_order_that_takes_time_holds_up_its_client_alone)
{
  int fd = dial (), other = dial ();
  struct pollfd pfd = {.fd = fd, .events = POLLIN};

  hold_orders (true, false);
  SAY (fd, "{\"command\":\"suspend\",\"seconds\":1}");
  say (fd, STATUS, strlen (STATUS));
  SAY (other, "{\"command\":\"resume\"}");
  expect_message (other, "done");
  ask_status (other);
  SAY (other, "{\"command\":\"fail\",\"leg\":1}");
  ck_assert_int_eq (poll (&pfd, 1, 0), 0);
  mirror_end_orders (m);
  expect_message (fd, "done");
  expect_status (fd);
  expect_message (other, "done");
  close (fd);
  close (other);
}

TEST (who_leaves_before_the_reply_is_forgotten)
{
  int fd = dial ();

  hold_orders (true, false);
  SAY (fd, "{\"command\":\"suspend\",\"seconds\":1}");
  close (fd);
  fd = dial ();
  ask_status (fd);
  mirror_end_orders (m);
  SAY (fd, "{\"command\":\"fail\",\"leg\":1}");
  expect_message (fd, "done");
  close (fd);
}

TEST (the_end_waits_for_an_order_and_its_reply_is_sent)
{
  int fd = dial ();

  hold_orders (true, false);
  SAY (fd, "{\"command\":\"suspend\",\"seconds\":1}");
  fake_mirror_wait_order (m);
  control_stop (c);
  c = NULL;
  expect_message (fd, "done");
  ck_assert_ptr_null (hear (fd));
  close (fd);
}

/* Clients can connect before the server forks, and are answered afterwards. */
TEST (who_comes_before_the_start_waits_for_it)
{
  const char *name = fake_path ("early");
  struct control *early = control_open (name);
  int fd = unix_socket_connect (name, now_ns () + 20 * NSEC_PER_SEC);

  ck_assert_ptr_nonnull (early);
  ck_assert_int_ge (fd, 0);
  say (fd, STATUS, strlen (STATUS));
  ck_assert_int_eq (control_start (early, m), 0);
  expect_status (fd);
  close (fd);
  control_stop (early);
  control_stop (control_open (name)); /* never started */
  ck_assert_int_eq (access (name, F_OK), -1);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("control");
}
