/* SPDX-License-Identifier: BSD-3-Clause */

/* Keys and certificates that are read again, and certificates that end soon. */

#include "config.h"

#undef NDEBUG
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "make-certs.h"
#include "stream-fixture.h"
#include "suite.h"
#include "temp-path.h"
#include "tls-impl.h"
#include "tls.h"
#include "unit-wait.h"

/* Certificates, and keys.psk, of both sides. */
static char dir[64], keys[128];

static struct authority *ca;
static struct side client, server;
static struct tls *client_tls, *server_tls;

/* --- files --- */

static void
certify (bool of_server, const char *name, int days)
{
  const struct cert_options o = {
    .name = name,
    .host = of_server ? "log.example" : NULL,
    .purpose = of_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT,
    .days = days,
  };

  authority_certify (ca, dir, of_server ? "server" : "client", &o);
}

/* Another file than before: the clock of files is coarse. */
static void
write_file (const char *name, const char *text)
{
  char path[128], new[128];
  FILE *fp;

  snprintf (path, sizeof path, "%s/%s", dir, name);
  snprintf (new, sizeof new, "%s/new", dir);
  fp = fopen (new, "w");
  ck_assert_ptr_nonnull (fp);
  ck_assert_int_ge (fputs (text, fp), 0);
  ck_assert_int_eq (fclose (fp), 0);
  ck_assert_int_eq (rename (new, path), 0);
}

static void
set_up (void)
{
  loop_set_up ();
  client = server = (struct side){0};
  client_tls = server_tls = NULL;
  temp_path (dir, sizeof dir, "unit-tls-again");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  snprintf (keys, sizeof keys, "%s/keys.psk", dir);
  ca = authority_new ("our authority");
  authority_write (ca, dir);
}

static void
tear_down (void)
{
  char command[128];

  side_free (&client);
  side_free (&server);
  tls_free (client_tls);
  tls_free (server_tls);
  loop_tear_down ();
  authority_free (ca);
  snprintf (command, sizeof command, "rm -r '%s'", dir);
  ck_assert_int_eq (system (command), 0);
}

/* --- what is said --- */

static char said[4096];
static int old_stderr = -1, said_fd;

static void
listen_begin (void)
{
  old_stderr = dup (STDERR_FILENO);
  said_fd = open (dir, O_TMPFILE | O_RDWR, 0600);
  ck_assert_int_ge (old_stderr, 0);
  ck_assert_int_ge (said_fd, 0);
  ck_assert_int_ge (dup2 (said_fd, STDERR_FILENO), 0);
}

static void
listen_end (void)
{
  ssize_t len = pread (said_fd, said, sizeof said - 1, 0);

  dup2 (old_stderr, STDERR_FILENO);
  ck_assert_int_ge (len, 0);
  said[len] = '\0';
  close (said_fd);
  close (old_stderr);
}

static void
expect_said (const char *part)
{
  ck_assert_msg (strstr (said, part) != NULL, "\"%s\" is not in: %s", part,
                 said);
}

/* "ends on" with the date in so many days. */
static void
expect_date (int days)
{
  time_t end = time (NULL) + days * 24 * 3600;
  char a[32], b[32];
  struct tm tm;

  strftime (a, sizeof a, "ends on %F", gmtime_r (&end, &tm));
  end -= 60; /* it was made before midnight */
  strftime (b, sizeof b, "ends on %F", gmtime_r (&end, &tm));
  ck_assert_msg (strstr (said, a) || strstr (said, b), "no \"%s\" in: %s", a,
                 said);
}

/* --- connections --- */

static struct tls *
load (bool of_server, bool psk)
{
  const struct tls_options o = {
    .server = of_server,
    .psk_file = psk ? keys : NULL,
    .certificates = psk ? NULL : dir,
    .username = "alice",
    .verify_peer = !psk,
  };
  struct tls *tls = tls_new (&o);

  ck_assert_ptr_nonnull (tls);
  return tls;
}

static void
load_both (bool psk)
{
  server_tls = load (true, psk);
  client_tls = load (false, psk);
}

static void
connect_both (void)
{
  int pair[2];

  side_free (&client);
  side_free (&server);
  client = server = (struct side){0};
  ck_assert (connect_pair (TCP4, pair));
  options.tls = client_tls;
  options.server_name = "log.example";
  ck_assert_ptr_nonnull (side_new (&client, pair[0], true));
  options.tls = server_tls;
  options.server_name = NULL;
  ck_assert_ptr_nonnull (side_new (&server, pair[1], false));
}

static void
pass_bytes (void)
{
  size_t before = server.got.len;

  side_write (&client, "hello", 5);
  RUN_UNTIL (server.got.len == before + 5);
}

static void
expect_names (const char *of_server, const char *of_client)
{
  connect_both ();
  pass_bytes ();
  ck_assert_str_eq (stream_identity (client.s), of_server);
  ck_assert_str_eq (stream_identity (server.s), of_client);
}

/* --- tests --- */

/* Those that there are go on with the old ones. */
TEST (new_connections_use_new_certificates)
{
  certify (true, "old server", 0);
  certify (false, "old client", 0);
  load_both (false);
  expect_names ("old server", "old client");
  certify (true, "new server", 0);
  certify (false, "new client", 0);
  ck_assert_int_eq (tls_reload (&server_tls), 0);
  tls_reload_changed (&client_tls);
  pass_bytes ();
  expect_names ("new server", "new client");
}

static const char *const certificate_files[] = {
  "server-cert.pem",
  "server-key.pem",
  "ca-cert.pem",
};

LOOP_TEST (bad_certificates_leave_the_old_ones, 3)
{
  const char *file = certificate_files[_i];

  certify (true, "a server", 0);
  certify (false, "a client", 0);
  load_both (false);
  write_file (file, "not a certificate");
  listen_begin ();
  ck_assert_int_eq (tls_reload (&server_tls), -1);
  listen_end ();
  expect_said (file);
  expect_said ("of before stay in use");
  expect_names ("a server", "a client");
}

static void
expect_user (bool is_known)
{
  connect_both ();
  side_write (&client, "hello", 5);
  RUN_UNTIL (server.got.len || server.fails);
  ck_assert_int_eq (server.got.len == 5, is_known);
}

TEST (a_bad_file_of_keys_leaves_the_old_ones)
{
  write_file ("keys.psk", "bob:ff00ff00\nalice:0123456789abcdef\n");
  load_both (true);
  write_file ("keys.psk", "alice:0123456789abcdef\nbob");
  listen_begin ();
  tls_reload_changed (&server_tls);
  listen_end ();
  expect_said ("line 2 is not USER:HEXKEY");
  expect_user (true);
  write_file ("keys.psk", "bob:ff00ff00\n");
  tls_reload_changed (&server_tls);
  expect_user (false);
}

TEST (a_client_has_its_new_key)
{
  write_file ("keys.psk", "alice:0123456789abcdef\n");
  load_both (true);
  write_file ("keys.psk", "alice:ffff456789abcdef\n");
  tls_reload_changed (&server_tls);
  expect_user (false);
  tls_reload_changed (&client_tls);
  expect_user (true);
}

TEST (files_that_did_not_change_are_not_read)
{
  const struct tls *before;

  certify (true, "a server", 0);
  before = server_tls = load (true, false);
  tls_reload_changed (&server_tls);
  ck_assert_ptr_eq (server_tls, before);
  write_file ("server-key.pem", "x");
  listen_begin ();
  tls_reload_changed (&server_tls);
  listen_end ();
  expect_said ("server-key.pem");
  listen_begin ();
  tls_reload_changed (&server_tls);
  listen_end ();
  ck_assert_str_eq (said, "");
}

/* What is said when a certificate with so many days is read. */
static void
load_days (bool of_server, int days)
{
  certify (of_server, "somebody", days);
  listen_begin ();
  server_tls = load (of_server, false);
  listen_end ();
}

LOOP_TEST (a_certificate_that_ends_soon_is_said, 2)
{
  load_days (_i == 0, 6);
  expect_said (_i == 0 ? "server-cert.pem: " : "client-cert.pem: ");
  expect_said (dir);
  expect_date (6);
}

TEST (a_certificate_that_has_ended_is_said)
{
  load_days (true, -1);
  expect_said ("ended on ");
}

TEST (a_certificate_that_is_good_for_long_is_not_said)
{
  load_days (true, 8);
  ck_assert_str_eq (said, "");
}

static void
tick (void)
{
  listen_begin ();
  tls_tick (&server_tls);
  listen_end ();
}

/* Also where nobody connects. */
TEST (it_is_said_once_a_day)
{
  load_days (true, 6);
  tick ();
  ck_assert_str_eq (said, "");
  server_tls->tell_due = 0;
  tick ();
  expect_date (6);
  tick ();
  ck_assert_str_eq (said, "");
}

/* A client reads its files anyway when it connects. */
TEST (a_client_does_not_speak_of_a_file_that_was_renewed)
{
  load_days (false, 6);
  certify (false, "somebody", 60);
  server_tls->tell_due = 0;
  tick ();
  ck_assert_str_eq (said, "");
}

LOOP_TEST (a_peer_s_certificate_that_ends_soon_is_said, 2)
{
  certify (true, "the server", _i == 0 ? 5 : 0);
  certify (false, "the client", _i == 0 ? 0 : 5);
  load_both (false);
  for (unsigned i = 0; i < 2; ++i) {
    listen_begin ();
    expect_names ("the server", "the client");
    listen_end ();
    if (i > 0)
      ck_assert_str_eq (said, ""); /* it is no news */
    else {
      expect_said ("127.0.0.1:");
      expect_said (_i == 0 ? "\"the server\"" : "\"the client\"");
      expect_date (5);
    }
  }
}

static void
tell_client_end (void)
{
  listen_begin ();
  tls_tell_client_end (dir);
  listen_end ();
}

TEST (of_a_file_that_others_read_it_is_said_once_a_day)
{
  tell_client_end ();
  ck_assert_str_eq (said, "");
  certify (false, "a leg's client", 4);
  tell_client_end ();
  expect_said ("client-cert.pem: this certificate ends on ");
  expect_date (4);
  tell_client_end ();
  ck_assert_str_eq (said, "");
  certify (false, "a leg's client", 3);
  tell_client_end ();
  expect_date (3);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("tls again");
}
