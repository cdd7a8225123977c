/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg's own record says for certain which leg it is.  Without one, legs are
 * matched by identity and name together, then by identity, then by name:
 * identity says "this very file", also when it was renamed.  Both are only
 * hints; what decides is the content, compared with the source in regions that
 * the log calls clean.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "plan-match.h"
#include "plan-newest.h"
#include "plan-verdict.h"
#include "probe.h"
#include "record-order.h"

enum match_by {
  BY_RECORD,
  BY_BOTH,
  BY_ID,
  BY_NAME
};

bool
plan_same_id (const struct plan_input *in, unsigned leg, unsigned slot)
{
  const struct leg *pl = in->leg[leg].leg;
  const struct log_leg *rec = &in->record->leg[slot];

  return pl && leg_has_id (pl, rec->kind, rec->id);
}

static bool
matches (const struct plan_input *in, const struct plan *plan, unsigned leg,
         unsigned slot, enum match_by by)
{
  enum plan_says says = plan_record_says (in, plan, leg, slot);
  bool id = plan_same_id (in, leg, slot);
  bool name = strcmp (in->record->leg[slot].name, in->leg[leg].name) == 0;

  if (says == SAYS_NO)
    return false;
  switch (by) {
  case BY_RECORD:
    return says == SAYS_YES;
  case BY_BOTH:
    return id && name;
  case BY_ID:
    return id;
  case BY_NAME:
    return name;
  }
  return false;
}

void
plan_assign (const struct plan_input *in, struct plan *plan, unsigned leg,
             unsigned slot)
{
  plan->slot[slot].leg = (int) leg;
  plan->slot[slot].here = in->leg[leg].leg != NULL;
}

bool
plan_assigned (const struct plan *plan, unsigned leg)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && plan->slot[s].leg == (int) leg)
      return true;
  return false;
}

void
plan_match_records (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    plan->slot[s] = (struct plan_slot){
      .configured = plan_recorded (in, s),
      .leg = -1,
      .name = plan_recorded (in, s) ? in->record->leg[s].name : NULL};

  for (enum match_by by = BY_RECORD; by <= BY_NAME; ++by)
    for (unsigned i = 0; i < in->nr_legs; ++i)
      for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
        if (plan_recorded (in, s) && plan->slot[s].leg == -1 &&
            !in->leg[i].missing && !plan_assigned (plan, i) &&
            matches (in, plan, i, s, by))
          plan_assign (in, plan, i, s);
}

/* A slot for a leg that has no record: a place kept for one, else a free
 * one, else -1.
 */
static int
slot_for_new (const struct plan_input *in, const struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan_recorded (in, s) && plan->slot[s].leg == -1 &&
        in->record->leg[s].name[0] == 0)
      return (int) s;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (!plan->slot[s].configured)
      return (int) s;
  return -1;
}

/* The only record that no leg matched, or -1.  Where all will be copied it
 * does not matter which of them it is.
 */
static int
lone_record (const struct plan_input *in, const struct plan *plan)
{
  int lone = -1;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan_recorded (in, s) && plan->slot[s].leg == -1 &&
        in->record->leg[s].name[0] != 0) {
      if (plan->others_miss == MISS_ALL)
        return (int) s;
      if (lone != -1)
        return -1;
      lone = (int) s;
    }
  return lone;
}

int
plan_take_new_leg (const struct plan_input *in, struct plan *plan,
                   unsigned leg)
{
  int slot = slot_for_new (in, plan);

  if (slot == -1)
    return plan_refuse (plan, "leg %s: the log %s has no room for another leg",
                        in->leg[leg].name, in->log->name);
  plan->slot[slot] = (struct plan_slot){.configured = true,
                                        .leg = (int) leg,
                                        .here = true,
                                        .fresh = true,
                                        .miss = MISS_ALL};
  plan_note (plan, "leg %s: new in this mirror, will get a full copy\n",
             in->leg[leg].name);
  return 0;
}

/* --- the command line that the log asks for --- */

#define LINE_SIZE 1024

static void
add_word (char *line, const char *before, const char *word)
{
  size_t len = strlen (line);

  snprintf (line + len, LINE_SIZE - len, "%s%s", before, word);
}

/* The legs that are named and the log's own, then those that nobody named. */
static void
make_line (const struct plan_input *in, const struct plan *plan, char *line)
{
  snprintf (line, LINE_SIZE, "nbdkit mirror");
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (plan_assigned (plan, i))
      add_word (line, " ", in->leg[i].name);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan_recorded (in, s) && plan->slot[s].leg == -1 &&
        in->record->leg[s].name[0] != 0)
      add_word (line, " ", in->record->leg[s].name);
  add_word (line, " log=", in->config->log);
}

/* Its record is of this mirror, but none of the log's legs is that one. */
static bool
was_a_leg (const struct plan_input *in, const struct plan *plan, unsigned leg)
{
  const struct leg_record *r = plan_leg_record (in, leg);

  return r && in->log->found == LOG_FOUND_OURS &&
         record_same_id (r->mirror, in->log->uuid) && r->slot < LOG_MAX_LEGS &&
         (!plan_recorded (in, r->slot) ||
          plan_record_says (in, plan, leg, r->slot) == SAYS_NO);
}

static int
refuse_former_leg (const struct plan_input *in, struct plan *plan,
                   unsigned leg)
{
  char line[LINE_SIZE];

  make_line (in, plan, line);
  plan_refuse (plan,
               "leg %s: holds data and is not a leg of the log %s any "
               "more: it was removed or replaced; start with its own "
               "legs: %s; then `nbdmirror add --overwrite' takes this "
               "one again",
               in->leg[leg].name, in->log->name, line);
  if (in->leg[leg].leg->kind == LEG_FILE)
    plan_refuse (plan,
                 "; or if it had another name meanwhile, %s.mirrorleg is an "
                 "old record: remove it, or put the one in its place that is "
                 "beside that name",
                 in->leg[leg].name);
  return 0;
}

static int
refuse_unknown (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  return plan_refuse (
    plan,
    "leg %s: holds data and is not a leg of the log %s; check the "
    "name, or make it empty",
    in->leg[leg].name, in->log->name);
}

/* It is, by its content, the only leg that nobody named: 1, 0 or -1. */
static int
is_lone_leg (const struct plan_input *in, struct plan *plan, unsigned leg,
             unsigned lone)
{
  unsigned source = (unsigned) plan->slot[plan->source].leg;
  int answer = in->same (in, &in->log->geo, leg, lone, source, plan->source);

  if (answer != PROBE_YES)
    return answer == -1 ? -1 : 0;
  plan_assign (in, plan, leg, lone);
  plan_note (plan, "leg %s: its content says that it is leg %s of the log\n",
             in->leg[leg].name, in->record->leg[lone].name);
  return 1;
}

/* A leg under a name and identity that the log does not know.  One that was
 * removed holds what another leg held then, so its content says nothing.
 */
static int
place_unknown_leg (const struct plan_input *in, struct plan *plan,
                   unsigned leg)
{
  int lone = lone_record (in, plan);
  bool former = was_a_leg (in, plan, leg);
  int answer = 0;

  if (lone != -1 && !former)
    answer = is_lone_leg (in, plan, leg, (unsigned) lone);
  if (answer != 0)
    return answer == -1 ? -1 : 0;
  answer = in->empty (in, leg, plan->geo.size);
  if (answer == -1)
    return -1;
  if (answer == PROBE_YES)
    return plan_take_new_leg (in, plan, leg);
  return former ? refuse_former_leg (in, plan, leg)
                : refuse_unknown (in, plan, leg);
}

int
plan_place_unknown_legs (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs && !plan->refuse; ++i) {
    if (plan_assigned (plan, i) || in->leg[i].missing)
      continue;
    if (!in->leg[i].leg)
      return plan_refuse (
        plan,
        "leg %s: can't be opened and is not in the log %s; write "
        "\"missing\" for a leg to be added later",
        in->leg[i].name, in->log->name);
    if (place_unknown_leg (in, plan, i) == -1)
      return -1;
  }
  return 0;
}

void
plan_place_missing_words (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    unsigned s = 0;

    if (!in->leg[i].missing)
      continue;
    while (s < LOG_MAX_LEGS &&
           !(plan_recorded (in, s) && plan->slot[s].leg == -1))
      ++s;
    if (s < LOG_MAX_LEGS) {
      plan->slot[s].leg = (int) i;
      continue;
    }
    for (s = 0; s < LOG_MAX_LEGS && plan->slot[s].configured;)
      ++s;
    if (s < LOG_MAX_LEGS)
      plan->slot[s] = (struct plan_slot){
        .configured = true, .leg = (int) i, .fresh = true, .miss = MISS_ALL};
  }
}

void
plan_note_absent (const struct plan_input *in, struct plan *plan)
{
  char line[LINE_SIZE];

  make_line (in, plan, line);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    const char *name = in->record->leg[s].name;

    if (!plan->slot[s].configured || plan->slot[s].here || name[0] == 0)
      continue;
    plan_note (plan, "leg %s: is not here, the mirror starts degraded\n",
               name);
    if (plan->slot[s].leg == -1)
      plan_note (plan,
                 "leg %s: is a leg of the log, and nobody has named it; with "
                 "it: %s\n",
                 name, line);
  }
}
