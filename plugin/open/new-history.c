/* SPDX-License-Identifier: BSD-3-Clause */

/* The first record of a history that source=N@G begins. */

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "msg.h"
#include "open-records.h"
#include "plan-newest.h"
#include "record-order.h"
#include "record-owner.h"

static void
copy_id (uint8_t to[RECORD_ID_SIZE], const uint8_t from[RECORD_ID_SIZE])
{
  memcpy (to, from, RECORD_ID_SIZE);
}

static void
begin (struct leg_record *r, const struct plan *plan)
{
  copy_id (r->parent, r->history);
  r->parent_generation = plan->history_left;
  uuid_generate (r->history);
  r->sequence++;
  r->generation = plan->generation;
  r->size = plan->geo.size;
  r->region_size = plan->geo.region_size;
  r->flags = 0;
  record_owner_self (&r->owner);
}

static void
fill_slot (const struct plan_input *in, const struct plan *plan,
           struct leg_record *r, unsigned slot)
{
  const struct plan_slot *ps = &plan->slot[slot];
  const char *name = ps->name ? ps->name : "";

  if (ps->leg >= 0 && !in->leg[ps->leg].missing)
    name = in->leg[ps->leg].name;
  copy_id (r->legs[slot], ps->record_id);
  r->had[slot] = ps->had;
  memset (r->name[slot], 0, sizeof r->name[slot]);
  if (!ps->configured)
    return;
  r->configured |= (uint8_t) (1u << slot);
  snprintf (r->name[slot], sizeof r->name[slot], "%s", name);
}

/* Of the source's leg alone. */
static void
fill_leg (const struct plan *plan, const struct leg *leg, struct leg_record *r)
{
  r->slot = r->primary = (uint8_t) plan->source;
  r->in_sync = (uint8_t) (1u << plan->source);
  copy_id (r->leg, plan->slot[plan->source].record_id);
  memset (r->file, 0, sizeof r->file);
  if (leg->kind == LEG_FILE)
    copy_id (r->file, leg->id);
  r->leg_size = leg->size;
}

static void
make_record (const struct plan_input *in, const struct plan *plan,
             struct leg_record *r)
{
  *r = *plan_newest_record (in, plan);
  begin (r, plan);
  r->configured = 0;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    fill_slot (in, plan, r, s);
  snprintf (r->log_name, sizeof r->log_name, "%s", in->config->log);
  fill_leg (plan, in->leg[plan->slot[plan->source].leg].leg, r);
}

/* The others are as they were. */
static void
go_on_from (struct plan_input *in, struct plan *plan,
            const struct leg_record *r)
{
  plan->newest = plan->slot[plan->source].leg;
  in->leg[plan->newest].record = *r;
  in->leg[plan->newest].record_verdict = RECORD_VALID;
  copy_id (plan->history, r->history);
  plan->history_left = 0;
}

int
records_begin_history (struct plan_input *in, struct plan *plan,
                       struct record_area area[])
{
  struct plan_slot *source = &plan->slot[plan->source];
  struct leg_record r;

  if (plan->history_left == 0 || !source->keeps_record ||
      !plan_newest_record (in, plan))
    return 0;
  if (record_no_id (source->record_id))
    uuid_generate (source->record_id);
  make_record (in, plan, &r);
  if (record_area_make (&area[source->leg]) == -1 ||
      record_area_write (&area[source->leg], &r) == -1) {
    msg_error ("leg %s: record: %m", in->leg[source->leg].name);
    return -1;
  }
  go_on_from (in, plan, &r);
  return 0;
}
