/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "scrub-keep.h"
#include "scrub-restart.h"

/* --- the place --- */

void
scrub_set_path (struct mirror *m)
{
  struct log_status ls;
  const char *name = dirty_log_info (m->log)->name;
  struct stat st;

  dirty_log_status (m->log, &ls);
  if (m->scrub.path || strcmp (ls.type, "disk") != 0 ||
      stat (name, &st) == -1 || !S_ISREG (st.st_mode))
    return;
  if (asprintf (&m->scrub.path, "%s.scrub", name) == -1)
    m->scrub.path = NULL;
}

/* --- at the start --- */

static const uint8_t *
mirror_uuid (const struct mirror *m)
{
  return dirty_log_info (m->log)->uuid;
}

/* A restart may have brought legs with other blocks. */
static void
align (const struct mirror *m, struct scrub_kept *kept)
{
  uint64_t mask = m->limits.min_block - 1;

  kept->begin &= ~mask;
  kept->position &= ~mask;
  kept->end = (kept->end + mask) & ~mask;
  if (kept->end > m->limits.size)
    kept->end = m->limits.size;
}

void
scrub_load (struct mirror *m)
{
  struct scrub *s = &m->scrub;
  struct scrub_kept *kept = malloc (sizeof *kept);
  int r = -1;

  if (s->path && kept)
    r = scrub_keep_load (s->path, mirror_uuid (m), m->limits.size, kept);
  if (s->path && r == -1) {
    msg_warning ("%s: is not the record of a scrub, or can't be read: a "
                 "scrub is kept in memory only: %m",
                 s->path);
    free (s->path);
    s->path = NULL;
  }
  if (r == 1) {
    CLEANUP_LOCK (&m->lock);
    align (m, kept);
    s->now = *kept;
    /* What was found just then may not be repaired. */
    s->repairing =
      kept->repair && kept->phase == SCRUB_RUNNING && kept->differ.nr > 0;
    s->repairing_from = kept->repair_from;
  }
  free (kept);
}

/* --- while it runs --- */

/* A copy of what is to be kept; NULL if all is. */
static struct scrub_kept *
take_changed (struct mirror *m)
{
  struct scrub_kept *kept = malloc (sizeof *kept);
  CLEANUP_LOCK (&m->lock);

  if (!kept || !m->scrub.path || !m->scrub.changed) {
    free (kept);
    return NULL;
  }
  m->scrub.changed = false;
  *kept = m->scrub.now;
  return kept;
}

static bool
note_kept (struct mirror *m, int r)
{
  CLEANUP_LOCK (&m->lock);
  bool first = r == -1 && !m->scrub.keep_failed;

  m->scrub.keep_failed = r == -1;
  if (r == -1)
    m->scrub.changed = true;
  return first;
}

bool
scrub_keep (struct mirror *m)
{
  struct scrub *s = &m->scrub;
  CLEANUP_LOCK (&s->keep_lock);
  CLEANUP_FREE struct scrub_kept *kept = take_changed (m);
  int r = 0;

  if (kept)
    r = scrub_keep_store (s->path, mirror_uuid (m), kept);
  if (kept && note_kept (m, r))
    msg_warning ("%s: can't be written, a restart would not know of the "
                 "scrub: %m",
                 s->path);
  return r == 0;
}
