/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses: what is accepted, what is refused with which reason. */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "resolved.h"
#include "suite.h"

#define NR(array) ((int) (sizeof (array) / sizeof (array)[0]))

#define PATIENCE_MSEC 20000

static const struct {
  const char *text, *host, *port, *path;
} good[] = {
  {"host", "host", "10810", ""},
  {"Host-1.example_x.com", "Host-1.example_x.com", "10810", ""},
  {"host:1", "host", "1", ""},
  {"host:65535", "host", "65535", ""},
  {"192.0.2.1", "192.0.2.1", "10810", ""},
  {"192.0.2.1:4711", "192.0.2.1", "4711", ""},
  {"1and1.com:4711", "1and1.com", "4711", ""},
  {"[::1]", "::1", "10810", ""},
  {"[2001:db8::1]:99", "2001:db8::1", "99", ""},
  {"[fe80::1%lo]:99", "fe80::1%lo", "99", ""},
  {"*", "", "10810", ""},
  {"*:99", "", "99", ""},
  {":99", "", "99", ""},
  {"/run/logd.sock", "", "", "/run/logd.sock"},
  {"/odd:99 []", "", "", "/odd:99 []"},
};

LOOP_TEST (good_addresses, NR (good))
{
  const char *why = NULL, *text = good[_i].text;
  char longer[64];
  struct address a;

  /* Only len bytes count. */
  snprintf (longer, sizeof longer, "%s9", text);
  ck_assert_int_eq (address_parse (&a, longer, strlen (text), "10810", &why),
                    0);
  ck_assert_ptr_null (why);
  ck_assert_str_eq (a.host, good[_i].host);
  ck_assert_str_eq (a.port, good[_i].port);
  ck_assert_str_eq (a.path, good[_i].path);
}

static const struct {
  const char *text, *why;
} bad[] = {
  {"", "empty"},
  {"host:", "the port must be 1 to 65535"},
  {"host:0", "the port must be"},
  {"host:65536", "the port must be"},
  {"host:99999", "the port must be"},
  {"host:018", "the port must be"},
  {"host:100000", "the port must be"},
  {"host:18446744073709551617", "the port must be"},
  {"host:-1", "the port must be"},
  {"host:+1", "the port must be"},
  {"host: 1", "the port must be"},
  {"host:1x", "the port must be"},
  {"host:http", "the port must be"},
  {"::1", "in brackets: [ADDRESS]"},
  {"::1:10810", "in brackets"},
  {"host:1:2", "in brackets"},
  {"[::1", "']' is missing"},
  {"[]", "not an IPv6 address"},
  {"[host]", "not an IPv6 address"},
  {"[1.2.3.4]:1", "not an IPv6 address"},
  {"[::1]1", "only :PORT"},
  {"[::1]:", "the port must be"},
  {"[::1]:x", "the port must be"},
  {"10810", "the host is missing"},
  {"1.2.3", "not an IPv4 address"},
  {"1.2.3.256:1", "not an IPv4 address"},
  {"1.2.3.4.5", "not an IPv4 address"},
  {"0x7f.1", "not an IPv4 address"},
  {"host name", "letters, digits"},
  {"host\n", "letters, digits"},
  {"ho\xc3\xb6st", "letters, digits"},
  {"host/x", "letters, digits"},
  {"user@host", "letters, digits"},
  {"-host", "begins with"},
  {".host", "begins with"},
};

static void
expect_refused (const char *text, size_t len, const char *part)
{
  const char *why = "";
  struct address a;

  errno = 0;
  ck_assert_int_eq (address_parse (&a, text, len, "10810", &why), -1);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert_msg (strstr (why, part) != NULL, "%s: %s", text, why);
}

LOOP_TEST (bad_addresses, NR (bad))
{
  expect_refused (bad[_i].text, strlen (bad[_i].text), bad[_i].why);
}

TEST (nul_bytes_are_refused)
{
  expect_refused ("a\0b", 3, "letters, digits");
  expect_refused ("/a\0b", 4, "NUL");
  expect_refused ("[::1\0]", 6, "not an IPv6 address");
  expect_refused ("[::1%\0]", 7, "not an IPv6 address");
  expect_refused ("a:1\0", 4, "the port");
}

TEST (lengths_are_limited)
{
  const char *why;
  char text[512];
  struct address a;

  memset (text, 'a', sizeof text);
  ck_assert_int_eq (address_parse (&a, text, 253, "1", &why), 0);
  ck_assert_uint_eq (strlen (a.host), 253);
  expect_refused (text, 254, "253 bytes");
  expect_refused (text, sizeof text, "253 bytes");
  text[0] = '/';
  ck_assert_int_eq (address_parse (&a, text, 107, "1", &why), 0);
  ck_assert_uint_eq (strlen (a.path), 107);
  expect_refused (text, 108, "107 bytes");
  memcpy (text, "[fe80::1%", 9);
  text[sizeof text - 1] = ']';
  expect_refused (text, sizeof text, "not an IPv6 address");
}

static struct address
parse (const char *text)
{
  const char *why;
  struct address a;

  ck_assert_int_eq (address_parse (&a, text, strlen (text), "10810", &why), 0);
  return a;
}

static int
resolve (const char *text, bool listening, struct resolved *out, int max)
{
  struct address a = parse (text);
  const char *why = "";
  int nr = address_resolve (&a, listening, out, max, &why);

  ck_assert_msg (nr >= 1 && nr <= max, "%s: %s", text, why);
  return nr;
}

static const struct {
  const char *text, *printed;
  bool local;
} known[] = {
  {"127.0.0.1:5", "127.0.0.1:5", true},
  {"127.1.2.3", "127.1.2.3:10810", true},
  {"128.0.0.1", "128.0.0.1:10810", false},
  {"192.0.2.1:4711", "192.0.2.1:4711", false},
  {"[::1]:7", "[::1]:7", true},
  {"[::2]:7", "[::2]:7", false},
  {"[2001:DB8:0::1]", "[2001:db8::1]:10810", false},
  {"[::ffff:127.9.9.9]:7", "[::ffff:127.9.9.9]:7", true},
  {"[::ffff:10.0.0.1]:7", "[::ffff:10.0.0.1]:7", false},
  {"/run/x.sock", "/run/x.sock", true},
};

LOOP_TEST_IN (resolve_tests, resolved_addresses, NR (known))
{
  struct resolved r;
  char buf[128];

  ck_assert_int_eq (resolve (known[_i].text, false, &r, 1), 1);
  ck_assert_str_eq (resolved_print (&r, buf, sizeof buf), known[_i].printed);
  ck_assert_int_eq (resolved_is_local (&r), known[_i].local);
}

TEST_IN (resolve_tests, path_of_107_bytes_is_printed)
{
  char text[108], buf[128];
  struct resolved r;

  memset (text, 'a', sizeof text);
  text[0] = '/';
  text[107] = '\0';
  resolve (text, false, &r, 1);
  ck_assert_str_eq (resolved_print (&r, buf, sizeof buf), text);
}

TEST_IN (resolve_tests, name_is_resolved)
{
  struct resolved r[8];
  int nr = resolve ("localhost", false, r, 8);

  for (int i = 0; i < nr; ++i)
    ck_assert (resolved_is_local (&r[i]));
}

/* A label has at most 63 bytes: no server is asked. */
TEST_IN (resolve_tests, name_that_is_none)
{
  struct address a = parse ("a234567890123456789012345678901234567890"
                            "123456789012345678901234.invalid");
  const char *why = NULL;
  struct resolved r;

  ck_assert_int_eq (address_resolve (&a, false, &r, 1, &why), -1);
  ck_assert_ptr_nonnull (why);
}

TEST_IN (resolve_tests, nobody_connects_to_all_interfaces)
{
  struct address a = parse ("*:99");
  const char *why = "";
  struct resolved r;

  ck_assert_int_eq (address_resolve (&a, false, &r, 1, &why), -1);
  ck_assert_str_eq (why, "the host is missing: HOST or HOST:PORT");
}

TEST_IN (resolve_tests, empty_host_listens_on_both_kinds)
{
  struct resolved r[8];
  unsigned nr4 = 0, nr6 = 0;
  int nr = resolve ("*:99", true, r, 8);

  for (int i = 0; i < nr; ++i) {
    nr4 += r[i].addr.ss_family == AF_INET;
    nr6 += r[i].addr.ss_family == AF_INET6;
    ck_assert (!resolved_is_local (&r[i]));
  }
  ck_assert_uint_eq (nr4, 1);
  ck_assert_uint_eq (nr6, 1);
}

/* The port that the system chose takes the place of port 1. */
static int
listen_anywhere (const char *text, struct resolved *r)
{
  struct sockaddr_in6 any; /* the port is where that of IPv4 is */
  int fd;

  resolve (text, true, r, 1);
  memcpy (&any, &r->addr, sizeof any);
  any.sin6_port = 0;
  memcpy (&r->addr, &any, sizeof any);
  fd = resolved_listen (r);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (getsockname (fd, (struct sockaddr *) &r->addr, &r->len),
                    0);
  return fd;
}

static void
wait_for (int fd, short events)
{
  struct pollfd pfd = {.fd = fd, .events = events};

  ck_assert_int_eq (poll (&pfd, 1, PATIENCE_MSEC), 1);
}

static bool
has_ipv6 (void)
{
  int fd = socket (AF_INET6, SOCK_STREAM, 0);

  if (fd == -1)
    return false;
  close (fd);
  return true;
}

static const char *const hosts[] = {"127.0.0.1:1", "[::1]:1"};

LOOP_TEST (listen_and_connect, NR (hosts))
{
  struct resolved r, again;
  int listener, fd, peer;

  if (_i == 1 && !has_ipv6 ())
    return;
  listener = listen_anywhere (hosts[_i], &r);
  fd = resolved_connect (&r);
  ck_assert_int_ge (fd, 0);
  wait_for (listener, POLLIN);
  peer = accept (listener, NULL, NULL);
  ck_assert_int_ge (peer, 0);
  wait_for (fd, POLLOUT);
  ck_assert_int_eq (send (fd, "x", 1, MSG_NOSIGNAL), 1);

  again = r;
  ck_assert_int_eq (resolved_listen (&again), -1);
  ck_assert_int_eq (errno, EADDRINUSE);

  /* The old connection is in TIME_WAIT, and we can listen again. */
  close (peer);
  close (fd);
  close (listener);
  listener = resolved_listen (&r);
  ck_assert_int_ge (listener, 0);
  close (listener);
}

TEST (unix_sockets_are_not_listened_on_here)
{
  struct resolved r;

  resolve ("/tmp/x", true, &r, 1);
  ck_assert_int_eq (resolved_listen (&r), -1);
  ck_assert_int_eq (errno, EAFNOSUPPORT);
}

TEST (connect_to_nothing)
{
  struct resolved r;

  resolve ("/no/such/socket", false, &r, 1);
  ck_assert_int_eq (resolved_connect (&r), -1);
  ck_assert_int_eq (errno, ENOENT);
}

static struct suite_group resolve_tests = {
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("address");
}
