/* SPDX-License-Identifier: BSD-3-Clause */

/* Which NBD URIs name the same export. */

#include "config.h"

#undef NDEBUG

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "cleanup.h"
#include "nbd-identity.h"
#include "suite.h"
#include "temp-path.h"

#define COUNT(array) (sizeof array / sizeof array[0])

/* To be freed. */
static char *
normal (const char *uri)
{
  struct nbd_identity who;
  char *text;

  ck_assert_msg (nbd_identity_parse (&who, uri) == 0, "%s: %s", uri,
                 strerror (errno));
  text = nbd_identity_text (&who);
  ck_assert_ptr_nonnull (text);
  nbd_identity_free (&who);
  return text;
}

static const char *const normal_forms[][2] = {
  {"nbd://disk1", "tcp 10809 5:disk1 "},
  {"nbd://disk1/", "tcp 10809 5:disk1 "},
  {"nbd://disk1:10809/", "tcp 10809 5:disk1 "},
  {"NBD://Disk1/", "tcp 10809 5:disk1 "},
  {"nbds://disk1/", "tcp 10809 5:disk1 "},
  {"nbds://hosta@disk1/", "tcp 10809 5:disk1 "},
  {"nbds://hostb@disk1/?tls-psk-file=/etc/b.psk", "tcp 10809 5:disk1 "},
  {"nbds://disk1/?tls-certificates=/etc/pki&tls-hostname=x",
   "tcp 10809 5:disk1 "},
  {"nbds://disk1/?tls-hostname=x&tls-certificates=/etc/pki",
   "tcp 10809 5:disk1 "},
  {"nbd://disk1./", "tcp 10809 5:disk1 "},
  {"nbd://disk1.example.COM", "tcp 10809 17:disk1.example.com "},
  {"nbd://disk1:10810/", "tcp 10810 5:disk1 "},
  {"nbd://disk2/", "tcp 10809 5:disk2 "},
  {"nbd:///", "tcp 10809 9:localhost "},
  {"nbd://", "tcp 10809 9:localhost "},
  {"nbd:///x", "tcp 10809 9:localhost x"},
  {"nbd://127.0.0.1/x", "tcp 10809 9:127.0.0.1 x"},
  {"nbd://[::1]/x", "tcp 10809 3:::1 x"},
  {"nbd://[0:0:0:0:0:0:0:1]:10809/x", "tcp 10809 3:::1 x"},
  {"nbd://[2001:DB8::A]/x", "tcp 10809 11:2001:db8::a x"},
  {"nbd://disk1/a", "tcp 10809 5:disk1 a"},
  {"nbd://disk1/A", "tcp 10809 5:disk1 A"},
  {"nbd://disk1/%61", "tcp 10809 5:disk1 a"},
  {"nbd://disk1//a", "tcp 10809 5:disk1 /a"},
  {"nbd://disk1/a%2Fb", "tcp 10809 5:disk1 a/b"},
  {"nbd://disk1/a%20b", "tcp 10809 5:disk1 a b"},
  {"nbd+vsock:///x", "vsock 10809 1:2 x"},
  {"nbd+vsock://2/x", "vsock 10809 1:2 x"},
  {"nbds+vsock://2:10809/x", "vsock 10809 1:2 x"},
  {"nbd+vsock://3:7/x", "vsock 7 1:3 x"},
  {"nbd+unix:///?socket=/no/sock", "unix 0 8:/no/sock "},
  {"nbds+unix://hosta@/?socket=/no/sock", "unix 0 8:/no/sock "},
  {"nbd+unix:///?socket=%2Fno%2Fsock", "unix 0 8:/no/sock "},
  {"nbd+unix:///x?tls-psk-file=k&socket=/no/sock", "unix 0 8:/no/sock x"},
  {"nbd+unix:///x?socket=/no/sock;tls-psk-file=k", "unix 0 8:/no/sock x"},
  {"nbd+unix:///x?socket=/else&socket=/no/sock", "unix 0 8:/no/sock x"},
  {"nbd+unix:///x?socket=/no/a%26b", "unix 0 7:/no/a&b x"},
};

LOOP_TEST (only_what_names_the_export_remains, COUNT (normal_forms))
{
  CLEANUP_FREE char *text = normal (normal_forms[_i][0]);

  ck_assert_str_eq (text, normal_forms[_i][1]);
}

static const char *const no_exports[] = {
  "nbd+unix://",
  "nbd+unix:///x",
  "nbd+unix:///x?socket",
  "nbd+unix:///x?socket=",
  "nbd+unix:///x?sockets=/no/sock",
  "nbd+unix:///x?tls-hostname=socket=/no/sock",
  "nbd://disk1/%zz",
  "nbd://disk1:port/",
  "nbd://[::1/",
  "nbd://disk 1/",
  "",
};

LOOP_TEST (what_names_no_export_is_refused, COUNT (no_exports))
{
  struct nbd_identity who;

  ck_assert_int_eq (nbd_identity_parse (&who, no_exports[_i]), -1);
  ck_assert_int_eq (errno, EINVAL);
  nbd_identity_free (&who);
}

/* Of what the user types, and a socket that exists. */
TEST (a_socket_is_the_same_by_any_path)
{
  char dir[128];
  CLEANUP_FREE char *wanted = NULL, *other = NULL;
  static const char *const spellings[] = {
    "nbd+unix:///x?socket=sock",         "nbd+unix:///x?socket=./sock",
    "nbd+unix:///x?socket=sub/../sock",  "nbd+unix:///x?socket=soft",
    "nbd+unix:///x?socket=softdir/sock",
  };

  temp_path (dir, sizeof dir, "nbdmirror-identity");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  ck_assert_int_eq (chdir (dir), 0);
  ck_assert_int_eq (mkdir ("sub", 0700), 0);
  ck_assert_int_eq (symlink (".", "softdir"), 0);
  ck_assert_int_eq (symlink ("sock", "soft"), 0);
  ck_assert_int_eq (mknod ("sock", S_IFSOCK | 0600, 0), 0);
  ck_assert_int_ne (asprintf (&wanted, "unix 0 %zu:%s/sock x",
                              strlen (dir) + strlen ("/sock"), dir),
                    -1);
  for (size_t i = 0; i < COUNT (spellings); ++i) {
    CLEANUP_FREE char *text = normal (spellings[i]);

    ck_assert_str_eq (text, wanted);
  }
  ck_assert_int_eq (unlink ("sock"), 0);
  other = normal ("nbd+unix:///x?socket=softdir/sock");
  ck_assert_str_eq (other, wanted);
  ck_assert_int_eq (unlink ("soft"), 0);
  ck_assert_int_eq (unlink ("softdir"), 0);
  ck_assert_int_eq (rmdir ("sub"), 0);
  ck_assert_int_eq (rmdir (dir), 0);
}

static void
hash (const char *uri, uint8_t id[LEG_ID_SIZE])
{
  struct nbd_identity who;

  ck_assert_int_eq (nbd_identity_parse (&who, uri), 0);
  ck_assert_int_eq (nbd_identity_hash (&who, id), 0);
  nbd_identity_free (&who);
}

TEST (hosts_with_a_key_each_agree_on_the_identity)
{
  uint8_t a[LEG_ID_SIZE], b[LEG_ID_SIZE], other[LEG_ID_SIZE];

  hash ("nbds://hosta@disk1/?tls-psk-file=/etc/a", a);
  hash ("nbds://hostb@disk1/?tls-psk-file=/etc/b", b);
  hash ("nbds://hostb@disk2/?tls-psk-file=/etc/b", other);
  ck_assert_mem_eq (a, b, LEG_ID_SIZE);
  ck_assert_mem_ne (a, other, LEG_ID_SIZE);
}

/* Those that logs of earlier versions hold. */
TEST (the_old_identity_is_that_of_the_text)
{
  static const uint8_t known[LEG_ID_SIZE] = {
    0x72, 0x4d, 0x4e, 0x2f, 0x8e, 0x45, 0x54, 0x39,
    0x91, 0xb2, 0x67, 0x21, 0x29, 0xed, 0x09, 0x1b};
  uint8_t id[LEG_ID_SIZE];

  nbd_identity_old_hash ("nbd://localhost:10810/", id);
  ck_assert_mem_eq (id, known, LEG_ID_SIZE);
}

static struct suite_group tests;

int
main (void)
{
  return suite_main ("nbd-identity");
}
