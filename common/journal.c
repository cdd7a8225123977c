/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

bool
journal_is_stderr (void)
{
  const char *stream = getenv ("JOURNAL_STREAM");
  uintmax_t device, inode;
  struct stat st;

  return stream && sscanf (stream, "%ju:%ju", &device, &inode) == 2 &&
         fstat (STDERR_FILENO, &st) == 0 && st.st_dev == device &&
         st.st_ino == inode;
}
