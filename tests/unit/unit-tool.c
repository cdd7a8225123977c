/* SPDX-License-Identifier: BSD-3-Clause */

/* The program nbdmirror against a control socket of this process. */

#include "config.h"

#undef NDEBUG
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <json-c/json.h>

#include "control.h"
#include "fake-mirror.h"
#include "run-tool.h"
#include "suite.h"
#include "unix-socket.h"

static struct mirror *m;
static struct control *c;
static char path[96];

static void
set_up (void)
{
  fake_dir ();
  snprintf (path, sizeof path, "%s", fake_path ("ctl"));
  m = fake_mirror_new ();
  c = control_open (path);
  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (control_start (c, m), 0);
}

static void
tear_down (void)
{
  control_stop (c);
  fake_mirror_free (m);
  fake_dir_remove ();
}

static void
set_state (const char *state, const char *leg1, const char *resync)
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->state = state;
  s->leg[1].state = leg1;
  s->resync_state = resync;
  s->out_of_sync_regions = strcmp (leg1, "in-sync") == 0 ? 0 : 54;
  s->leg[1].missed_regions = s->out_of_sync_regions;
  s->total_bytes = 64 * s->region_size;
  s->done_bytes = s->total_bytes - s->out_of_sync_regions * s->region_size;
  fake_mirror_unlock (m);
}

TEST (status_exit_code_is_the_state)
{
  ck_assert_int_eq (TOOL ("status", path), 0);
  tool_expect_out ("in-sync, 32 MiB, 2 legs");
  tool_expect_out ("primary");
  ck_assert_str_eq (tool_err, "");
  set_state ("resyncing", "resyncing", "running");
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out ("15%  5 MiB of 32 MiB");
  set_state ("degraded", "failed", "idle");
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out ("only one leg has all data");
  set_state ("failed", "failed", "idle");
  ck_assert_int_eq (TOOL ("status", "--json", path), 2);
}

TEST (status_says_why_copies_are_not_faster)
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->rate_why = "yielding";
  s->rate_now = 30 << 20;
  s->client_p99_us = 1800;
  s->alone_p99_us = 1000;
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 0);
  tool_expect_out ("copies  30 MiB/s, yielding to clients "
                   "(p99 1800 us, without copies 1000 us)");
}

TEST (status_without_server_is_3_and_names_the_socket)
{
  char name[96];

  snprintf (name, sizeof name, "%s", fake_path ("none"));
  ck_assert_int_eq (TOOL ("status", name), 3);
  tool_expect_err (name);
  tool_expect_err ("No such file or directory");
  snprintf (name, sizeof name, "%s", fake_path ("out"));
  ck_assert_int_eq (TOOL ("wait", "--timeout", "0", name), 3);
  tool_expect_err (name);
  tool_expect_err ("Connection refused");
}

TEST (status_json_is_the_contract_object)
{
  struct json_object *status, *legs;

  ck_assert_int_eq (TOOL ("status", "--json", path), 0);
  status = json_tokener_parse (tool_out);
  ck_assert_ptr_nonnull (status);
  ck_assert (json_object_object_get_ex (status, "mirror", NULL));
  ck_assert (json_object_object_get_ex (status, "legs", &legs));
  ck_assert_uint_eq (json_object_array_length (legs), 2);
  json_object_put (status);
}

TEST (status_dm_is_the_kernels_line)
{
  struct mirror_status *s;

  set_state ("resyncing", "resyncing", "running");
  ck_assert_int_eq (TOOL ("status", "--dm", path), 1);
  ck_assert_str_eq (tool_out, "0 65536 mirror 2 /a.img /b.img 10/64 1 AA "
                              "3 disk /x.log A\n");

  s = fake_mirror_lock (m);
  s->log_type = "core";
  strcpy (s->leg[0].name, "/a b\\.img");
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", "--dm", path), 1);
  ck_assert_str_eq (tool_out,
                    "0 65536 mirror 2 /a\\x20b\\x5c.img /b.img 10/64 1 "
                    "AA 1 core\n");
}

static const struct {
  const char *state;
  uint64_t read_errors, write_errors, flush_errors;
  char health;
} healths[] = {
  {"in-sync", 0, 0, 0, 'A'}, {"in-sync", 1, 0, 0, 'R'},
  {"in-sync", 0, 1, 0, 'A'}, {"resyncing", 1, 1, 1, 'A'},
  {"stale", 0, 0, 0, 'S'},   {"stale", 1, 0, 0, 'R'},
  {"stale", 1, 1, 0, 'D'},   {"failed", 0, 0, 0, 'D'},
  {"failed", 0, 1, 0, 'D'},  {"failed", 1, 1, 1, 'F'},
  {"missing", 0, 0, 0, 'D'},
};

LOOP_TEST (status_dm_health, sizeof healths / sizeof healths[0])
{
  struct mirror_status *s = fake_mirror_lock (m);
  char expected[] = " 1 A? 3 disk /x.log F\n";

  expected[4] = healths[_i].health;
  s->log_state = "failed";
  s->leg[1].state = healths[_i].state;
  s->leg[1].read_errors = healths[_i].read_errors;
  s->leg[1].write_errors = healths[_i].write_errors;
  s->leg[1].flush_errors = healths[_i].flush_errors;
  fake_mirror_unlock (m);
  TOOL ("status", "--dm", path);
  tool_expect_out (expected);
}

TEST (status_text_shows_errors_without_control_characters)
{
  struct mirror_status *s = fake_mirror_lock (m);

  strcpy (s->leg[1].last_error, "write: \033[2JInput/output error");
  strcpy (s->log_last_error, "No space left on device");
  s->log_state = "failed";
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out ("leg 1: last error: write: ?[2JInput/output error\n");
  tool_expect_out ("log: last error: No space left on device\n");
  tool_expect_out ("the log can't be written");
}

TEST (status_text_says_when_the_last_error_was)
{
  struct mirror_status *s = fake_mirror_lock (m);

  strcpy (s->leg[1].last_error, "connect: Connection refused");
  s->leg[1].last_error_time = 1700000000;
  fake_mirror_unlock (m);
  setenv ("TZ", "UTC", 1);
  ck_assert_int_eq (TOOL ("status", path), 0);
  tool_expect_out ("leg 1: last error (2023-11-14 22:13:20): connect: ");
}

TEST (status_text_tells_that_the_log_server_is_away)
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->log_state = "disconnected";
  strcpy (s->reason, "the log server can't be reached: refused");
  strcpy (s->log_last_error, "logs:10810: connect: Connection refused");
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out ("        the log server can't be reached: refused\n");
  tool_expect_out ("log: last error: logs:10810: connect:");
  tool_expect_out ("back, and all goes on by itself");
}

TEST (status_text_does_not_blame_legs_for_a_log_that_is_away)
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->state = "failed";
  s->log_state = "disconnected";
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 2);
  ck_assert_ptr_null (strstr (tool_out, "no leg"));
  tool_expect_out ("back, and all goes on by itself");
  s = fake_mirror_lock (m);
  s->log_lost = true;
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 2);
  tool_expect_out ("end this server");
}

TEST (a_leg_that_hangs_is_not_all_well)
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->leg[1].no_answer = 12;
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out ("leg 1 has not answered for 12 seconds, and requests wait");
  s = fake_mirror_lock (m);
  s->leg[1].state = "failed";
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out ("leg 1 has not answered for 12 seconds, and is not used");
}

/* It is no failure. */
TEST (a_slow_leg_is_said)
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->leg[1].slow = true;
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 0);
  tool_expect_out ("leg 1 is slow beside the others");
}

static const struct {
  const char *returns, *advice;
} advices[] = {
  {"itself", "leg 1 is out of use: repair what its last error names"},
  {"refused", "bring the right one,\nor an empty one in its place"},
  {"restart", "leg 1 has all data, and is lost: bring it back, then restart"},
  {"not-named", "this server was not told of it: start it with the leg"},
};

LOOP_TEST (status_text_says_how_a_leg_comes_back,
           sizeof advices / sizeof advices[0])
{
  struct mirror_status *s = fake_mirror_lock (m);

  s->state = "degraded";
  s->leg[1].state = "failed";
  s->leg[1].returns = advices[_i].returns;
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("status", path), 1);
  tool_expect_out (advices[_i].advice);
}

TEST (usage_errors_are_64)
{
  ck_assert_int_eq (tool_end (tool_start (NULL, (char *) NULL)), 64);
  tool_expect_err ("verb is missing");
  ck_assert_int_eq (TOOL ("explode", path), 64);
  tool_expect_err ("status");
  ck_assert_int_eq (TOOL ("status"), 64);
  tool_expect_err ("SOCKET is missing");
  ck_assert_int_eq (TOOL ("status", path, path), 64);
  ck_assert_int_eq (TOOL ("status", "--json", "--dm", path), 64);
  ck_assert_int_eq (TOOL ("status", "--frob", path), 64);
  ck_assert_int_eq (TOOL ("wait", "--timeout", "soon", path), 64);
  ck_assert_int_eq (TOOL ("wait", "--timeout", "-1", path), 64);
  ck_assert_int_eq (TOOL ("wait", "--timeout", "nan", path), 64);
  tool_expect_err ("number of seconds");
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

TEST (orders_are_given_as_typed)
{
  ck_assert_int_eq (TOOL ("fail", path, "1"), 0);
  tool_expect_out ("done");
  ck_assert_int_eq (last_order ().verb, ORDER_FAIL);
  ck_assert_str_eq (last_order ().leg, "1");
  ck_assert_int_eq (TOOL ("detach", "--track", "--dry-run", path, "/a"), 0);
  tool_expect_out ("would be: done");
  ck_assert (last_order ().dry_run);
  ck_assert_int_eq (TOOL ("resync", "rate", "10M", path), 0);
  ck_assert_str_eq (last_order ().value, "10M");
  ck_assert_int_eq (TOOL ("set", path, "leg-timeout=7"), 0);
  ck_assert_str_eq (last_order ().value, "7");
  ck_assert_int_eq (TOOL ("suspend", path), 0);
  ck_assert_uint_eq (last_order ().seconds, 10);
  ck_assert_int_eq (TOOL ("stop", "--drain", "5", path), 0);
  ck_assert_uint_eq (last_order ().seconds, 5);
  ck_assert_int_eq (TOOL ("replace", path, "1", "nbd://host"), 0);
  ck_assert_int_eq (last_order ().verb, ORDER_REPLACE);
  ck_assert_str_eq (last_order ().new_leg, "nbd://host");
  ck_assert_int_eq (TOOL ("add", "--wait", path, "/b.img"), 0);
  ck_assert_str_eq (last_order ().new_leg, "/b.img");
}

TEST (a_relative_path_becomes_an_absolute_one)
{
  ck_assert_int_eq (TOOL ("fail", path, "x.img"), 0);
  ck_assert_int_eq (last_order ().leg[0], '/');
  ck_assert_ptr_nonnull (strstr (last_order ().leg, "/x.img"));
}

TEST (a_refused_order_is_1)
{
  fake_mirror_lock (m);
  fake_mirror_orders (m)->refuse = true;
  fake_mirror_unlock (m);
  ck_assert_int_eq (TOOL ("may-stop", path, "1"), 1);
  tool_expect_err ("refused");
}

TEST (list_finds_the_socket)
{
  ck_assert_int_eq (TOOL ("list"), 0);
  tool_expect_out (path);
  ck_assert_int_eq (TOOL ("list", "--json"), 0);
  tool_expect_out (path);
  tool_expect_out ("00112233-4455-6677-8899-aabbccddeeff");
  ck_assert_int_eq (TOOL ("list", path), 64);
  control_stop (c);
  c = NULL;
  ck_assert_int_eq (TOOL ("list"), 0);
  ck_assert_ptr_null (strstr (tool_out, path));
}

TEST (wrong_orders_are_64_and_not_given)
{
  ck_assert_int_eq (TOOL ("fail", path), 64);
  ck_assert_int_eq (TOOL ("fail", "--track", path, "1"), 64);
  ck_assert_int_eq (TOOL ("fail", path, "1", "2"), 64);
  ck_assert_int_eq (TOOL ("may-stop", "--dry-run", path, "1"), 64);
  ck_assert_int_eq (TOOL ("set", path, "leg-timeout"), 64);
  ck_assert_int_eq (TOOL ("suspend", "--max", "soon", path), 64);
  ck_assert_int_eq (TOOL ("replace", path, "1"), 64);
  ck_assert_uint_eq (last_order ().given, 0);
}

TEST (help_and_version)
{
  ck_assert_int_eq (TOOL ("--help"), 0);
  tool_expect_out ("nbdmirror wait");
  ck_assert_int_eq (TOOL ("--version"), 0);
  ck_assert_str_eq (tool_out, "nbdmirror " PACKAGE_VERSION "\n");
  ck_assert_int_eq (TOOL ("wait", "--help"), 0);
  tool_expect_out ("--timeout SECONDS");
}

/* Answer one request with text; without text, never. */
static void
answer_once (struct unix_listener *l, const char *text)
{
  struct pollfd pfd = {.fd = l->fd, .events = POLLIN};
  char request[256];
  int fd;

  ck_assert_int_eq (poll (&pfd, 1, 20000), 1);
  fd = accept (l->fd, NULL, NULL);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_gt (recv (fd, request, sizeof request, 0), 0);
  if (text == NULL)
    ck_assert_int_eq (recv (fd, request, sizeof request, 0), 0);
  else
    ck_assert_int_eq (send (fd, text, strlen (text), 0),
                      (ssize_t) strlen (text));
  close (fd);
}

static const struct {
  const char *answer, *message;
} bad_answers[] = {
  {"nonsense\n", "not from a mirror"},
  {"{}\n", "not from a mirror"},
  {"{\"ok\":true}\n", "no status"},
  {"{\"ok\":true,\"status\":{\"mirror\":{\"state\":\"odd\"},\"legs\":[]}}\n",
   "no status"},
  {"{\"ok\":true,\"status\":{\"mirror\":{\"state\":\"in-sync\"},"
   "\"legs\":[1]}}\n",
   "no status"},
  {"{\"ok\":false,\"error\":\"too many clients\"}\n", "too many clients"},
  {"{\"ok\":true", "closed the connection"},
  {NULL, "no answer in 5 seconds"},
};

LOOP_TEST (bad_answer_is_3, sizeof bad_answers / sizeof bad_answers[0])
{
  struct unix_listener l;
  char name[96];
  pid_t pid;

  snprintf (name, sizeof name, "%s", fake_path ("bad"));
  ck_assert_int_eq (unix_listener_open (&l, name), 0);
  pid = tool_start ("status", name, (char *) NULL);
  answer_once (&l, bad_answers[_i].answer);
  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err (bad_answers[_i].message);
  tool_expect_err (name);
  unix_listener_close (&l);
}

TEST (wait_ends_when_all_legs_are_in_sync)
{
  pid_t pid;

  set_state ("resyncing", "resyncing", "running");
  pid = tool_start ("wait", path, (char *) NULL);
  fake_mirror_wait (m, 2);
  set_state ("degraded", "stale", "idle");
  fake_mirror_wait (m, 4);
  set_state ("in-sync", "in-sync", "idle");
  ck_assert_int_eq (tool_end (pid), 0);
  ck_assert_str_eq (tool_out, "");
}

TEST (wait_returns_2_when_the_mirror_fails)
{
  pid_t pid;

  set_state ("degraded", "failed", "idle");
  pid = tool_start ("wait", path, (char *) NULL);
  fake_mirror_wait (m, 2);
  set_state ("failed", "failed", "idle");
  ck_assert_int_eq (tool_end (pid), 2);
}

TEST (wait_resync_ends_while_a_leg_is_missing)
{
  pid_t pid;

  set_state ("resyncing", "resyncing", "running");
  pid = tool_start ("wait", "--resync", path, (char *) NULL);
  fake_mirror_wait (m, 2);
  set_state ("resyncing", "resyncing", "idle");
  fake_mirror_wait (m, 4);
  set_state ("degraded", "missing", "idle");
  ck_assert_int_eq (tool_end (pid), 1);
}

TEST (wait_timeout_says_the_state)
{
  set_state ("degraded", "missing", "idle");
  ck_assert_int_eq (TOOL ("wait", "--timeout", "0.2", path), 1);
  ck_assert_int_eq (TOOL ("wait", "--timeout=0", path), 1);
  ck_assert_int_eq (TOOL ("wait", "--timeout", "0", "--resync", path), 1);
  set_state ("in-sync", "in-sync", "idle");
  ck_assert_int_eq (TOOL ("wait", "--timeout", "0", path), 0);
}

TEST (wait_is_3_when_the_server_goes_away)
{
  pid_t pid;

  set_state ("degraded", "missing", "idle");
  pid = tool_start ("wait", path, (char *) NULL);
  fake_mirror_wait (m, 2);
  control_stop (c);
  c = NULL;
  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err (path);
}

TEST (watch_prints_changes_until_the_server_goes_away)
{
  pid_t pid = tool_start ("status", "--watch", path, NULL);

  fake_mirror_wait (m, 2);
  set_state ("degraded", "failed", "idle");
  fake_mirror_wait (m, 4);
  control_stop (c);
  c = NULL;
  ck_assert_int_eq (tool_end (pid), 3);
  ck_assert_str_eq (tool_out, "in-sync, legs: in-sync* in-sync, log: ok, "
                              "resync: idle\n"
                              "degraded, legs: in-sync* failed, log: ok, "
                              "resync: idle\n");
}

TEST (watch_ends_on_interrupt)
{
  pid_t pid = tool_start ("status", "--watch", path, NULL);

  fake_mirror_wait (m, 2);
  ck_assert_int_eq (kill (pid, SIGINT), 0);
  ck_assert_int_eq (tool_end (pid), 0);
}

TEST (full_output_is_74)
{
  ck_assert_int_eq (symlink ("/dev/full", fake_path ("out")), 0);
  ck_assert_int_eq (TOOL ("status", path), 74);
  tool_expect_err ("No space left on device");
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("tool");
}
