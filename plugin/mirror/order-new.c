/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk that is to become a leg.  It is opened, and so owned, and looked at, and
 * nothing is written: it must be large enough, with blocks that clients can use, not
 * in use by another mirror, no log, and empty.  What it holds otherwise is only
 * overwritten if the operator has said so, and has been told what that is.
 */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beat.h"
#include "cleanup.h"
#include "leg-objects.h"
#include "log-life.h"
#include "mirror-impl.h"
#include "order-grow.h"
#include "order-impl.h"
#include "order-new.h"
#include "probe-zeroes.h"
#include "probe.h"
#include "record-order.h"
#include "rejoin-check.h"
#include "utf8.h"

#define DISK_LOG "disk:"

/* --- the same disk? --- */

/* Names do not change while an order runs. */
static bool
shares_with (struct object_set *set, const char *name, const char *other,
             struct outcome *out)
{
  struct object_set theirs = {0};
  const char *shared = NULL;

  if (leg_objects (&theirs, other) == 0)
    shared = object_set_shared (set, &theirs);
  if (shared)
    order_refuse (out, "%s and %s are the same disk: both lie on %s", name,
                  other, shared);
  object_set_free (&theirs);
  return shared != NULL;
}

static bool
shares_with_any (struct mirror *m, struct object_set *set, const char *name,
                 int but, struct outcome *out)
{
  const char *log = log_spec (m);

  FOR_EACH_SLOT (slot, m->configured)
    if ((int) slot != but && m->member[slot].name[0] &&
        shares_with (set, name, m->member[slot].name, out))
      return true;
  return strncmp (log, DISK_LOG, strlen (DISK_LOG)) == 0 &&
         shares_with (set, name, log + strlen (DISK_LOG), out);
}

bool
new_leg_shares_disk (struct mirror *m, const char *name, int but,
                     struct outcome *out)
{
  struct object_set set = {0};
  bool shares;

  if (leg_objects (&set, name) == -1) {
    order_refuse (out, "%s: %m", name);
    return true;
  }
  shares = shares_with_any (m, &set, name, but, out);
  object_set_free (&set);
  return shares;
}

/* --- opening --- */

struct leg *
new_leg_make (struct mirror *m, const char *name, struct outcome *out)
{
  struct leg_options options;
  struct leg *leg;

  if (strlen (name) >= LOG_NAME_SIZE) {
    order_refuse (out, "the name is too long");
    return NULL;
  }
  mirror_leg_options (&m->config, &options);
  leg = m->new_leg (name, &options);
  if (leg)
    leg->quiet = true;
  else
    order_refuse (out, "%s: is no path and no URI of a leg", name);
  return leg;
}

/* What it has kept as its last error is the reason. */
static int
refuse_as_leg_says (struct leg *leg, struct outcome *out)
{
  char why[LEG_ERROR_SIZE];

  leg_last_error (leg, why, sizeof why);
  return order_refuse (out, "%s: %s", leg->name, why);
}

static int
open_leg (struct leg *leg, struct outcome *out)
{
  if (leg_open (leg, 0) == -1 || leg_settle (leg) == -1)
    return refuse_as_leg_says (leg, out);
  probe_zeroes (leg);
  return 0;
}

/* --- its record --- */

static int
refuse_record (struct member *member, const struct record_found *found,
               struct outcome *out)
{
  const struct leg_record *r = &found->record;
  const char *name = member->name;
  char log_name[304];

  utf8_copy_line (log_name, sizeof log_name, r->log_name);
  if (found->verdict == RECORD_FOREIGN)
    return order_refuse (out,
                         "%s: has a record of another version of this "
                         "plugin: --overwrite would lose it",
                         name);
  if (record_same_id (r->mirror, member->mirror->records.common.mirror))
    return order_refuse (out,
                         "%s: was a leg of this mirror, and holds an "
                         "older state of it: --overwrite would lose that",
                         name);
  return order_refuse (out,
                       "%s: is a leg of another mirror, whose log is "
                       "%s: --overwrite would lose what it holds of that",
                       name, log_name);
}

static int
look_at_record (struct member *member, bool overwrite, bool *other,
                struct outcome *out)
{
  struct mirror *m = member->mirror;
  struct record_area *area = &m->records.area[member->slot];
  CLEANUP_FREE struct record_found *found = malloc (sizeof *found);

  if (!m->records.on)
    return 0;
  record_area_close (area);
  if (!found ||
      record_area_open (area, member->leg, grow_least_size (m), false) == -1 ||
      record_area_read (area, found) == -1)
    return order_refuse (out, "%s: record: %m", member->name);
  if (!beat_lets_in (member))
    return refuse_as_leg_says (member->leg, out);
  *other = found->verdict == RECORD_VALID || found->verdict == RECORD_FOREIGN;
  return *other && !overwrite ? refuse_record (member, found, out) : 0;
}

/* --- what it holds --- */

/* A log is nothing that anybody wants to lose, whatever he says. */
static int
look_for_log (struct leg *leg, struct outcome *out)
{
  CLEANUP_FREE uint8_t *head = aligned_alloc (4096, 65536);
  uint64_t count =
    leg->min_block > LOG_HEAD_SIZE ? leg->min_block : LOG_HEAD_SIZE;

  if (!head || leg_run (leg, LEG_READ, 0, head, 0, count) == -1)
    return order_refuse (out, "%s: read: %m", leg->name);
  return dirty_log_begins (head)
           ? order_refuse (out, "%s: is a log, not a leg", leg->name)
           : 0;
}

static int
look_at_data (struct leg *leg, uint64_t size, bool overwrite,
              struct outcome *out)
{
  int empty;

  if (look_for_log (leg, out) == -1)
    return -1;
  if (overwrite)
    return 0;
  empty = probe_empty (leg, size);
  if (empty == -1)
    return refuse_as_leg_says (leg, out);
  return empty == PROBE_YES
           ? 0
           : order_refuse (out,
                           "%s: holds data, %" PRIu64 " bytes: "
                           "--overwrite would lose all of it",
                           leg->name, leg->size);
}

int
new_leg_look (struct member *member, bool overwrite, bool *other,
              struct outcome *out)
{
  struct leg *leg = member->leg;

  *other = false;
  if (open_leg (leg, out) == -1)
    return -1;
  if (!rejoin_fits (member))
    return refuse_as_leg_says (leg, out);
  return look_at_record (member, overwrite, other, out) == -1
           ? -1
           : look_at_data (leg, member->mirror->limits.size, overwrite, out);
}
