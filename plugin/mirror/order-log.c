/* SPDX-License-Identifier: BSD-3-Clause */

/* The log moves to another place, of whatever type, while it is used: log-move.c says
 * how.  What the mirror adds is the proof, in the legs' own records, that the
 * old log is not the newest any more: a log in a file says so itself, one on a server
 * does not.
 */

#include "config.h"

#include "log-life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "mirror-impl.h"
#include "mirror-new.h"
#include "msg.h"
#include "order-impl.h"
#include "order-new.h"

#define DISK_LOG "disk:"

/* --- may it be? --- */

/* Nothing else tells the old log from the new one. */
static bool
has_records (struct mirror *m)
{
  bool any = false;
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (slot, m->records.on ? m->in_sync : 0)
    any |= m->records.area[slot].in_use;
  return any;
}

static bool
is_on_server (const char *spec)
{
  return strncmp (spec, "userspace", strlen ("userspace")) == 0;
}

static int
check (struct mirror *m, const char *spec, struct outcome *out)
{
  const char *path = spec + strlen (DISK_LOG);

  if (is_on_server (log_spec (m)) && !has_records (m))
    return order_refuse (out,
                         "no in-sync leg has a record of its own, so that a "
                         "start could take the old log for the newest");
  if (strncmp (spec, DISK_LOG, strlen (DISK_LOG)) == 0 &&
      access (path, F_OK) == 0 && new_leg_shares_disk (m, path, -1, out))
    return -1;
  return 0;
}

static int
check_found (struct mirror *m, struct dirty_log *to, const char *spec,
             struct outcome *out)
{
  const struct log_info *info = dirty_log_info (to);

  if (info->in_use[0])
    return order_refuse (out, "%.300s: %s", spec, info->in_use);
  if (info->found != LOG_FOUND_NEW)
    return order_refuse (out, "%.300s: is a log already", spec);
  if (info->moved &&
      memcmp (info->uuid, dirty_log_info (m->log)->uuid, 16) != 0)
    return order_refuse (out, "%.300s: was the log of another mirror", spec);
  return 0;
}

static struct dirty_log *
open_new (struct mirror *m, const char *spec, bool ask, struct outcome *out)
{
  const struct log_options options = {
    .flags = LOG_MAY_BE_MOVED | (ask ? LOG_READ_ONLY : 0),
    .tls_psk = m->config.log_tls_psk,
    .tls_certificates = m->config.log_tls_certificates,
    .tls_username = m->config.log_tls_username,
  };
  struct dirty_log *to = dirty_log_open_with (spec, &options);

  if (!to)
    order_refuse (out,
                  "%.300s: can't be opened; the server's messages say why",
                  spec);
  else if (check_found (m, to, spec, out) == -1) {
    dirty_log_close (to, now_ns ());
    to = NULL;
  }
  return to;
}

/* --- the proof --- */

/* The legs' records name the log and its generation; who can't be written leaves, as
 * always.
 */
static void
prove (void *opaque, uint64_t generation)
{
  struct mirror *m = opaque;
  struct records_state state;

  {
    CLEANUP_LOCK (&m->records.lock);
    m->records.last.slots = 0;
  }
  {
    CLEANUP_LOCK (&m->lock);
    records_take_locked (m, 0, &state);
  }
  state.generation = generation;
  records_write (m, &state, 0);
}

static void
name_in_records (struct mirror *m, const char *spec)
{
  CLEANUP_LOCK (&m->records.lock);
  char *name = m->records.common.log_name;

  memset (name, 0, sizeof m->records.common.log_name);
  strncpy (name, spec, sizeof m->records.common.log_name - 1);
}

/* --- the order --- */

/* All that is left is to record what the log says now, on the legs too. */
static int
take_over (struct mirror *m, char *spec, struct outcome *out)
{
  {
    CLEANUP_LOCK (&m->lock);
    mirror_retire_name_locked (m, m->moved_log);
    m->moved_log = spec;
    m->failures++;
    worker_wake_locked (m);
  }
  return order_record (m, out) ? 0 : -1;
}

/* What was promised on the legs is older than the log now. */
static int
stay (struct mirror *m, const char *spec, const char *why, struct outcome *out)
{
  struct outcome ignored;

  name_in_records (m, log_spec (m));
  {
    CLEANUP_LOCK (&m->lock);
    m->failures++;
    worker_wake_locked (m);
  }
  order_record (m, &ignored);
  return order_refuse (out, "%.300s: %s", spec, why);
}

static int
move (struct mirror *m, struct dirty_log *to, const char *spec,
      struct outcome *out)
{
  const struct log_move how = {
    .spec = spec,
    .old_spec = log_spec (m),
    .deadline = log_deadline (m, now_ns ()),
    .prove = prove,
    .opaque = m,
  };
  char *name = strdup (spec), why[256];

  if (!name) {
    dirty_log_close (to, now_ns ());
    return order_refuse (out, "%m");
  }
  name_in_records (m, spec);
  if (dirty_log_move (m->log, to, &how, why, sizeof why) == -1) {
    dirty_log_close (to, log_deadline (m, now_ns ()));
    free (name);
    return stay (m, spec, why, out);
  }
  msg_note ("log %s: an operator moved it to %s", how.old_spec, spec);
  return take_over (m, name, out);
}

int
order_move_log (struct mirror *m, const struct order *order,
                struct outcome *out)
{
  const char *spec = order->value;
  struct dirty_log *to;

  if (strcmp (spec, log_spec (m)) == 0)
    return order_unchanged (out, "the log is %.300s already", spec);
  if (check (m, spec, out) == -1)
    return -1;
  to = open_new (m, spec, order->dry_run, out);
  if (!to)
    return -1;
  if (order->dry_run)
    dirty_log_close (to, now_ns ());
  else if (move (m, to, spec, out) == -1)
    return -1;
  return order_done (out,
                     "the log is %.300s; the next start must have log=%.300s",
                     spec, spec);
}
