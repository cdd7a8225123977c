/* SPDX-License-Identifier: BSD-3-Clause */

/* Run the program nbdmirror. */

#include "config.h"

#undef NDEBUG
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "fake-mirror.h"
#include "run-tool.h"

#define MAX_ARGS 8

char tool_out[65536], tool_err[65536];

static void
redirect (int to, const char *name)
{
  int fd = open (name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

  if (fd == -1 || dup2 (fd, to) == -1)
    _exit (99);
}

pid_t
tool_start (const char *arg, ...)
{
  const char *argv[MAX_ARGS + 2] = {NBDMIRROR, arg};
  va_list args;
  pid_t pid;

  va_start (args, arg);
  for (size_t i = 2; argv[i - 1] != NULL && i <= MAX_ARGS; ++i)
    argv[i] = va_arg (args, const char *);
  va_end (args);
  pid = fork ();
  ck_assert_int_ne (pid, -1);
  if (pid == 0) {
    redirect (STDOUT_FILENO, fake_path ("out"));
    redirect (STDERR_FILENO, fake_path ("err"));
    execv (NBDMIRROR, (char **) argv);
    _exit (99);
  }
  return pid;
}

static void
slurp (char *buf, size_t size, const char *name)
{
  int fd = open (name, O_RDONLY | O_NONBLOCK);
  ssize_t r = read (fd, buf, size - 1);

  ck_assert_int_ge (r, 0);
  buf[r] = '\0';
  close (fd);
}

int
tool_end (pid_t pid)
{
  int status;

  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert (WIFEXITED (status));
  slurp (tool_out, sizeof tool_out, fake_path ("out"));
  slurp (tool_err, sizeof tool_err, fake_path ("err"));
  return WEXITSTATUS (status);
}

static void
expect_part (const char *text, const char *part)
{
  ck_assert_msg (strstr (text, part) != NULL, "\"%s\" is not in:\n%s", part,
                 text);
}

void
tool_expect_out (const char *part)
{
  expect_part (tool_out, part);
}

void
tool_expect_err (const char *part)
{
  expect_part (tool_err, part);
}
