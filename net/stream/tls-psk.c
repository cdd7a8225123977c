/* SPDX-License-Identifier: BSD-3-Clause */

/* Files with pre-shared keys, as psktool(1) writes them: lines USER:HEXKEY. */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

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

/* --- all keys --- */

static bool
keep_line (const char *user, const char *key, void *arg)
{
  fprintf (arg, "%s:%s\n", user, key);
  return false;
}

void
psk_forget (char *keys)
{
  if (keys)
    explicit_bzero (keys, strlen (keys));
  free (keys);
}

/* Keeps errno. */
static char *
load_failed (char *keys)
{
  int err = errno;

  psk_forget (keys);
  errno = err;
  return NULL;
}

char *
psk_load (const char *file)
{
  char *keys = NULL;
  size_t len = 0;
  FILE *mem = open_memstream (&keys, &len);
  int r;

  if (!mem) {
    msg_error ("%s: %m", file);
    return NULL;
  }
  r = scan_file (file, keep_line, mem);
  if (fclose (mem) == EOF) {
    msg_error ("%s: %m", file);
    return load_failed (keys);
  }
  if (r == 0 && len == 0)
    msg_error ("%s: there is no key in it", file);
  return r == 0 && len > 0 ? keys : load_failed (keys);
}

/* The digits end with the line; NULL if the user is not known. */
static const char *
key_of (const char *keys, const char *username)
{
  size_t len = strlen (username);

  if (username[strcspn (username, ":\n")] != '\0')
    return NULL;
  for (; *keys; keys += strcspn (keys, "\n") + 1)
    if (strncmp (keys, username, len) == 0 && keys[len] == ':')
      return keys + len + 1;
  return NULL;
}

/* As long as a good key, so that nobody learns which users there are. */
static int
random_key (gnutls_datum_t *key)
{
  key->size = 32;
  key->data = gnutls_malloc (key->size);
  if (!key->data)
    return -1;
  return gnutls_rnd (GNUTLS_RND_NONCE, key->data, key->size) < 0 ? -1 : 0;
}

int
psk_give (gnutls_session_t session, const char *username, gnutls_datum_t *key)
{
  const struct tls *tls = gnutls_session_get_ptr (session);
  const char *digits = key_of (tls->keys, username);
  gnutls_datum_t hex;

  if (!digits)
    return random_key (key);
  hex.data = (unsigned char *) digits;
  hex.size = (unsigned) strcspn (digits, "\n");
  return gnutls_hex_decode2 (&hex, key) < 0 ? -1 : 0;
}

/* --- one key --- */

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
