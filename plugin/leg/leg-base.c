/* SPDX-License-Identifier: BSD-3-Clause */

/* What everything here stands on: the struct, whether the leg serves, and
 * its last error.
 *
 * refusal tells in which state a leg is:
 *
 *   ENOTCONN, lost false   new, quiesced or closed
 *   0                      serving
 *   not 0, lost true       lost
 *
 * It becomes 0 just before ops->run, so that a loss that a new thread finds
 * at once is not missed.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "msg.h"
#include "leg-base.h"
#include "leg-ops.h"

char *
leg_absolute_path (const char *path)
{
  CLEANUP_FREE char *cwd = NULL;
  char *absolute;

  if (path[0] == '/')
    return strdup (path);
  cwd = getcwd (NULL, 0);
  if (!cwd || asprintf (&absolute, "%s/%s", cwd, path) == -1)
    return NULL;
  return absolute;
}

char *
leg_canonical_path (const char *path)
{
  CLEANUP_FREE char *for_dir = NULL, *for_base = NULL, *dir = NULL;
  char *found = realpath (path, NULL);

  if (found)
    return found;
  for_dir = strdup (path);
  for_base = strdup (path);
  if (!for_dir || !for_base)
    return NULL;
  dir = realpath (dirname (for_dir), NULL);
  if (!dir)
    return strdup (path);
  if (asprintf (&found, "%s/%s", dir, basename (for_base)) == -1)
    return NULL;
  return found;
}

int
leg_init (struct leg *leg, const struct leg_ops *ops, const char *name,
          enum leg_kind kind, const struct leg_options *options)
{
  int err;

  leg->ops = ops;
  leg->kind = kind;
  leg->options = *options;
  leg->min_block = 1;
  atomic_init (&leg->refusal, ENOTCONN);
  err = pthread_mutex_init (&leg->lock, NULL);
  if (err != 0) {
    errno = err;
    return -1;
  }
  leg->name = kind == LEG_NBD ? strdup (name) : leg_absolute_path (name);
  if (!leg->name) {
    pthread_mutex_destroy (&leg->lock);
    return -1;
  }
  return 0;
}

bool
leg_valid_range (const struct leg *leg, uint64_t offset, uint64_t count)
{
  return offset <= leg->size && count <= leg->size - offset &&
         (offset | count) % leg->min_block == 0;
}

bool
leg_refuse (struct leg *leg, int err)
{
  int serving = 0;

  return atomic_compare_exchange_strong (&leg->refusal, &serving, err);
}

static void
set_error_locked (struct leg *leg, const char *text)
{
  snprintf (leg->last_error, sizeof leg->last_error, "%s", text);
  leg->last_error_time = time (NULL);
}

/* In one critical section: who finds the leg refused finds out why, too. */
bool
leg_refuse_lost (struct leg *leg, int err, const char *why)
{
  CLEANUP_LOCK (&leg->lock);
  if (!leg_refuse (leg, err))
    return false;
  set_error_locked (leg, why);
  atomic_store (&leg->lost, true);
  return true;
}

bool
leg_is_lost (struct leg *leg)
{
  if (atomic_load (&leg->refusal) == 0)
    return false;
  CLEANUP_LOCK (&leg->lock);
  return atomic_load (&leg->lost);
}

/* ---- Errors ---- */

void
leg_keep_error (struct leg *leg, const char *text)
{
  msg_debug ("leg %s: %s", leg->name, text);

  CLEANUP_LOCK (&leg->lock);
  /* What comes after the worst is a consequence. */
  if (!atomic_load (&leg->lost) && atomic_load (&leg->flush_error) == 0)
    set_error_locked (leg, text);
}

void
leg_report (struct leg *leg, const char *fmt, ...)
{
  int err = errno;
  char text[LEG_ERROR_SIZE];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  {
    CLEANUP_LOCK (&leg->lock);
    set_error_locked (leg, text);
  }
  if (leg->quiet)
    msg_debug ("leg %s: %s", leg->name, text);
  else
    msg_error ("leg %s: %s", leg->name, text);
  errno = err;
}

void
leg_note_error (struct leg *leg, int err, const char *what, uint64_t offset)
{
  char text[LEG_ERROR_SIZE];

  errno = err;
  snprintf (text, sizeof text, "%s at offset %" PRIu64 ": %m", what, offset);
  leg_keep_error (leg, text);
}

uint64_t
leg_last_error (struct leg *leg, char *buf, size_t size)
{
  CLEANUP_LOCK (&leg->lock);
  snprintf (buf, size, "%s", leg->last_error);
  return (uint64_t) leg->last_error_time;
}
