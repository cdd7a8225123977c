/* SPDX-License-Identifier: BSD-3-Clause */

/* Streams with TLS.  The side "client" connects to the side "server". */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "make-certs.h"
#include "stream-fixture.h"
#include "suite.h"
#include "temp-path.h"
#include "tls.h"
#include "unit-wait.h"

#define NR(array) ((int) (sizeof (array) / sizeof (array)[0]))

#define BIG ((size_t) 4 << 20)
#define PATIENCE_MSEC 20000

/* Files of keys and certificates. */
static char dir[64];

static struct side client, server;
static struct tls *client_tls, *server_tls;
static int pair[2];

static void
set_up (void)
{
  loop_set_up ();
  client = server = (struct side){0};
  client_tls = server_tls = NULL;
}

static void
tear_down (void)
{
  side_free (&client);
  side_free (&server);
  tls_free (client_tls);
  tls_free (server_tls);
  loop_tear_down ();
}

static const char *
path_of (const char *name)
{
  static char path[4][128];
  static unsigned turn;
  char *p = path[turn++ % 4];

  snprintf (p, sizeof path[0], "%s/%s", dir, name);
  return p;
}

static void
write_text (const char *name, const char *text)
{
  FILE *fp = fopen (path_of (name), "w");

  ck_assert_ptr_nonnull (fp);
  ck_assert_int_ge (fputs (text, fp), 0);
  ck_assert_int_eq (fclose (fp), 0);
}

static void
use_psk (const char *server_file, const char *client_file,
         const char *username)
{
  const struct tls_options of_server = {
    .server = true,
    .psk_file = path_of (server_file),
  };
  const struct tls_options of_client = {
    .psk_file = path_of (client_file),
    .username = username,
  };

  server_tls = tls_new (&of_server);
  client_tls = tls_new (&of_client);
  ck_assert_ptr_nonnull (server_tls);
  ck_assert_ptr_nonnull (client_tls);
}

static void
use_certificates (const char *server_dir, const char *client_dir,
                  bool verify_peer)
{
  const struct tls_options of_server = {
    .server = true,
    .certificates = path_of (server_dir),
    .verify_peer = verify_peer,
  };
  const struct tls_options of_client = {
    .certificates = path_of (client_dir),
  };

  server_tls = tls_new (&of_server);
  client_tls = tls_new (&of_client);
  ck_assert_ptr_nonnull (server_tls);
  ck_assert_ptr_nonnull (client_tls);
}

static void
start_client (int fd, const char *name)
{
  options.tls = client_tls;
  options.server_name = name;
  ck_assert_ptr_nonnull (side_new (&client, fd, true));
}

static void
start_server (int fd)
{
  options.tls = server_tls;
  options.server_name = NULL;
  ck_assert_ptr_nonnull (side_new (&server, fd, false));
}

static void
start_both (enum kind kind, const char *name)
{
  ck_assert (connect_pair (kind, pair));
  start_client (pair[0], name);
  start_server (pair[1]);
}

static size_t
echo (struct side *side, const uint8_t *data, size_t len)
{
  side_write (side, data, len);
  return len;
}

static void
expect_echo (void)
{
  server.on_input = echo;
  side_write (&client, "hello", 5);
  RUN_UNTIL (side_got (&client, "hello"));
  side_write (&client, " again", 6);
  RUN_UNTIL (side_got (&client, "hello again"));
}

/* The callee closes the stream, so that the other side ends, too. */
static void
close_it (struct side *side)
{
  side_close (side);
}

static void
run_until_both_fail (void)
{
  client.on_failed = server.on_failed = close_it;
  side_write (&client, "hello", 5);
  RUN_UNTIL (client.fails && server.fails);
  ck_assert_uint_eq (server.readies, 0);
  ck_assert_uint_eq (server.inputs + client.inputs, 0);
}

static void
expect_reason (const struct side *side, const char *part)
{
  ck_assert_msg (strstr (side->reason, part) != NULL, "\"%s\" is not in: %s",
                 part, side->reason);
}

/* --- pre-shared keys --- */

LOOP_TEST (psk_echo, TCP6)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  start_both ((enum kind) _i, NULL);
  expect_echo ();
  ck_assert_str_eq (stream_identity (server.s), "alice");
  ck_assert_str_eq (stream_identity (client.s), "");
}

TEST (psk_of_one_of_several_users)
{
  use_psk ("keys.psk", "keys.psk", "bob");
  start_both (SOCKETPAIR, "ignored");
  expect_echo ();
  ck_assert_str_eq (stream_identity (server.s), "bob");
}

TEST (psk_user_is_our_own_name)
{
  use_psk ("own.psk", "own.psk", NULL);
  start_both (SOCKETPAIR, NULL);
  expect_echo ();
  ck_assert_str_eq (stream_identity (server.s),
                    getpwuid (geteuid ())->pw_name);
}

LOOP_TEST (psk_with_a_wrong_key, TCP6)
{
  use_psk ("keys.psk", "wrong.psk", "alice");
  start_both ((enum kind) _i, NULL);
  run_until_both_fail ();
  expect_reason (&server, "(unknown user or wrong key?)");
  expect_reason (&client, "refused by the peer");
  expect_reason (&client, "(unknown user or wrong key?)");
}

LOOP_TEST (psk_of_an_unknown_user, TCP6)
{
  use_psk ("keys.psk", "wrong.psk", "eve");
  start_both ((enum kind) _i, NULL);
  run_until_both_fail ();
  expect_reason (&server, "(unknown user or wrong key?)");
  expect_reason (&client, "(unknown user or wrong key?)");
}

/* Without a restart. */
TEST (psk_added_later)
{
  use_psk ("grows.psk", "keys.psk", "alice");
  write_text ("grows.psk", "carol:00ff\nalice:0123456789abcdef\n");
  tls_reload_changed (&server_tls);
  start_both (SOCKETPAIR, NULL);
  expect_echo ();
}

/* --- certificates --- */

LOOP_TEST (certificate_of_the_host, 2)
{
  static const char *const names[] = {"log.example", "127.0.0.1"};

  use_certificates ("server", "anyone", false);
  start_both (TCP4, names[_i]);
  expect_echo ();
  ck_assert_str_eq (stream_identity (client.s), "log server");
  ck_assert_str_eq (stream_identity (server.s), "");
}

LOOP_TEST (certificate_of_another_host, 2)
{
  static const char *const names[] = {"other.example", "127.0.0.2"};

  use_certificates ("server", "anyone", false);
  start_both (TCP4, names[_i]);
  run_until_both_fail ();
  expect_reason (&client, "name in the certificate does not match");
  expect_reason (&server, "refused by the peer");
}

TEST (certificate_of_an_unknown_authority)
{
  use_certificates ("foreign", "anyone", false);
  start_both (TCP4, "log.example");
  run_until_both_fail ();
  expect_reason (&client, "issuer is unknown");
  expect_reason (&server, "refused by the peer");
}

/* A client that poses as the server. */
TEST (certificate_for_another_purpose)
{
  use_certificates ("poser", "anyone", false);
  start_both (TCP4, "log.example");
  run_until_both_fail ();
  expect_reason (&client, "TLS: The certificate is NOT trusted");
}

TEST (certificate_without_a_host_to_compare)
{
  use_certificates ("server", "anyone", false);
  ck_assert (connect_pair (SOCKETPAIR, pair));
  options.tls = client_tls;
  ck_assert_ptr_null (side_new (&client, pair[0], false));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert_int_eq (fcntl (pair[0], F_GETFD), -1);
  close (pair[1]);
}

TEST (client_certificate_is_the_identity)
{
  use_certificates ("server", "client", true);
  start_both (TCP4, "log.example");
  expect_echo ();
  ck_assert_str_eq (stream_identity (server.s), "mirror 1");
}

TEST (client_certificate_is_not_asked_for)
{
  use_certificates ("server", "client", false);
  start_both (TCP4, "log.example");
  expect_echo ();
  ck_assert_str_eq (stream_identity (server.s), "");
}

static const struct {
  const char *client, *reason;
} bad_clients[] = {
  {"anyone", "Certificate is required"},
  {"foreign-client", "Certificate is required"}, /* it is not even sent */
  {"revoked", "revoked"},
};

/* With TLS 1.3 the client is ready before it hears of it. */
LOOP_TEST (client_certificate_is_bad, NR (bad_clients))
{
  use_certificates ("server", bad_clients[_i].client, true);
  start_both (TCP4, "log.example");
  run_until_both_fail ();
  expect_reason (&server, bad_clients[_i].reason);
  expect_reason (&client, "refused by the peer");
}

/* --- TLS and not --- */

TEST (plain_client)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  tls_free (client_tls);
  client_tls = NULL;
  start_both (TCP4, NULL);
  client.on_failed = server.on_failed = close_it;
  side_write (&client, "a plain and simple message", 26);
  RUN_UNTIL (server.fails && client.fails);
  expect_reason (&server, "does the peer use TLS?");
  ck_assert_uint_eq (server.readies, 0);
}

static size_t
take_none (struct side *side, const uint8_t *data, size_t len)
{
  (void) side;
  (void) data;
  (void) len;
  return 0;
}

static size_t
hang_up (struct side *side, const uint8_t *data, size_t len)
{
  (void) data;
  side_close (side);
  return len;
}

/* It answers with something, with nothing, or hangs up. */
LOOP_TEST (plain_server, 3)
{
  static const struct {
    size_t (*on_input) (struct side *side, const uint8_t *data, size_t len);
    const char *reason;
  } answers[] = {
    {echo, "TLS: "},
    {take_none, "TLS handshake: no answer within 0.2 seconds"},
    {hang_up, "closed by the peer during the TLS handshake (does it use TLS?"},
  };

  use_psk ("keys.psk", "keys.psk", "alice");
  tls_free (server_tls);
  server_tls = NULL;
  server.on_input = answers[_i].on_input;
  if (answers[_i].on_input == take_none)
    options.handshake_s = 0.2;
  start_both (TCP4, NULL);
  RUN_UNTIL (client.fails);
  expect_reason (&client, answers[_i].reason);
  ck_assert_uint_eq (client.readies, 0);
}

TEST (silent_client)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  ck_assert (connect_pair (TCP4, pair));
  options.handshake_s = 0.2;
  start_server (pair[1]);
  RUN_UNTIL (server.fails);
  ck_assert_str_eq (server.reason,
                    "TLS handshake: no answer within 0.2 seconds");
  close (pair[0]);
}

/* What is queued for later does not keep the loop awake. */
TEST (silent_server)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  ck_assert (connect_pair (TCP4, pair));
  options.handshake_s = 0.2;
  start_client (pair[0], NULL);
  side_write (&client, "hello", 5);
  RUN_UNTIL (client.fails);
  ck_assert_uint_le (ev_iteration (loop), 20);
  close (pair[1]);
}

TEST (noise)
{
  static const char text[] = "\x16\x03\x01\x00\x05noise and more of it";

  use_psk ("keys.psk", "keys.psk", "alice");
  ck_assert (connect_pair (TCP4, pair));
  start_server (pair[1]);
  ck_assert_int_gt (send (pair[0], text, sizeof text, MSG_NOSIGNAL), 0);
  RUN_UNTIL (server.fails);
  expect_reason (&server, "TLS: ");
  close (pair[0]);
}

/* --- another client --- */

/* A thread with GnuTLS as it comes, to do what streams never do. */
struct other_client {
  const char *priority;
  void (*talk) (gnutls_session_t session);
  int result; /* of the handshake */
  int fd;
};

static gnutls_psk_client_credentials_t
alice (void)
{
  gnutls_psk_client_credentials_t psk;
  gnutls_datum_t key = {(unsigned char *) "0123456789abcdef", 16};

  ck_assert_int_eq (gnutls_psk_allocate_client_credentials (&psk), 0);
  ck_assert_int_eq (gnutls_psk_set_client_credentials (psk, "alice", &key,
                                                       GNUTLS_PSK_KEY_HEX),
                    0);
  return psk;
}

static void *
run_other_client (void *arg)
{
  struct other_client *c = arg;
  gnutls_psk_client_credentials_t psk = alice ();
  gnutls_session_t session;

  ck_assert_int_eq (gnutls_init (&session, GNUTLS_CLIENT), 0);
  gnutls_priority_set_direct (session, c->priority, NULL);
  gnutls_credentials_set (session, GNUTLS_CRD_PSK, psk);
  gnutls_transport_set_int (session, c->fd);
  gnutls_handshake_set_timeout (session, PATIENCE_MSEC);
  c->result = gnutls_handshake (session);
  if (c->result == 0 && c->talk)
    c->talk (session);
  gnutls_deinit (session);
  gnutls_psk_free_client_credentials (psk);
  return NULL;
}

static void
pause_it (struct side *side)
{
  stream_pause (side->s, true);
}

static pthread_t
start_other_client (struct other_client *c)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  ck_assert (connect_pair (SOCKETPAIR, pair));
  c->fd = pair[0];
  fcntl (c->fd, F_SETFL, 0);
  start_server (pair[1]);
  return thread_run (run_other_client, c);
}

static void
expect_failure_of_other_client (struct other_client *c)
{
  pthread_t thread = start_other_client (c);

  RUN_UNTIL (server.fails);
  side_close (&server);
  pthread_join (thread, NULL);
  close (pair[0]);
}

static void
change_keys (gnutls_session_t session)
{
  for (unsigned i = 0; i < 3; ++i) {
    gnutls_record_send (session, "data", 4);
    gnutls_session_key_update (session, 0);
    gnutls_session_key_update (session, GNUTLS_KU_PEER);
  }
  gnutls_record_send (session, " end", 4);
}

/* Records that are no data, between others, and all read at once. */
TEST (other_client_changes_keys)
{
  struct other_client c = {.priority = "NORMAL:+ECDHE-PSK",
                           .talk = change_keys};

  pthread_t thread;

  server.on_ready = pause_it;
  thread = start_other_client (&c);
  RUN_UNTIL (server.readies);
  pthread_join (thread, NULL);
  ck_assert_int_eq (c.result, 0);
  stream_pause (server.s, false);
  RUN_UNTIL (side_got (&server, "datadatadata end"));
  close (pair[0]);
  RUN_UNTIL (server.fails);
  ck_assert_str_eq (server.reason, "closed by the peer");
}

static void
shake_hands_again (gnutls_session_t session)
{
  gnutls_handshake (session);
}

TEST (other_client_renegotiates)
{
  struct other_client c = {
    .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK",
    .talk = shake_hands_again,
  };

  expect_failure_of_other_client (&c);
  ck_assert_int_eq (c.result, 0);
  ck_assert_str_eq (server.reason, "TLS: the peer wants to negotiate again");
}

/* An old version; and keys without forward secrecy. */
LOOP_TEST (other_client_is_too_weak, 2)
{
  static const char *const weak[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.1:+ECDHE-PSK",
    "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK",
  };
  struct other_client c = {.priority = weak[_i]};

  expect_failure_of_other_client (&c);
  ck_assert_int_ne (c.result, 0);
  ck_assert_uint_eq (server.readies, 0);
  expect_reason (&server, "TLS: ");
}

/* --- data --- */

static uint8_t
pattern (size_t i)
{
  return (uint8_t) (i ^ i >> 8 ^ i >> 16);
}

static void
check_pattern (const struct buffer *buf)
{
  for (size_t i = 0; i < buf->len; ++i)
    if (buffer_head (buf)[i] != pattern (i))
      ck_abort_msg ("byte %zu is wrong", i);
}

static void
write_pattern (struct side *side, size_t len)
{
  uint8_t *data = malloc (len);

  ck_assert_ptr_nonnull (data);
  for (size_t i = 0; i < len; ++i)
    data[i] = pattern (i);
  side_write (side, data, len);
  free (data);
}

LOOP_TEST (echo_of_much_data, TCP6)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  start_both ((enum kind) _i, NULL);
  server.on_input = echo;
  write_pattern (&client, BIG);
  ck_assert (stream_congested (client.s));
  RUN_UNTIL (client.got.len == BIG);
  check_pattern (&client.got);
  ck_assert_uint_ge (client.drains, 1);
  ck_assert (!stream_congested (client.s));
}

static size_t
take_some_and_pause (struct side *side, const uint8_t *data, size_t len)
{
  (void) data;
  stream_pause (side->s, true);
  return len < 700 ? len : 700;
}

/* All has been read from the socket when the last pause ends. */
TEST (records_that_wait_come_after_a_pause)
{
  const size_t len = 100000;

  use_psk ("keys.psk", "keys.psk", "alice");
  options.max_input = 1000;
  start_both (SOCKETPAIR, NULL);
  server.on_input = take_some_and_pause;
  write_pattern (&client, len);
  RUN_UNTIL (server.got.len > 0);
  while (server.got.len < len) {
    size_t had = server.got.len;

    ev_run (loop, EVRUN_NOWAIT);
    ck_assert_uint_eq (server.got.len, had);
    stream_pause (server.s, false);
    RUN_UNTIL (server.got.len > had);
  }
  check_pattern (&server.got);
}

static void
relay_byte (int from, int to)
{
  char c;

  if (recv (from, &c, 1, MSG_DONTWAIT) == 1)
    ck_assert_int_eq (send (to, &c, 1, MSG_NOSIGNAL), 1);
}

TEST (bytes_one_at_a_time)
{
  int other[2];

  use_psk ("keys.psk", "keys.psk", "alice");
  ck_assert (connect_pair (SOCKETPAIR, pair));
  ck_assert (connect_pair (SOCKETPAIR, other));
  server.on_input = echo;
  start_client (pair[0], NULL);
  start_server (other[0]);
  side_write (&client, "hello", 5);
  while (client.got.len < 5) {
    relay_byte (pair[1], other[1]);
    relay_byte (other[1], pair[1]);
    ck_assert_uint_eq (client.fails + server.fails, 0);
    ev_run (loop, EVRUN_NOWAIT);
  }
  ck_assert (side_got (&client, "hello"));
  close (pair[1]);
  close (other[1]);
}

/* --- closing --- */

LOOP_TEST (shut_sends_all_and_then_closes, TCP6)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  start_both ((enum kind) _i, NULL);
  RUN_UNTIL (client.readies && server.readies);
  write_pattern (&client, BIG);
  stream_shut (client.s, PATIENCE_S);
  client.s = NULL;
  side_write (&server, "unread", 6);
  server.on_failed = close_it;
  RUN_UNTIL (server.fails);
  ck_assert_str_eq (server.reason, "closed by the peer");
  ck_assert_uint_eq (server.got.len, BIG);
  check_pattern (&server.got);
  ck_assert_uint_eq (client.inputs + client.fails, 0);
  ck_assert_int_eq (ev_run (loop, 0), 0);
}

/* During the handshake. */
TEST (shut_before_ready)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  start_both (TCP4, NULL);
  server.on_failed = close_it;
  side_write (&client, "late", 4);
  stream_shut (client.s, PATIENCE_S);
  client.s = NULL;
  RUN_UNTIL (server.fails);
  ck_assert (side_got (&server, "late"));
  ck_assert_int_eq (ev_run (loop, 0), 0);
}

TEST (peer_dies)
{
  use_psk ("keys.psk", "keys.psk", "alice");
  start_both (TCP4, NULL);
  RUN_UNTIL (client.readies && server.readies);
  server.on_input = take_none;
  side_write (&client, "mess", 4);
  RUN_UNTIL (server.inputs);
  side_close (&client);
  RUN_UNTIL (server.fails);
  ck_assert_str_eq (server.reason,
                    "closed by the peer in the middle of a message");
}

LOOP_TEST (close_within_callbacks, 6)
{
  void (**callback[]) (struct side *) = {
    &client.on_ready,  &server.on_ready,  &client.on_drained,
    &client.on_failed, &server.on_failed,
  };

  use_psk ("keys.psk", "keys.psk", "alice");
  if (_i < 5)
    *callback[_i] = close_it;
  else
    server.on_input = hang_up;
  start_both (TCP4, NULL);
  side_write (&client, "hello", 5);
  RUN_UNTIL (server.inputs || _i < 2);
  if (_i == 3)
    side_close (&server);
  if (_i == 4)
    side_close (&client);
  RUN_UNTIL (client.s == NULL || server.s == NULL);
  RUN_UNTIL (client.s == NULL || client.fails);
  RUN_UNTIL (server.s == NULL || server.fails);
}

/* --- files --- */

/* What was reported while this was loaded. */
static char report[1024];

static void
load_bad (const struct tls_options *bad)
{
  int fd = open (path_of ("report"), O_CREAT | O_TRUNC | O_RDWR, 0600);
  int old = dup (STDERR_FILENO);
  ssize_t len;

  ck_assert_int_ge (fd, 0);
  dup2 (fd, STDERR_FILENO);
  ck_assert_ptr_null (tls_new (bad));
  dup2 (old, STDERR_FILENO);
  len = pread (fd, report, sizeof report - 1, 0);
  ck_assert_int_gt (len, 0);
  report[len] = '\0';
  close (fd);
  close (old);
}

/* One line, with the name of the file. */
static void
expect_report (const char *file, const char *part)
{
  ck_assert_msg (strstr (report, part) != NULL, "%s", report);
  ck_assert_msg (strstr (report, path_of (file)) != NULL, "%s", report);
  ck_assert_ptr_eq (strchr (report, '\n'), report + strlen (report) - 1);
}

static const struct {
  const char *text, *part;
} bad_keys[] = {
  {NULL, "No such file or directory"},
  {"", "there is no key in it"},
  {"\n \n", "there is no key in it"},
  {"alice\n", "line 1 is not USER:HEXKEY"},
  {":00\n", "line 1 is not USER:HEXKEY"},
  {"bob:00\nalice:\n", "line 2 is not USER:HEXKEY"},
  {"bob:00\n\nalice:0\n", "line 3 is not USER:HEXKEY"},
  {"alice:0g", "line 1 is not USER:HEXKEY"},
};

LOOP_TEST (psk_file_of_a_server_is_bad, NR (bad_keys))
{
  const struct tls_options o = {.server = true,
                                .psk_file = path_of ("bad.psk")};

  if (bad_keys[_i].text)
    write_text ("bad.psk", bad_keys[_i].text);
  load_bad (&o);
  expect_report ("bad.psk", bad_keys[_i].part);
  unlink (path_of ("bad.psk"));
}

TEST (psk_file_of_a_client_is_bad)
{
  struct tls_options o = {.psk_file = path_of ("keys.psk"),
                          .username = "carol"};

  load_bad (&o);
  expect_report ("keys.psk", "there is no key of user carol in it");
  o.psk_file = path_of ("none.psk");
  load_bad (&o);
  expect_report ("none.psk", "No such file or directory");
  o.psk_file = path_of ("server");
  load_bad (&o);
  expect_report ("server", "Is a directory");
}

/* A file of the directory "server" is replaced, or removed. */
static const struct {
  bool server;
  const char *file, *text, *part;
} bad_files[] = {
  {true, "ca-cert.pem", NULL, "No such file or directory"},
  {true, "ca-cert.pem", "", "the file is empty"},
  {true, "ca-cert.pem", "x", ": "},
  {true, "server-cert.pem", NULL, "No such file or directory"},
  {true, "server-cert.pem", "x", ": "},
  {true, "server-key.pem", NULL, "No such file or directory"},
  {true, "server-key.pem", "x", ": "},
  {true, "ca-crl.pem", "x", ": "},
  {false, "ca-cert.pem", NULL, "No such file or directory"},
  {false, "client-cert.pem", "x", "client-key.pem: No such file"},
  {false, "client-key.pem", "x", "client-cert.pem: No such file"},
};

LOOP_TEST (certificate_file_is_bad, NR (bad_files))
{
  char path[128], file[64], command[512];
  const struct tls_options o = {.server = bad_files[_i].server,
                                .certificates = path};

  snprintf (path, sizeof path, "%s", path_of ("broken"));
  snprintf (command, sizeof command, "cp -r %s %s", path_of ("server"), path);
  ck_assert_int_eq (system (command), 0);
  snprintf (file, sizeof file, "broken/%s", bad_files[_i].file);
  unlink (path_of (file));
  if (bad_files[_i].text)
    write_text (file, bad_files[_i].text);
  load_bad (&o);
  expect_report ("broken", bad_files[_i].part);
  if (strncmp (bad_files[_i].file, "client", 6) != 0)
    expect_report (file, bad_files[_i].part);
  snprintf (command, sizeof command, "rm -r %s", path);
  ck_assert_int_eq (system (command), 0);
}

TEST (key_of_another_certificate)
{
  const struct tls_options o = {.server = true,
                                .certificates = path_of ("mismatch")};

  load_bad (&o);
  expect_report ("mismatch/server-cert.pem", "do not match");
  expect_report ("mismatch/server-key.pem", "do not match");
}

/* --- */

static void
make_dir (const struct authority *ca, const char *name, const char *who,
          const struct cert_options *o)
{
  ck_assert_int_eq (mkdir (path_of (name), 0700), 0);
  authority_write (ca, path_of (name));
  if (o)
    authority_certify (ca, path_of (name), who, o);
}

static void
copy_file (const char *from, const char *to)
{
  char command[512];

  snprintf (command, sizeof command, "cp %s %s", path_of (from), path_of (to));
  ck_assert_int_eq (system (command), 0);
}

static void
make_certificates (void)
{
  static const struct cert_options log_server = {
    .name = "log server",
    .host = "log.example",
    .address = "127.0.0.1",
    .purpose = GNUTLS_KP_TLS_WWW_SERVER,
  };
  static const struct cert_options poser = {
    .name = "poser",
    .host = "log.example",
    .purpose = GNUTLS_KP_TLS_WWW_CLIENT,
  };
  static const struct cert_options mirror = {
    .name = "mirror 1",
    .purpose = GNUTLS_KP_TLS_WWW_CLIENT,
  };
  struct authority *ca = authority_new ("our authority");
  struct authority *other = authority_new ("other authority");

  make_dir (ca, "server", "server", &log_server);
  make_dir (ca, "poser", "server", &poser);
  make_dir (other, "foreign", "server", &log_server);
  make_dir (ca, "mismatch", "server", &log_server);
  copy_file ("server/server-key.pem", "mismatch/server-key.pem");

  make_dir (ca, "anyone", NULL, NULL);
  make_dir (ca, "client", "client", &mirror);
  make_dir (ca, "revoked", "client", &mirror);
  make_dir (other, "foreign-client", "client", &mirror);
  copy_file ("server/ca-cert.pem", "foreign-client/ca-cert.pem");
  authority_revoke (ca, path_of ("server"),
                    path_of ("revoked/client-cert.pem"));
  authority_free (ca);
  authority_free (other);
}

static void
make_keys (void)
{
  char text[256];

  write_text ("keys.psk", "bob:ff00ff00ff00ff00\n\nalice:0123456789abcdef\n");
  write_text ("wrong.psk", "alice:0123456789abcdee\neve:0123456789abcdef\n");
  write_text ("grows.psk", "carol:00ff\n");
  snprintf (text, sizeof text, "%s:0123456789ABCDEF",
            getpwuid (geteuid ())->pw_name);
  write_text ("own.psk", text);
}

static int
remove_one (const char *path, const struct stat *st, int flag,
            struct FTW *level)
{
  (void) st;
  (void) flag;
  (void) level;
  return remove (path);
}

/* Once for each case. */
static void
make_files (void)
{
  temp_path (dir, sizeof dir, "unit-tls");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  make_keys ();
  make_certificates ();
}

static void
remove_files (void)
{
  ck_assert_int_eq (nftw (dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .setup_once = make_files,
  .teardown_once = remove_files,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("tls");
}
