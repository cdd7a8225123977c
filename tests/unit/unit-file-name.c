/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether an open file is where its name leads: common/file-name.h. */

#include "config.h"

#undef NDEBUG
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "file-name.h"
#include "suite.h"
#include "temp-path.h"

static char top[PATH_MAX - 64], dir[PATH_MAX - 32], path[PATH_MAX];
static struct file_name name;
static int fd;

static void
make (const char *file)
{
  int new = open (file, O_RDWR | O_CREAT | O_EXCL, 0600);

  ck_assert_int_ge (new, 0);
  close (new);
}

static void
watch (const char *as)
{
  fd = open (as, O_RDWR);
  ck_assert_int_ge (fd, 0);
  file_name_init (&name, as, fd);
}

static void
setup (void)
{
  temp_path (top, sizeof top, "unit-file-name");
  ck_assert_ptr_nonnull (mkdtemp (top));
  snprintf (dir, sizeof dir, "%s/d", top);
  ck_assert_int_eq (mkdir (dir, 0700), 0);
  snprintf (path, sizeof path, "%s/f", dir);
  make (path);
  watch (path);
}

static void
teardown (void)
{
  char command[PATH_MAX + 16];

  file_name_free (&name);
  file_name_free (&name);
  close (fd);
  snprintf (command, sizeof command, "rm -rf '%s'", top);
  ck_assert_int_eq (system (command), 0);
}

static struct suite_group tests = {.setup = setup, .teardown = teardown};

/* "top/LAST" */
static const char *
below_top (const char *last)
{
  static char buf[PATH_MAX];

  snprintf (buf, sizeof buf, "%s/%s", top, last);
  return buf;
}

static void
looks (enum file_place first, enum file_place second)
{
  ck_assert_int_eq (file_name_look (&name, fd), first);
  ck_assert_int_eq (file_name_look (&name, fd), second);
}

TEST (a_file_that_stays_is_here)
{
  looks (FILE_HERE, FILE_HERE);
}

TEST (a_file_is_gone_when_two_looks_agree)
{
  ck_assert_int_eq (unlink (path), 0);
  looks (FILE_HERE, FILE_REMOVED);
}

TEST (a_file_that_is_renamed_still_has_a_name)
{
  ck_assert_int_eq (rename (path, below_top ("g")), 0);
  looks (FILE_HERE, FILE_RENAMED);
}

TEST (another_file_under_the_name_is_seen)
{
  ck_assert_int_eq (unlink (path), 0);
  make (path);
  looks (FILE_HERE, FILE_REPLACED);
}

TEST (removed_and_then_replaced_is_one_answer)
{
  ck_assert_int_eq (unlink (path), 0);
  ck_assert_int_eq (file_name_look (&name, fd), FILE_HERE);
  make (path);
  ck_assert_int_eq (file_name_look (&name, fd), FILE_REPLACED);
}

TEST (a_moment_without_the_name_is_forgotten)
{
  for (unsigned i = 0; i < 3; ++i) {
    ck_assert_int_eq (rename (path, below_top ("g")), 0);
    ck_assert_int_eq (file_name_look (&name, fd), FILE_HERE);
    ck_assert_int_eq (rename (below_top ("g"), path), 0);
    ck_assert_int_eq (file_name_look (&name, fd), FILE_HERE);
  }
}

TEST (a_file_that_is_back_is_here_at_once)
{
  ck_assert_int_eq (rename (path, below_top ("g")), 0);
  looks (FILE_HERE, FILE_RENAMED);
  ck_assert_int_eq (rename (below_top ("g"), path), 0);
  looks (FILE_HERE, FILE_HERE);
}

TEST (a_renamed_directory_keeps_its_file)
{
  ck_assert_int_eq (rename (dir, below_top ("e")), 0);
  looks (FILE_HERE, FILE_ASTRAY);
  ck_assert_int_eq (rename (below_top ("e"), dir), 0);
  looks (FILE_HERE, FILE_HERE);
}

TEST (a_directory_renamed_and_emptied_is_no_excuse)
{
  ck_assert_int_eq (rename (dir, below_top ("e")), 0);
  ck_assert_int_eq (unlink (below_top ("e/f")), 0);
  looks (FILE_HERE, FILE_REMOVED);
}

TEST (another_directory_with_another_file_replaces_it)
{
  ck_assert_int_eq (rename (dir, below_top ("e")), 0);
  ck_assert_int_eq (mkdir (dir, 0700), 0);
  looks (FILE_HERE, FILE_ASTRAY);
  make (path);
  looks (FILE_ASTRAY, FILE_REPLACED);
}

TEST (a_symbolic_link_is_followed)
{
  file_name_free (&name);
  close (fd);
  ck_assert_int_eq (symlink (path, below_top ("link")), 0);
  watch (below_top ("link"));
  looks (FILE_HERE, FILE_HERE);
  ck_assert_int_eq (unlink (path), 0);
  looks (FILE_HERE, FILE_REMOVED);
}

/* As with a directory that another user may not enter: root may, so a link
 * that leads to itself stands for all that can't be looked at.
 */
TEST (a_name_that_cannot_be_looked_at_says_nothing)
{
  ck_assert_int_eq (rename (path, below_top ("g")), 0);
  ck_assert_int_eq (symlink (path, path), 0);
  looks (FILE_HERE, FILE_HERE);
  looks (FILE_HERE, FILE_HERE);
}

TEST (a_name_that_is_wrong_from_the_beginning_is_not_watched)
{
  file_name_free (&name);
  make (below_top ("g"));
  file_name_init (&name, below_top ("g"), fd);
  looks (FILE_HERE, FILE_HERE);
  file_name_init (&name, below_top ("none"), fd);
  looks (FILE_HERE, FILE_HERE);
}

int
main (void)
{
  return suite_main ("file-name");
}
