/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a leg's server is: URIs, and names whose look-up takes long, fails, or
 * has another answer than before.
 */

#include "config.h"

#undef NDEBUG

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "cleanup.h"
#include "deadline.h"
#include "fake-dns.h"
#include "leg.h"
#include "make-certs.h"
#include "nbd-server.h"
#include "nbd-uri.h"
#include "resolver.h"
#include "suite.h"
#include "temp-path.h"

#define MAX_WAIT_S 20

/* ---- URIs ---- */

TEST (names_of_files_become_absolute)
{
  static const char *const uris[][2] = {
    {"nbd://host/e", "nbd://host/e"},
    {"nbd+unix:///?socket=s", "nbd+unix:///?socket=/dir/s"},
    {"nbd+unix:///e?socket=/s", "nbd+unix:///e?socket=/s"},
    {"nbd+unix:///e%20x?socket=./a%20b",
     "nbd+unix:///e%20x?socket=/dir/./a%20b"},
    {"nbds://u@h:1/?tls-psk-file=k", "nbds://u@h:1/?tls-psk-file=/dir/k"},
    {"nbds://h/?tls-certificates=c&x=y",
     "nbds://h/?tls-certificates=/dir/c&x=y"},
    {"nbds+unix:///?x=y;socket=s;tls-psk-file=/k",
     "nbds+unix:///?x=y;socket=/dir/s;tls-psk-file=/k"},
    {"nbd+unix:///?socket=a%26b", "nbd+unix:///?socket=/dir/a%26b"},
    {"nbd://h/?", "nbd://h/?"},
  };
  char expected[512];

  for (size_t i = 0; i < sizeof uris / sizeof uris[0]; ++i) {
    CLEANUP_FREE char *cwd = getcwd (NULL, 0);
    CLEANUP_FREE char *uri = nbd_uri_absolute (uris[i][0]);
    const char *wanted = uris[i][1], *dir = strstr (wanted, "/dir/");

    ck_assert_ptr_nonnull (uri);
    if (dir)
      snprintf (expected, sizeof expected, "%.*s%s/%s", (int) (dir - wanted),
                wanted, cwd, dir + 5);
    else
      snprintf (expected, sizeof expected, "%s", wanted);
    ck_assert_str_eq (uri, expected);
  }
}

TEST (an_address_takes_the_place_of_the_host)
{
  static const char *const uris[][3] = {
    {"nbd://host/e", "192.0.2.1", "nbd://192.0.2.1/e"},
    {"nbd://host", "192.0.2.1", "nbd://192.0.2.1"},
    {"nbds://u@host:99/?a=b@c", "2001:db8::1",
     "nbds://u@[2001:db8::1]:99/?a=b@c"},
    {"nbd://[::1]:99/", "192.0.2.1", "nbd://192.0.2.1:99/"},
    {"nbd://:99/e", "127.0.0.1", "nbd://127.0.0.1:99/e"},
    {"nbd:///e", "127.0.0.1", "nbd://127.0.0.1/e"},
  };

  for (size_t i = 0; i < sizeof uris / sizeof uris[0]; ++i) {
    CLEANUP_FREE char *uri = nbd_uri_with_address (uris[i][0], uris[i][1]);

    ck_assert_str_eq (uri, uris[i][2]);
  }
}

TEST (certificates_need_the_name)
{
  ck_assert (nbd_uri_needs_name ("nbds://host/"));
  ck_assert (nbd_uri_needs_name ("NBDS://host/?tls-certificates=/c"));
  ck_assert (!nbd_uri_needs_name ("nbd://host/"));
  ck_assert (!nbd_uri_needs_name ("nbds://host/?tls-psk-file=/k"));
  ck_assert (!nbd_uri_needs_name ("nbds://host/?a=b&tls-hostname=x"));
}

/* ---- The resolver ---- */

static int
ask (struct resolver *r, uint64_t ms, const char **why)
{
  struct host_address found[RESOLVER_MAX];

  return resolver_ask (r, now_ns () + ms * NSEC_PER_MSEC, NULL, found, why);
}

TEST (figures_are_not_asked_for)
{
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  const char *why;

  fake_dns_hang ();
  for (size_t i = 0; i < 2; ++i) {
    struct resolver *r = resolver_new (hosts[i]);

    ck_assert_int_eq (ask (r, 0, &why), 1);
    resolver_free (r);
  }
  ck_assert_uint_eq (fake_dns_asked (), 0);
  fake_dns_release (false);
}

TEST (an_answer_that_does_not_come_is_not_waited_for)
{
  struct resolver *r = resolver_new ("leg.test");
  uint64_t begin = now_ns ();
  const char *why;

  fake_dns_hang ();
  for (unsigned i = 0; i < 3; ++i) {
    ck_assert_int_eq (ask (r, 100, &why), -1);
    ck_assert_str_eq (why, "its address could not be looked up in time");
  }
  ck_assert_uint_gt (now_ns () - begin, 290 * NSEC_PER_MSEC);
  /* It was asked once, and the answer is taken when it is there. */
  ck_assert_uint_le (fake_dns_asked (), 1);
  fake_dns_release (true);
  ck_assert_int_eq (ask (r, MAX_WAIT_S * 1000, &why), 1);
  ck_assert_uint_eq (fake_dns_asked (), 1);
  ck_assert_int_eq (ask (r, MAX_WAIT_S * 1000, &why), 1);
  ck_assert_uint_eq (fake_dns_asked (), 2);
  fake_dns_release (false);
  ck_assert_int_eq (ask (r, MAX_WAIT_S * 1000, &why), -1);
  resolver_free (r);
}

TEST (a_question_is_left_behind)
{
  struct resolver *r = resolver_new ("leg.test");
  const char *why;

  fake_dns_hang ();
  ck_assert_int_eq (ask (r, 10, &why), -1);
  resolver_free (r);
  fake_dns_release (true);
  resolver_free (NULL);
}

/* ---- Legs ---- */

static const char *const args[] = {"memory", "1M", NULL};

static struct leg *
new_leg (const struct nbd_server *server, const char *host)
{
  const struct leg_options options = {.connections = 2,
                                      .timeout_ns = 5 * NSEC_PER_SEC};
  const char *port = strrchr (server->uri, ':');
  struct leg *leg;
  char uri[128];

  snprintf (uri, sizeof uri, "nbd://%s%s", host, port);
  leg = leg_new (uri, &options);
  ck_assert_ptr_nonnull (leg);
  return leg;
}

TEST (a_dead_resolver_does_not_hold_up_a_leg)
{
  struct nbd_server server;
  char text[LEG_ERROR_SIZE];
  struct leg *leg;
  uint64_t begin;

  nbd_server_start (&server, true, args);
  leg = new_leg (&server, "leg.test");
  fake_dns_hang ();
  begin = now_ns ();
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_uint_lt (now_ns () - begin, 10 * NSEC_PER_SEC);
  leg_last_error (leg, text, sizeof text);
  ck_assert_str_eq (text,
                    "connect: its address could not be looked up in time");
  fake_dns_release (true);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_free (leg);
  nbd_server_end (&server);
}

LOOP_TEST (the_last_good_address_is_kept, 2)
{
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, true, args);
  leg = new_leg (&server, "leg.test");
  fake_dns_release (true);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_close (leg);
  if (_i == 0)
    fake_dns_hang ();
  else
    fake_dns_release (false);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  leg_free (leg);
  fake_dns_release (false);
  nbd_server_end (&server);
}

/* Nobody listens at the old one. */
TEST (a_new_address_is_found)
{
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, true, args);
  leg = new_leg (&server, "leg.test");
  fake_dns_release (true);
  fake_dns_address ("127.0.0.9");
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, ECONNREFUSED);
  fake_dns_address ("127.0.0.1");
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_close (leg);
  /* And what was good before is not believed as long as there is an answer. */
  fake_dns_address ("127.0.0.9");
  ck_assert_int_eq (leg_open (leg, 0), -1);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (addresses_in_figures_need_no_resolver)
{
  struct nbd_server server;
  struct leg *leg;

  fake_dns_hang ();
  nbd_server_start (&server, true, args);
  leg = new_leg (&server, "127.0.0.1");
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_free (leg);
  fake_dns_release (false);
  nbd_server_end (&server);
}

/* ---- Keys ---- */

static void
write_key (const char *path, const char *key)
{
  FILE *fp = fopen (path, "w");

  ck_assert_ptr_nonnull (fp);
  fprintf (fp, "me:%s\n", key);
  ck_assert_int_eq (fclose (fp), 0);
}

TEST (keys_are_read_at_each_connection)
{
  static const struct leg_options options = {.connections = 2,
                                             .timeout_ns = 10 * NSEC_PER_SEC};
  char key[128], uri[512], param[160];
  const char *tls_args[] = {"--tls=require", param, "memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg;

  temp_path (key, sizeof key, "unit-leg-key");
  close (mkstemp (key));
  snprintf (param, sizeof param, "--tls-psk=%s", key);
  write_key (key, "00112233445566778899aabbccddeeff");
  nbd_server_start (&server, false, tls_args);
  snprintf (uri, sizeof uri, "nbds+unix://me@/?socket=%s&tls-psk-file=%s",
            server.socket, key);
  leg = leg_new (uri, &options);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_close (leg);
  write_key (key, "ffeeddccbbaa99887766554433221100");
  nbd_server_restart (&server, tls_args);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  leg_free (leg);
  nbd_server_end (&server);
  unlink (key);
}

/* A new authority, and a server's certificate by it. */
static void
make_certificates (const char *dir, const char *host)
{
  const struct cert_options options = {
    .name = host, .host = host, .purpose = GNUTLS_KP_TLS_WWW_SERVER};
  struct authority *ca = authority_new ("unit-leg-name");

  authority_write (ca, dir);
  authority_certify (ca, dir, "server", &options);
  authority_free (ca);
}

static void
make_dir (char *dir, size_t size)
{
  temp_path (dir, size, "unit-leg-certs");
  ck_assert_ptr_nonnull (mkdtemp (dir));
}

static void
remove_dir (const char *dir)
{
  char cmd[200];

  snprintf (cmd, sizeof cmd, "rm -rf %s", dir);
  ck_assert_int_eq (system (cmd), 0);
}

static char told_dir[128];
static unsigned times_told;

static void
note_certificates (const char *dir)
{
  snprintf (told_dir, sizeof told_dir, "%s", dir);
  times_told++;
}

TEST (certificates_are_read_at_each_connection)
{
  static const struct leg_options options = {
    .connections = 1,
    .timeout_ns = 10 * NSEC_PER_SEC,
    .on_certificates = note_certificates,
  };
  char dir[128], uri[512], param[160];
  const char *tls_args[] = {"--tls=require", param, "memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg;

  make_dir (dir, sizeof dir);
  snprintf (param, sizeof param, "--tls-certificates=%s", dir);
  make_certificates (dir, "localhost");
  nbd_server_start (&server, false, tls_args);
  snprintf (uri, sizeof uri, "nbds+unix:///?socket=%s&tls-certificates=%s",
            server.socket, dir);
  leg = leg_new (uri, &options);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_close (leg);
  ck_assert_uint_eq (times_told, 1);
  ck_assert_str_eq (told_dir, dir);
  make_certificates (dir, "localhost");
  nbd_server_restart (&server, tls_args);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_uint_eq (times_told, 2);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  leg_free (leg);
  nbd_server_end (&server);
  remove_dir (dir);
}

/* That we look addresses up ourselves takes nothing from what TLS checks. */
LOOP_TEST (the_server_must_have_a_certificate_for_its_name, 2)
{
  static const struct leg_options options = {.connections = 1,
                                             .timeout_ns = 10 * NSEC_PER_SEC};
  char dir[128], uri[512], param[160];
  const char *tls_args[] = {"--tls=require", param, "memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg;

  make_dir (dir, sizeof dir);
  snprintf (param, sizeof param, "--tls-certificates=%s", dir);
  make_certificates (dir, _i == 0 ? "localhost" : "other.test");
  nbd_server_start (&server, true, tls_args);
  fake_dns_release (true);
  snprintf (uri, sizeof uri, "nbds://localhost%s/?tls-certificates=%s",
            strrchr (server.uri, ':'), dir);
  leg = leg_new (uri, &options);
  ck_assert_int_eq (leg_open (leg, 0), _i == 0 ? 0 : -1);
  leg_free (leg);
  nbd_server_end (&server);
  remove_dir (dir);
}

static struct suite_group tests = {
  .timeout = 4 * MAX_WAIT_S,
};

int
main (void)
{
  return suite_main ("leg-name");
}
