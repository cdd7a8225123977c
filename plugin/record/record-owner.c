/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record-owner.h"

static const uint8_t nothing[RECORD_ID_SIZE];

static int
hex_digit (int c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = tolower (c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 digits, with or without dashes.  Zero if it is anything else. */
static void
read_id (const char *path, uint8_t id[RECORD_ID_SIZE])
{
  FILE *fp = fopen (path, "re");
  unsigned digits = 0;
  int c, value;

  memset (id, 0, RECORD_ID_SIZE);
  if (!fp)
    return;
  while (digits < 2 * RECORD_ID_SIZE && (c = fgetc (fp)) != EOF)
    if ((value = hex_digit (c)) != -1) {
      id[digits / 2] |= (uint8_t) (value << (digits % 2 ? 0 : 4));
      digits++;
    }
  fclose (fp);
  if (digits < 2 * RECORD_ID_SIZE)
    memset (id, 0, RECORD_ID_SIZE);
}

static void
read_host (char host[RECORD_HOST_SIZE])
{
  if (gethostname (host, RECORD_HOST_SIZE - 1) == -1)
    host[0] = '\0';
  for (char *p = host; *p; ++p)
    if (*p <= ' ' || *p > '~')
      *p = '?';
}

void
record_owner_self (struct record_owner *owner)
{
  struct stat st;

  memset (owner, 0, sizeof *owner);
  owner->pid = (uint32_t) getpid ();
  if (stat ("/proc/self/ns/pid", &st) == 0)
    owner->pid_ns = st.st_ino;
  read_id ("/proc/sys/kernel/random/boot_id", owner->boot);
  read_id ("/etc/machine-id", owner->machine);
  read_host (owner->host);
}

static bool
same_id (const uint8_t *a, const uint8_t *b)
{
  return memcmp (a, b, RECORD_ID_SIZE) == 0;
}

bool
record_owner_same_host (const struct record_owner *a,
                        const struct record_owner *b)
{
  return a->host[0] != '\0' && strcmp (a->host, b->host) == 0 &&
         same_id (a->machine, b->machine);
}

bool
record_owner_is_gone (const struct record_owner *owner)
{
  struct record_owner self;

  record_owner_self (&self);
  if (!record_owner_same_host (owner, &self) || same_id (self.boot, nothing) ||
      same_id (owner->boot, nothing))
    return false;
  if (!same_id (owner->boot, self.boot))
    return !same_id (self.machine, nothing);
  /* Pids of another namespace mean nothing here. */
  return self.pid_ns != 0 && owner->pid_ns == self.pid_ns && owner->pid > 1 &&
         kill ((pid_t) owner->pid, 0) == -1 && errno == ESRCH;
}
