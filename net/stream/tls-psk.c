/* SPDX-License-Identifier: BSD-3-Clause */

/* Files with pre-shared keys, as psktool(1) writes them: lines USER:HEXKEY. */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "msg.h"
#include "tls-impl.h"

/* Cut the line into user and key. */
static int
split (char *line, char **key)
{
  char *colon = strchr (line, ':');
  size_t digits = 0;

  line[strcspn (line, "\r\n")] = '\0';
  if (colon == NULL || colon == line)
    return -1;
  *colon = '\0';
  *key = colon + 1;
  while (isxdigit ((unsigned char) (*key)[digits]))
    ++digits;
  return (*key)[digits] == '\0' && digits > 0 && digits % 2 == 0 ? 0 : -1;
}

/* Call found for each line until it says true: 1 then, 0 at the end of the
 * file, or -1 with the error reported.
 */
static int
scan_lines (FILE *fp, const char *file,
            bool (*found) (const char *user, const char *key, void *arg),
            void *arg)
{
  CLEANUP_FREE char *line = NULL;
  char *key;
  size_t size = 0;
  int r = 0;

  for (unsigned nr = 1; r == 0 && getline (&line, &size, fp) != -1; ++nr) {
    if (line[strspn (line, " \t\r\n")] == '\0')
      continue;
    if (split (line, &key) == -1) {
      msg_error ("%s: line %u is not USER:HEXKEY", file, nr);
      r = -1;
    }
    else if (found (line, key, arg))
      r = 1;
  }
  if (r == 0 && ferror (fp)) {
    msg_error ("%s: read: %m", file);
    r = -1;
  }
  if (line)
    explicit_bzero (line, size);
  return r;
}

static int
scan_file (const char *file,
           bool (*found) (const char *user, const char *key, void *arg),
           void *arg)
{
  FILE *fp = fopen (file, "re");
  int r;

  if (fp == NULL) {
    msg_error ("%s: %m", file);
    return -1;
  }
  r = scan_lines (fp, file, found, arg);
  fclose (fp);
  return r;
}

static bool
count_line (const char *user, const char *key, void *arg)
{
  (void) user;
  (void) key;
  ++*(unsigned *) arg;
  return false;
}

int
psk_check (const char *file)
{
  unsigned nr = 0;

  if (scan_file (file, count_line, &nr) == -1)
    return -1;
  if (nr > 0)
    return 0;
  msg_error ("%s: there is no key in it", file);
  return -1;
}

struct wanted {
  const char *username;
  char *key;
};

static bool
find_line (const char *user, const char *key, void *arg)
{
  struct wanted *wanted = arg;

  if (strcmp (user, wanted->username) != 0)
    return false;
  wanted->key = strdup (key);
  return true;
}

char *
psk_find (const char *file, const char *username)
{
  struct wanted wanted = {.username = username};
  int r = scan_file (file, find_line, &wanted);

  if (r == 0)
    msg_error ("%s: there is no key of user %s in it", file, username);
  else if (r == 1 && wanted.key == NULL)
    msg_error ("%s: %m", file);
  return wanted.key;
}
