/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether an open file is still the one that its name leads to.
 *
 * Who is told so gives up a good file, or writes a new one, so only a clear
 * answer counts: at two looks in a row there is no such name in the directory
 * where the file was, or another file has it.  A name that can't be looked at
 * (no right to, a server that does not answer) says nothing.  If the directory
 * is not where it was (renamed, or taken away by umount -l or by a mount over
 * it) but still has the file, that is whole and only its name is wrong.  On a
 * file system where name and file do not even agree at the beginning nothing
 * is ever said.
 *
 * Not thread-safe.
 */

#ifndef NBDMIRROR_FILE_NAME_H
#define NBDMIRROR_FILE_NAME_H

#include <stdbool.h>

enum file_place {
  FILE_HERE,     /* or nothing is known to the contrary */
  FILE_ASTRAY,   /* only its directory is not where it was */
  FILE_REMOVED,  /* it ends with the last who has it open */
  FILE_RENAMED,  /* the name is free */
  FILE_REPLACED, /* another file has the name */
};

struct file_name {
  char *path;            /* as given; NULL: not watched */
  char *real;            /* with symbolic links resolved */
  int dir;               /* that the file was in; -1 with path NULL */
  enum file_place seen;  /* at the last look */
  enum file_place place; /* what two looks in a row agreed on */
};

/* The file was opened by this name just now.  Allocates; what fails makes it
 * unwatched.  Blocks as stat does.
 */
void file_name_init (struct file_name *name, const char *path, int fd);

/* May be called again, and on one that is all zero but for dir = -1. */
void file_name_free (struct file_name *name);

/* Look, and return the place.  Looks that follow at once prove nothing: leave
 * a second between them.  Blocks as stat does.
 */
enum file_place file_name_look (struct file_name *name, int fd);

/* Nothing leads to it any more. */
static inline bool
file_is_gone (enum file_place place)
{
  return place >= FILE_REMOVED;
}

/* "its file was removed" ...; "" for FILE_HERE. */
const char *file_place_text (enum file_place place);

#endif /* NBDMIRROR_FILE_NAME_H */
