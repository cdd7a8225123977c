/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg that is a file has its record beside it.  Any other leg has it in a
 * trailer, which needs bytes that nobody else uses: they are made room for
 * when a mirror is new and its legs are empty, and for a leg that joins, if it
 * is larger than the mirror.  Over a byte that may be somebody's data no
 * record is ever written.
 */

#include "config.h"

#include "plan-keeps.h"
#include "plan-nested.h"
#include "plan-newest.h"
#include "plan-verdict.h"
#include "probe.h"
#include "record-order.h"

static bool
has_file (const struct plan_input *in, unsigned leg)
{
  return in->leg[leg].leg->kind == LEG_FILE;
}

uint64_t
plan_room (const struct plan_input *in, unsigned leg, bool new_trailers)
{
  const struct plan_leg *pl = &in->leg[leg];
  bool used =
    in->log->found != LOG_FOUND_KERNEL && plan_leg_record (in, leg) != NULL;

  if (pl->trailer > 0 && !has_file (in, leg) && (used || new_trailers))
    return pl->trailer;
  return pl->leg->size;
}

int
plan_new_trailers (const struct plan_input *in)
{
  bool any = false;

  if (in->log->found != LOG_FOUND_NEW || in->config->size > 0 ||
      in->config->leg_records == RECORDS_OFF)
    return 0;
  for (unsigned i = 0; i < in->nr_legs; ++i)
    any |= in->leg[i].leg && !has_file (in, i) && in->leg[i].trailer > 0;
  for (unsigned i = 0; i < in->nr_legs && any; ++i) {
    int empty = PROBE_YES;

    if (in->leg[i].leg)
      empty = in->empty (in, i, in->leg[i].leg->size);
    if (empty == -1)
      return -1;
    any = empty == PROBE_YES;
  }
  return any;
}

static bool
is_new_mirror (const struct plan *plan)
{
  return plan->create && record_no_id (plan->mirror);
}

/* The leg holds nothing that the mirror does not know: a new mirror takes over
 * legs with whatever is at their ends.  It may have ended before it gave them
 * records: they are empty then.
 */
static int
is_free (const struct plan_input *in, const struct plan *plan, unsigned slot)
{
  const struct plan_slot *ps = &plan->slot[slot];
  bool joins = ps->fresh && !is_new_mirror (plan);
  unsigned leg = (unsigned) ps->leg;

  if (!ps->fresh && !is_new_mirror (plan) && in->record->generation > 1)
    return PROBE_NO;
  return in->empty (in, leg, joins ? plan->geo.size : in->leg[leg].leg->size);
}

/* There is a record that may be written over: of this mirror, or of one whose log
 * is damaged (plan-nested.h).
 */
static bool
is_own (const struct plan_input *in, const struct plan *plan, unsigned leg)
{
  const struct leg_record *r = plan_leg_record (in, leg);

  return r && (in->log->found == LOG_FOUND_DAMAGED ||
               record_same_id (r->mirror,
                               plan->create ? plan->mirror : in->log->uuid));
}

/* NULL: the leg in the slot keeps a record; else why it has none.  *error: one
 * was reported.
 */
static const char *
why_not (const struct plan_input *in, const struct plan *plan, unsigned slot,
         bool *error)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;
  const struct plan_leg *pl = &in->leg[leg];
  int r;

  if (has_file (in, leg))
    return NULL;
  if (pl->leg->min_block > RECORD_SLOT_SIZE)
    return "its blocks are too large for one";
  if (pl->trailer == 0)
    return "holds data to its end";
  if (pl->trailer < plan->geo.size)
    return "the mirror uses it to its end";
  if (is_own (in, plan, leg) ||
      (pl->record_verdict == RECORD_BAD && !plan->slot[slot].fresh))
    return NULL;
  r = is_free (in, plan, slot);
  *error |= r == -1;
  return r == PROBE_YES ? NULL
                        : "holds data, or was in the mirror without one";
}

/* Once, when it is decided: at later starts nothing is wrong. */
static bool
is_news (const struct plan_input *in, const struct plan *plan, unsigned slot)
{
  return is_new_mirror (plan) || plan->slot[slot].fresh || in->config->plan;
}

static int
keep_record (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  struct plan_slot *ps = &plan->slot[slot];
  bool error = false;
  const char *why = why_not (in, plan, slot, &error);

  if (error)
    return -1;
  ps->keeps_record = why == NULL;
  if (why && in->config->leg_records == RECORDS_ON)
    plan_refuse (plan, "leg-records=on: leg %s: can't have a record: %s",
                 in->leg[ps->leg].name, why);
  else if (why && is_news (in, plan, slot))
    plan_note (plan, "leg %s: has no record of its own: %s\n",
               in->leg[ps->leg].name, why);
  return 0;
}

int
plan_keep_records (const struct plan_input *in, struct plan *plan)
{
  if (in->config->leg_records == RECORDS_OFF) {
    plan_note (plan, "leg-records=off: the legs have no records of their "
                     "own\n");
    plan_note_nested (in, plan);
    return 0;
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS && !plan->refuse; ++s)
    if (plan->slot[s].configured && plan->slot[s].here &&
        keep_record (in, plan, s) == -1)
      return -1;
  return 0;
}
