/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs `nbdmirror log ...' against a log server of this process, which
 * says what the test wants.
 */

#include "config.h"

#undef NDEBUG
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <json-c/json.h>

#include "fake-mirror.h"
#include "proto.h"
#include "run-tool.h"
#include "suite.h"
#include "unix-socket.h"

#define PATIENCE_MSEC 20000

static struct unix_listener listener;
static char path[96], vm1[112]; /* the server, and a log of it */
static int conn = -1;

static void
set_up (void)
{
  fake_dir ();
  snprintf (path, sizeof path, "%s", fake_path ("logd"));
  snprintf (vm1, sizeof vm1, "%s/vm1", path);
  ck_assert_int_eq (unix_listener_open (&listener, path), 0);
}

static void
tear_down (void)
{
  if (conn >= 0)
    close (conn);
  conn = -1;
  unix_listener_close (&listener);
  fake_dir_remove ();
}

/* --- the server --- */

static void
wait_readable (int fd)
{
  struct pollfd pfd = {.fd = fd, .events = POLLIN};

  ck_assert_int_eq (poll (&pfd, 1, PATIENCE_MSEC), 1);
}

static void
accept_tool (void)
{
  wait_readable (listener.fd);
  conn = accept (listener.fd, NULL, NULL);
  ck_assert_int_ge (conn, 0);
}

static void
receive (uint8_t *data, size_t len)
{
  while (len > 0) {
    ssize_t r;

    wait_readable (conn);
    r = recv (conn, data, len, 0);
    ck_assert_int_gt (r, 0);
    data += r;
    len -= (size_t) r;
  }
}

/* The next request; what it points to lives until the next one. */
static struct proto_msg
next_request (void)
{
  static uint8_t frame[PROTO_MAX_FRAME];
  struct proto_msg msg;
  size_t len;

  receive (frame, PROTO_HEADER_SIZE);
  len = proto_frame_length (frame);
  ck_assert_uint_gt (len, 0);
  receive (frame + PROTO_HEADER_SIZE, len - PROTO_HEADER_SIZE);
  ck_assert_int_eq (proto_decode (&msg, frame, len), PROTO_OK);
  return msg;
}

static void
send_bytes (const void *data, size_t len)
{
  ck_assert_int_eq (send (conn, data, len, MSG_NOSIGNAL), (ssize_t) len);
}

static void
send_msg (struct proto_msg msg)
{
  struct buffer buf = {.data = NULL};

  msg.flags |= PROTO_REPLY;
  ck_assert_int_eq (proto_encode (&buf, &msg), 0);
  send_bytes (buf.data, buf.len);
  buffer_free (&buf);
}

static struct proto_str
str (const char *s)
{
  return (struct proto_str){s, (uint32_t) strlen (s)};
}

/* Accept the tool and greet it: its request. */
static struct proto_msg
greet (void)
{
  struct proto_msg msg;

  accept_tool ();
  msg = next_request ();
  ck_assert_int_eq (msg.type, PROTO_HELLO);
  ck_assert_uint_eq (msg.hello.version, PROTO_VERSION);
  send_msg ((struct proto_msg){
    .type = PROTO_HELLO,
    .id = msg.id,
    .hello = {.version = PROTO_VERSION, .software = str ("test")},
  });
  return next_request ();
}

static void
reply_text (const struct proto_msg *request, bool more, const char *text)
{
  send_msg ((struct proto_msg){
    .type = request->type,
    .flags = more ? PROTO_MORE : 0,
    .id = request->id,
    .text = str (text),
  });
}

static void
reply_error (const struct proto_msg *request, unsigned error, const char *text)
{
  send_msg ((struct proto_msg){
    .type = request->type,
    .id = request->id,
    .error = error,
    .text = str (text),
  });
}

static void
reply_empty (const struct proto_msg *request)
{
  send_msg ((struct proto_msg){.type = request->type, .id = request->id});
}

/* --- what a server says --- */

#define OPEN_LOG \
  "{\"name\":\"vm1\",\"type\":\"disk\",\"state\":\"ok\",\"epoch\":4," \
  "\"owner_state\":\"connected\",\"owner\":{\"host\":\"hosta\"," \
  "\"pid\":4711,\"address\":\"192.0.2.1:4000\"},\"lease_left_ms\":8700," \
  "\"uuid\":\"b9bc4795-a294-46c9-987f-e81b9937d767\"," \
  "\"size\":67108864,\"region_size\":524288,\"regions\":128," \
  "\"generation\":3,\"dirty_regions\":12,\"out_of_sync_regions\":5," \
  "\"marks\":7,\"clears\":6,\"flushes\":5,\"flush_errors\":1," \
  "\"last_error\":\"\\u001b[2J\"}"
#define CLOSED_LOG \
  "{\"name\":\"longer-name\",\"type\":\"disk\",\"state\":\"closed\"," \
  "\"epoch\":1,\"owner_state\":\"free\",\"owner\":{\"host\":\"hostb\"," \
  "\"pid\":1,\"address\":\"unix\"}}"

/* Start the tool and answer with the two logs. */
static int
list (const char *option)
{
  pid_t pid = tool_start ("log", "list", option, path, NULL);
  struct proto_msg request = greet ();

  ck_assert_int_eq (request.type, PROTO_STATUS_INFO);
  ck_assert_uint_eq (request.named.name.len, 0);
  reply_text (&request, true, OPEN_LOG);
  reply_text (&request, true, CLOSED_LOG);
  reply_text (&request, false, "");
  return tool_end (pid);
}

TEST (list_is_a_table)
{
  ck_assert_int_eq (list ("--timeout=20"), 0);
  ck_assert_str_eq (
    tool_out,
    "name         state   owner       is         epoch  lease left  marked  "
    "missed\n"
    "vm1          ok      hosta/4711  connected      4       8.7 s      12  "
    "     5\n"
    "longer-name  closed  -           free           1           -       -  "
    "     -\n");
  ck_assert_str_eq (tool_err, "");
}

TEST (list_json)
{
  struct json_object *obj, *logs;

  ck_assert_int_eq (list ("--json"), 0);
  obj = json_tokener_parse (tool_out);
  ck_assert_ptr_nonnull (obj);
  ck_assert (json_object_object_get_ex (obj, "version", NULL));
  ck_assert (json_object_object_get_ex (obj, "logs", &logs));
  ck_assert_uint_eq (json_object_array_length (logs), 2);
  json_object_put (obj);
}

/* Run a verb on the log vm1, whose request is put to *request. */
static pid_t
start_verb (const char *verb, const char *option, struct proto_msg *request)
{
  pid_t pid = tool_start ("log", verb, option, vm1, NULL);

  *request = greet ();
  ck_assert_uint_eq (request->named.name.len, 3);
  ck_assert_mem_eq (request->named.name.s, "vm1", 3);
  return pid;
}

TEST (show_text_has_no_control_characters)
{
  struct proto_msg request;
  pid_t pid = start_verb ("show", "--timeout=20", &request);

  reply_text (&request, false, OPEN_LOG);
  ck_assert_int_eq (tool_end (pid), 0);
  tool_expect_out ("vm1, ok, on the server's disk\n");
  tool_expect_out ("64 MiB, 128 regions of 512 KiB\n");
  tool_expect_out ("hosta, process 4711, address 192.0.2.1:4000\n");
  tool_expect_out ("connected, epoch 4, lease ends in 8.7 s\n");
  tool_expect_out ("12 marked, 5 missed");
  tool_expect_out ("last error: ?[2J\n");
}

TEST (show_json_is_the_servers_object)
{
  struct proto_msg request;
  pid_t pid = start_verb ("show", "--json", &request);
  struct json_object *obj, *name;

  reply_text (&request, false, OPEN_LOG);
  ck_assert_int_eq (tool_end (pid), 0);
  obj = json_tokener_parse (tool_out);
  ck_assert (json_object_object_get_ex (obj, "name", &name));
  ck_assert_str_eq (json_object_get_string (name), "vm1");
  json_object_put (obj);
}

TEST (delete_and_takeover_are_silent)
{
  struct proto_msg request;
  pid_t pid = start_verb ("delete", "--timeout=20", &request);

  ck_assert_int_eq (request.type, PROTO_DELETE);
  reply_empty (&request);
  ck_assert_int_eq (tool_end (pid), 0);
  ck_assert_str_eq (tool_out, "");
  close (conn);

  pid = start_verb ("takeover", "--timeout=20", &request);
  ck_assert_int_eq (request.type, PROTO_TAKEOVER);
  ck_assert_uint_eq (request.named.flags, 0);
  reply_empty (&request);
  ck_assert_int_eq (tool_end (pid), 0);
  close (conn);

  pid = start_verb ("takeover", "--fenced", &request);
  ck_assert_uint_eq (request.named.flags, PROTO_TAKEOVER_FENCED);
  reply_empty (&request);
  ck_assert_int_eq (tool_end (pid), 0);
  ck_assert_str_eq (tool_out, "");
  ck_assert_str_eq (tool_err, "");
}

TEST (refused_is_1_with_the_servers_words)
{
  struct proto_msg request;
  pid_t pid = start_verb ("delete", "--timeout=20", &request);

  reply_error (&request, PROTO_E_OWNED, "log vm1 is owned by hosta");
  ck_assert_int_eq (tool_end (pid), 1);
  tool_expect_err (vm1);
  tool_expect_err ("log vm1 is owned by hosta\n");
}

TEST (a_greeting_refused_is_1)
{
  pid_t pid = tool_start ("log", "list", path, NULL);
  struct proto_msg hello;

  accept_tool ();
  hello = next_request ();
  reply_error (&hello, PROTO_E_BUSY, "there are 7 clients");
  ck_assert_int_eq (tool_end (pid), 1);
  tool_expect_err ("there are 7 clients\n");
}

/* --- no answer --- */

static double
seconds (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

TEST (a_silent_server_is_3_in_time)
{
  double begin = seconds ();

  /* Nobody accepts; the kernel has connected it. */
  ck_assert_int_eq (TOOL ("log", "show", "--timeout=0.5", vm1), 3);
  tool_expect_err ("no greeting within 0.5 seconds\n");
  ck_assert_double_lt (seconds () - begin, 10);
}

TEST (a_server_that_goes_silent_is_3_in_time)
{
  struct proto_msg request;
  pid_t pid = start_verb ("takeover", "--timeout=0.5", &request);

  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err ("no answer within 0.5 seconds\n");
}

TEST (a_server_that_goes_away_is_3)
{
  struct proto_msg request;
  pid_t pid = start_verb ("show", "--timeout=20", &request);

  close (conn);
  conn = -1;
  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err ("closed by the peer\n");
}

TEST (no_server_is_3)
{
  char none[96];

  snprintf (none, sizeof none, "%s", fake_path ("none"));
  ck_assert_int_eq (TOOL ("log", "list", none), 3);
  tool_expect_err ("No such file or directory\n");
  unix_listener_close (&listener);
  ck_assert_int_eq (TOOL ("log", "list", "localhost:1"), 3);
  tool_expect_err ("localhost:1: connect: Connection refused\n");
}

TEST (nonsense_is_3)
{
  static const char nonsense[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";
  pid_t pid = tool_start ("log", "list", path, NULL);

  accept_tool ();
  send_bytes (nonsense, sizeof nonsense - 1);
  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err ("not from a log server");
}

static const char *const bad_texts[] = {
  "nonsense",
  "[]",
  "{\"name\":\"vm1\"}",
  "{\"name\":\"vm1\",\"state\":1,\"owner_state\":\"free\"}",
  "{\"name\":\"vm1\"",
};

LOOP_TEST (a_status_that_is_none_is_3, sizeof bad_texts / sizeof bad_texts[0])
{
  struct proto_msg request;
  pid_t pid = start_verb ("show", "--timeout=20", &request);

  reply_text (&request, false, bad_texts[_i]);
  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err ("no status of a log\n");
}

TEST (a_reply_to_something_else_is_3)
{
  struct proto_msg request;
  pid_t pid = start_verb ("delete", "--timeout=20", &request);

  request.id += 1;
  reply_empty (&request);
  ck_assert_int_eq (tool_end (pid), 3);
  tool_expect_err ("not from a log server");
}

/* --- usage --- */

static const struct {
  const char *verb, *operand, *option, *message;
} bad_uses[] = {
  {"list", "a/vm1", NULL, "a host's name has letters"},
  {"list", "::1", NULL, "in brackets"},
  {"list", "host:99999", NULL, "the port must be"},
  {"list", "host", "--fenced", "fenced"},
  {"list", "host", "--timeout=soon", "number of seconds"},
  {"list", "host", "--tls-username=x", "only for --tls-psk"},
  {"list", "host", "--tls-psk=/nonexistent/psk", "/nonexistent/psk"},
  {"show", "host", NULL, "must be HOST[:PORT]/NAME"},
  {"show", "/name", NULL, "must be HOST[:PORT]/NAME"},
  {"show", "host/", NULL, "the name of the log"},
  {"show", "host/-a", NULL, "the name of the log"},
  {"delete", "host/a b", NULL, "the name of the log"},
  {"delete", "host/a", "--json", "json"},
  {"takeover", "host/a@b", NULL, "the name of the log"},
  {"frob", "host/a", NULL, "unknown verb \"log frob\""},
};

LOOP_TEST (wrong_usage_is_64, sizeof bad_uses / sizeof bad_uses[0])
{
  if (bad_uses[_i].option)
    ck_assert_int_eq (TOOL ("log", bad_uses[_i].verb, bad_uses[_i].option,
                            bad_uses[_i].operand),
                      64);
  else
    ck_assert_int_eq (TOOL ("log", bad_uses[_i].verb, bad_uses[_i].operand),
                      64);
  tool_expect_err (bad_uses[_i].message);
}

TEST (help)
{
  ck_assert_int_eq (TOOL ("log", "takeover", "--help"), 0);
  tool_expect_out ("nbdmirror log takeover [--fenced]");
  tool_expect_out ("--tls-psk FILE");
  ck_assert_int_eq (TOOL ("log"), 64);
  tool_expect_err ("log list, log show");
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("tool-log");
}
