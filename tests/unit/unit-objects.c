/* SPDX-License-Identifier: BSD-3-Clause */

/* What legs lie on: names that exist, and block devices of a sysfs that is
 * made for the test.
 */

#include "config.h"

#undef NDEBUG

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <check.h>

#include "block-objects.h"
#include "cleanup.h"
#include "leg-objects.h"
#include "suite.h"
#include "temp-path.h"

#define COUNT(array) (sizeof array / sizeof array[0])

/* --- a sysfs below the directory --- */

static char dir[128];

static void __attribute__ ((format (printf, 2, 3)))
in_dir (char path[512], const char *fmt, ...)
{
  int n = snprintf (path, 512, "%s/", dir);
  va_list args;

  va_start (args, fmt);
  vsnprintf (path + n, 512 - (size_t) n, fmt, args);
  va_end (args);
}

/* In place of /sys. */
static const char *
redirect (const char *path, char redirected[512])
{
  if (strncmp (path, "/sys/", 5) != 0)
    return path;
  in_dir (redirected, "%s", path + 5);
  return redirected;
}

FILE *__real_fopen (const char *path, const char *mode);
FILE *__wrap_fopen (const char *path, const char *mode);
DIR *__real_opendir (const char *path);
DIR *__wrap_opendir (const char *path);

FILE *
__wrap_fopen (const char *path, const char *mode)
{
  char redirected[512];

  return __real_fopen (redirect (path, redirected), mode);
}

DIR *
__wrap_opendir (const char *path)
{
  char redirected[512];

  return __real_opendir (redirect (path, redirected));
}

/* The file "devices/NAME/ATTRIBUTE", with what directories it needs. */
static void
attribute (const char *name, const char *attr, const char *value)
{
  char path[512];
  FILE *fp;

  in_dir (path, "devices/%s/%s", name, attr);
  for (char *slash = strchr (path + strlen (dir) + 1, '/'); slash;
       slash = strchr (slash + 1, '/')) {
    *slash = '\0';
    ck_assert (mkdir (path, 0700) == 0 || errno == EEXIST);
    *slash = '/';
  }
  fp = __real_fopen (path, "w");
  ck_assert_ptr_nonnull (fp);
  fputs (value, fp);
  ck_assert_int_eq (fclose (fp), 0);
}

/* A device of this directory and number. */
static void
device (const char *name, unsigned maj, unsigned min)
{
  char link[512], target[512], value[32];
  const char *base = strrchr (name, '/');

  snprintf (value, sizeof value, "%u:%u\n", maj, min);
  attribute (name, "dev", value);
  snprintf (target, sizeof target, "MAJOR=8\nDEVNAME=%s\n",
            base ? base + 1 : name);
  attribute (name, "uevent", target);
  in_dir (link, "dev/block/%u:%u", maj, min);
  snprintf (target, sizeof target, "../../devices/%s", name);
  ck_assert_int_eq (symlink (target, link), 0);
}

static void
partition (const char *name, unsigned maj, unsigned min, const char *number,
           const char *start, const char *size)
{
  device (name, maj, min);
  attribute (name, "partition", number);
  attribute (name, "start", start);
  attribute (name, "size", size);
}

/* dm MIN lies on a device. */
static void
on (unsigned min, const char *slave, const char *dev)
{
  char name[32], attr[64];

  snprintf (name, sizeof name, "dm-%u", min);
  snprintf (attr, sizeof attr, "slaves/%s/dev", slave);
  attribute (name, attr, dev);
}

static void
make_disks (void)
{
  device ("sda", 8, 0);
  partition ("sda/sda1", 8, 1, "1\n", "2048\n", "20480\n");
  partition ("sda/sda2", 8, 2, "2\n", "22528\n", "20480\n");
  attribute ("sda", "device/wwid", "naa.5000c500a1b2c3d4\n");
  /* The same disk by another way. */
  device ("sdb", 8, 16);
  partition ("sdb/sdb1", 8, 17, "1\n", "2048\n", "20480\n");
  partition ("sdb/sdb2", 8, 18, "2\n", "22528\n", "20480\n");
  attribute ("sdb", "device/wwid", "naa.5000c500a1b2c3d4\n");
  /* Disks that say nothing. */
  device ("vda", 254, 0);
  attribute ("vda", "serial", "");
  device ("vdb", 254, 16);
  attribute ("vdb", "serial", "");
  device ("vdc", 254, 32);
  attribute ("vdc", "serial", "    \n");
  device ("vdd", 254, 48);
  attribute ("vdd", "serial", "    \n");
  /* With serial numbers, without a newline as virtio has it. */
  device ("vde", 254, 64);
  attribute ("vde", "serial", "one");
  device ("vdf", 254, 80);
  attribute ("vdf", "serial", "two");
  device ("vdg", 254, 96);
  attribute ("vdg", "serial", "one");
  /* Two namespaces of one controller. */
  device ("nvme0n1", 259, 0);
  attribute ("nvme0n1", "wwid", "nvme.1af4-1\n");
  attribute ("nvme0n1", "device/serial", "S1\n");
  device ("nvme0n2", 259, 1);
  attribute ("nvme0n2", "wwid", "nvme.1af4-2\n");
  attribute ("nvme0n2", "device/serial", "S1\n");
  /* Nonsense. */
  partition ("sda/sda3", 8, 3, "3\n", "99999999999999999999\n", "1\n");
  partition ("sda/sda4", 8, 4, "4\n", "18446744073709551615\n", "1\n");
}

/* dm-0 and dm-1 on sda1; dm-2 on dm-0; dm-3 on itself; dm-4 on sda. */
static void
make_mapper (void)
{
  for (unsigned i = 0; i < 5; ++i) {
    char name[32];

    snprintf (name, sizeof name, "dm-%u", i);
    device (name, 253, i);
  }
  on (0, "sda1", "8:1\n");
  on (1, "sda1", "8:1\n");
  on (2, "dm-0", "253:0\n");
  on (3, "dm-3", "253:3\n");
  on (4, "sda", "8:0\n");
}

static void
set_up (void)
{
  char path[512];

  temp_path (dir, sizeof dir, "nbdmirror-objects");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  in_dir (path, "dev");
  ck_assert_int_eq (mkdir (path, 0700), 0);
  in_dir (path, "dev/block");
  ck_assert_int_eq (mkdir (path, 0700), 0);
  make_disks ();
  make_mapper ();
}

static void
tear_down (void)
{
  char command[256];

  snprintf (command, sizeof command, "rm -rf '%s'", dir);
  ck_assert_int_eq (system (command), 0);
}

static const struct {
  unsigned a[2], b[2];
  const char *shared;
} devices[] = {
  {{8, 0}, {8, 0}, "/dev/sda"},
  {{8, 1}, {8, 1}, "/dev/sda1"},
  {{8, 0}, {8, 1}, "/dev/sda"},
  {{8, 1}, {8, 2}, NULL},
  {{8, 0}, {8, 16}, "the disk with wwid naa.5000c500a1b2c3d4"},
  {{8, 0}, {8, 17}, "the disk with wwid naa.5000c500a1b2c3d4"},
  {{8, 1}, {8, 17}, "the disk with wwid naa.5000c500a1b2c3d4"},
  {{8, 1}, {8, 18}, NULL},
  {{254, 0}, {254, 16}, NULL},
  {{254, 32}, {254, 48}, NULL},
  {{254, 64}, {254, 80}, NULL},
  {{254, 64}, {254, 96}, "the disk with serial one"},
  {{8, 0}, {254, 64}, NULL},
  {{259, 0}, {259, 1}, NULL},
  {{8, 3}, {8, 3}, "/dev/sda3"},
  {{8, 4}, {8, 4}, "/dev/sda4"},
  {{8, 4}, {8, 1}, NULL},
  {{253, 0}, {253, 0}, "/dev/dm-0"},
  {{253, 0}, {253, 1}, NULL},
  {{253, 0}, {8, 1}, "/dev/sda1"},
  {{253, 0}, {8, 0}, "/dev/sda"},
  {{253, 0}, {8, 2}, NULL},
  {{253, 0}, {8, 17}, "the disk with wwid naa.5000c500a1b2c3d4"},
  {{253, 2}, {253, 0}, "/dev/dm-0"},
  {{253, 2}, {253, 1}, NULL},
  {{253, 2}, {8, 1}, "/dev/sda1"},
  {{253, 3}, {253, 3}, "/dev/dm-3"},
  {{253, 3}, {253, 0}, NULL},
  {{253, 4}, {8, 2}, "/dev/sda"},
  {{253, 4}, {253, 0}, NULL},
  {{77, 7}, {77, 7}, "device 77:7"},
  {{77, 7}, {77, 8}, NULL},
};

static void
expect (const char *shared, const char *wanted)
{
  if (wanted)
    ck_assert_pstr_eq (shared, wanted);
  else
    ck_assert_msg (shared == NULL, "both lie on %s", shared);
}

static struct object_set
on_device (const unsigned number[2])
{
  struct object_set set = {0};

  ck_assert_int_eq (block_objects (&set, makedev (number[0], number[1])), 0);
  return set;
}

LOOP_TEST (devices_share_what_they_lie_on, COUNT (devices))
{
  struct object_set a = on_device (devices[_i].a);
  struct object_set b = on_device (devices[_i].b);

  expect (object_set_shared (&a, &b), devices[_i].shared);
  ck_assert ((object_set_shared (&b, &a) != NULL) ==
             (devices[_i].shared != NULL));
  object_set_free (&a);
  object_set_free (&b);
}

/* --- names --- */

/* Too long for a name: nobody is asked. */
#define NO_HOST \
  "name0of1more2than3sixty4three5characters6that7no8server9knows0about1it"

/* "%s": the directory. */
static const struct {
  const char *a, *b, *shared;
} names[] = {
  {"file", "hard", "%s/file"},
  {"file", "soft", "%s/file"},
  {"file", "./sub/../file", "%s/file"},
  {"file", "other", NULL},
  {"absent", "absent", "%s/absent"},
  {"absent", "./sub/../absent", "%s/absent"},
  {"absent", "file", NULL},
  {"file", "nbd://localhost/file", NULL},
  {"nbd://localhost", "nbd://127.0.0.1:10809",
   "127.0.0.1 port 10809, export \"\""},
  {"nbds://me@LocalHost:10809/x?tls-psk-file=/k", "nbd://127.0.0.1/%78",
   "127.0.0.1 port 10809, export \"x\""},
  {"nbd://[::ffff:127.0.0.1]", "nbd://127.0.0.1",
   "127.0.0.1 port 10809, export \"\""},
  {"nbd://127.0.0.1/x", "nbd://127.0.0.1/y", NULL},
  {"nbd://127.0.0.1/", "nbd://127.0.0.1:10810/", NULL},
  {"nbd://127.0.0.1/", "nbd://127.0.0.2/", NULL},
  {"nbd://" NO_HOST "/x", "nbds://me@" NO_HOST ".:10809/x",
   NO_HOST " port 10809, export \"x\""},
  {"nbd+unix:///x?socket=sock", "nbd+unix:///x?socket=softsock",
   "socket %s/sock, export \"x\""},
  {"nbd+unix:///x?socket=sock", "nbd+unix:///y?socket=sock", NULL},
  {"nbd+unix:///x?socket=nosock", "nbd+unix:///x?socket=sub/../nosock",
   "socket %s/nosock, export \"x\""},
  {"nbd+vsock://3/x", "nbds+vsock://3:10809/x",
   "vsock 3 port 10809, export \"x\""},
  {"nbd+vsock://3/x", "nbd://3/x", NULL},
  {"nbd+unix:///x", "nbd+unix:///x", NULL},
};

static void
make_names (void)
{
  ck_assert_int_eq (chdir (dir), 0);
  ck_assert_int_eq (mkdir ("sub", 0700), 0);
  ck_assert_int_eq (mknod ("file", S_IFREG | 0600, 0), 0);
  ck_assert_int_eq (mknod ("other", S_IFREG | 0600, 0), 0);
  ck_assert_int_eq (mknod ("sock", S_IFSOCK | 0600, 0), 0);
  ck_assert_int_eq (link ("file", "hard"), 0);
  ck_assert_int_eq (symlink ("file", "soft"), 0);
  ck_assert_int_eq (symlink ("sock", "softsock"), 0);
}

/* With the directory in place of "%s". */
static const char *
full_label (const char *label, char full[512])
{
  const char *rest = label ? strstr (label, "%s") : NULL;

  if (!rest)
    return label;
  snprintf (full, 512, "%.*s%s%s", (int) (rest - label), label, dir, rest + 2);
  return full;
}

LOOP_TEST (names_share_what_they_lie_on, COUNT (names))
{
  struct object_set a, b;
  char wanted[512];

  make_names ();
  ck_assert_int_eq (leg_objects (&a, names[_i].a), 0);
  ck_assert_int_eq (leg_objects (&b, names[_i].b), 0);
  expect (object_set_shared (&a, &b), full_label (names[_i].shared, wanted));
  object_set_free (&a);
  object_set_free (&b);
}

/* Only the inode tells. */
TEST (a_socket_is_the_same_by_a_hard_link)
{
  struct object_set a, b;
  const char *shared;

  make_names ();
  ck_assert_int_eq (link ("sock", "hardsock"), 0);
  ck_assert_int_eq (leg_objects (&a, "nbd+unix:///x?socket=sock"), 0);
  ck_assert_int_eq (leg_objects (&b, "nbd+unix:///x?socket=hardsock"), 0);
  shared = object_set_shared (&a, &b);
  ck_assert_ptr_nonnull (shared);
  ck_assert_ptr_nonnull (strstr (shared, "socket with inode "));
  object_set_free (&a);
  object_set_free (&b);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("objects");
}
