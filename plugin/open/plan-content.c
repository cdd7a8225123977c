/* SPDX-License-Identifier: BSD-3-Clause */

/* Is a leg what it was?  A leg that does not hold what it should is empty
 * (nothing is lost by a full copy), or it is refused: a disk that is not the
 * leg may hold somebody's data, whatever sync= and source= say.  Only with
 * source= the very object that the log knows is overwritten, too.
 */

#include "config.h"

#include "plan-content.h"
#include "plan-match.h"
#include "plan-newest.h"
#include "plan-verdict.h"
#include "probe.h"

bool
plan_is_known (const struct plan_input *in, const struct plan *plan,
               unsigned slot)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;

  return plan_same_id (in, leg, slot) ||
         plan_record_says (in, plan, leg, slot) == SAYS_YES;
}

int
plan_compare (const struct plan_input *in, const struct plan *plan,
              unsigned slot, unsigned other)
{
  /* What a growth adds is nothing that both hold. */
  const struct log_geometry *geo =
    in->log->geo.size > 0 ? &in->log->geo : &plan->geo;

  return in->same (in, geo, (unsigned) plan->slot[slot].leg, slot,
                   (unsigned) plan->slot[other].leg, other);
}

bool
plan_to_compare (const struct plan *plan, unsigned slot)
{
  const struct plan_slot *ps = &plan->slot[slot];

  return slot != plan->source && ps->here && !ps->fresh &&
         ps->miss != MISS_ALL;
}

int
plan_leg_is_empty (const struct plan_input *in, struct plan *plan,
                   unsigned slot)
{
  plan->slot[slot].miss = MISS_ALL;
  plan_note (plan,
             "leg %s: is empty though the log knows it, will get a full "
             "copy\n",
             in->leg[plan->slot[slot].leg].name);
  return 0;
}

int
plan_not_the_leg (const struct plan_input *in, struct plan *plan,
                  unsigned slot, unsigned other)
{
  const char *name = in->leg[plan->slot[slot].leg].name;
  const char *right = in->leg[plan->slot[other].leg].name;

  return plan_refuse (plan,
                      "leg %s: is not the leg that the log %s knows, its "
                      "content differs from leg %s; check the name, or make "
                      "it empty, or start with \"missing\" in its place; see "
                      "How to replace a leg in nbdkit-mirror-plugin(1)",
                      name, in->log->name, right);
}

int
plan_legs_differ (const struct plan_input *in, struct plan *plan,
                  unsigned slot)
{
  const char *name = in->leg[plan->slot[slot].leg].name;
  const char *source = in->leg[plan->slot[plan->source].leg].name;

  plan_refuse (plan, "leg %s: its content differs from leg %s where ", name,
               source);
  if (in->log->found == LOG_FOUND_NEW)
    plan_refuse (plan, "the legs' own records say");
  else
    plan_refuse (plan, "the log %s says", in->log->name);
  return plan_refuse (plan,
                      " that both hold the same, so one of them was rolled "
                      "back or changed behind the mirror's back; find out "
                      "which, and make that one empty, or start with "
                      "\"missing\" in its place; see How to replace a leg in "
                      "nbdkit-mirror-plugin(1)");
}

/* Nothing says that this is the recorded leg. */
static int
doubtful_leg (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  int empty = in->empty (in, (unsigned) plan->slot[slot].leg, plan->geo.size);

  if (empty == -1)
    return -1;
  if (empty == PROBE_YES)
    return plan_leg_is_empty (in, plan, slot);
  if (!plan->diverged || !plan_is_known (in, plan, slot))
    return plan_not_the_leg (in, plan, slot, plan->source);
  plan->slot[slot].miss = MISS_ALL;
  plan_note (plan, "leg %s: differs from the source, will get a full copy\n",
             in->leg[plan->slot[slot].leg].name);
  return 0;
}

/* All that was compared is zero.  A disk may have been replaced under the same
 * name: PROBE_YES if the leg is empty and the source is not.
 */
static int
is_blank (const struct plan_input *in, const struct plan *plan, unsigned slot)
{
  unsigned source = (unsigned) plan->slot[plan->source].leg;
  int empty = in->empty (in, (unsigned) plan->slot[slot].leg, plan->geo.size);
  int source_empty;

  if (empty != PROBE_YES)
    return empty;
  source_empty = in->empty (in, source, plan->geo.size);
  if (source_empty == -1)
    return -1;
  return source_empty == PROBE_YES ? PROBE_NO : PROBE_YES;
}

static int
without_evidence (const struct plan_input *in, struct plan *plan,
                  unsigned slot)
{
  int blank = is_blank (in, plan, slot);

  if (blank == PROBE_YES)
    return plan_leg_is_empty (in, plan, slot);
  return blank == -1 ? -1 : 0;
}

static int
check_content (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  bool known = plan_is_known (in, plan, slot);
  int answer = plan_compare (in, plan, slot, plan->source);

  if (answer == -1)
    return -1;
  if (answer == PROBE_NO || (answer == PROBE_NO_EVIDENCE && !known))
    return doubtful_leg (in, plan, slot);
  if (answer == PROBE_NO_EVIDENCE)
    return without_evidence (in, plan, slot);
  if (!known)
    plan_note (plan,
               "leg %s: has another identity than in the log, its content "
               "agrees\n",
               in->leg[plan->slot[slot].leg].name);
  return 0;
}

int
plan_check_contents (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !plan->refuse; ++s)
    if (plan_to_compare (plan, s) && check_content (in, plan, s) == -1)
      return -1;
  return 0;
}
