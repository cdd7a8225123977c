/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "plan-nested.h"
#include "plan-newest.h"
#include "plan-verdict.h"
#include "record-owner.h"

static bool
has_no_size (const struct plan_input *in)
{
  return in->log->found == LOG_FOUND_NEW ||
         in->log->found == LOG_FOUND_DAMAGED;
}

/* It may be of this mirror, or data. */
static const struct leg_record *
record_at_end (const struct plan_input *in, unsigned leg)
{
  return has_no_size (in) && in->leg[leg].trailer > 0
           ? plan_leg_record (in, leg)
           : NULL;
}

/* A name that was cut off is that of a leg which begins like it. */
static bool
is_recorded (const struct leg_record *r, const char *name)
{
  for (unsigned s = 0; s < RECORD_MAX_LEGS; ++s)
    if (r->name[s][0] != 0 &&
        strncmp (r->name[s], name, RECORD_NAME_SIZE - 1) == 0)
      return true;
  return false;
}

/* Names of devices and files mean nothing on another host, and a guest is one. */
static bool
knows_name (const struct plan_input *in, const struct leg_record *r)
{
  struct record_owner self;
  bool here;

  record_owner_self (&self);
  here = record_owner_same_host (&r->owner, &self);
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (!in->leg[i].missing && is_recorded (r, in->leg[i].name) &&
        (here || (in->leg[i].leg && in->leg[i].leg->kind == LEG_NBD)))
      return true;
  return here && strcmp (r->log_name, in->config->log) == 0;
}

/* Of the first leg that has such a record; -1: none, or a name is known. */
static int
doubtful_leg (const struct plan_input *in)
{
  int doubtful = -1;

  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_record *r = record_at_end (in, i);

    if (r && knows_name (in, r))
      return -1;
    if (r && doubtful == -1)
      doubtful = (int) i;
  }
  return doubtful;
}

void
plan_check_nested (const struct plan_input *in, struct plan *plan)
{
  int leg = in->config->leg_records == RECORDS_AUTO ? doubtful_leg (in) : -1;
  const struct leg_record *r;

  if (leg == -1)
    return;
  r = &in->leg[leg].record;
  plan_refuse (
    plan,
    "leg %s: ends in the record of a mirror whose log was %s, and "
    "neither that log nor its legs (this one was %s) have a name that "
    "was given now; "
    "if it is a leg of that mirror, give leg-records=on",
    in->leg[leg].name, r->log_name, r->name[r->slot]);
  plan_offer_nested (in, plan, (unsigned) leg);
}

void
plan_offer_nested (const struct plan_input *in, struct plan *plan,
                   unsigned leg)
{
  if (record_at_end (in, leg))
    plan_refuse (plan,
                 "; if the record is data of the disk, as where another "
                 "mirror lies within it, give leg-records=off once, which "
                 "leaves it alone");
}

void
plan_note_nested (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg && has_no_size (in) &&
        in->leg[i].record_verdict == RECORD_VALID &&
        plan_record_is_data (in, i))
      plan_note (plan,
                 "leg %s: ends in the record of a mirror whose log was %s, "
                 "which is taken for data and left alone\n",
                 in->leg[i].name, in->leg[i].record.log_name);
}
