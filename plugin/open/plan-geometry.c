/* SPDX-License-Identifier: BSD-3-Clause */

/* The size of the mirror and of its regions. */

#include "config.h"

#include <inttypes.h>

#include "plan-geometry.h"
#include "plan-keeps.h"
#include "plan-verdict.h"

#define DEFAULT_REGION_SIZE (UINT64_C (512) << 10)
#define DEFAULT_MAX_REGIONS (UINT64_C (4) << 20)

/* The room in the smallest leg, rounded down to the largest block, which is at
 * least *block.
 */
static uint64_t
legs_size (const struct plan_input *in, bool new_trailers, uint32_t *block,
           const char **smallest)
{
  uint64_t size = UINT64_MAX;

  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg *leg = in->leg[i].leg;
    uint64_t room;

    if (!leg)
      continue;
    room = plan_room (in, i, new_trailers);
    if (room < size) {
      size = room;
      *smallest = leg->name;
    }
    if (leg->min_block > *block)
      *block = leg->min_block;
  }
  return size == UINT64_MAX ? 0 : size & ~(uint64_t) (*block - 1);
}

/* The block size that clients were told does not get larger by itself: what they
 * send would not be aligned to it any more.
 */
static const struct leg *
leg_with_larger_blocks (const struct plan_input *in, uint32_t block)
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg && in->leg[i].leg->min_block > block)
      return in->leg[i].leg;
  return NULL;
}

static uint32_t
at_least (const struct plan_input *in, uint32_t block)
{
  return in->config->minimum_block > block ? in->config->minimum_block : block;
}

static int
refuse_larger_blocks (const struct plan_input *in, struct plan *plan,
                      const struct leg *leg, uint32_t largest)
{
  return plan_refuse (plan,
                      "leg %s: has blocks of %" PRIu32
                      " bytes, but clients were promised blocks of %" PRIu32
                      " bytes, and what they don't align to larger ones would "
                      "fail; if they all can, minimum-block=%" PRIu32
                      " accepts it",
                      leg->name, leg->min_block, in->record->min_block,
                      largest);
}

/* Of a log of ours; one that does not know is told now. */
static int
plan_blocks_ours (const struct plan_input *in, struct plan *plan,
                  uint32_t largest)
{
  uint32_t promised = in->record->min_block;
  uint32_t block = at_least (in, promised ? promised : largest);
  const struct leg *leg = leg_with_larger_blocks (in, block);

  if (leg)
    return refuse_larger_blocks (in, plan, leg, largest);
  if (plan->geo.size % block != 0)
    return plan_refuse (plan,
                        "minimum-block=%" PRIu32
                        ": does not divide the mirror's size %" PRIu64,
                        block, plan->geo.size);
  plan->min_block = block;
  if (promised && block != promised)
    plan_note (plan,
               "clients were promised blocks of %" PRIu32
               " bytes, and now %" PRIu32 "\n",
               promised, block);
  return 0;
}

static uint64_t
regions_of (uint64_t size, uint64_t region_size)
{
  return size / region_size + (size % region_size != 0);
}

static uint64_t
default_region_size (uint64_t size)
{
  uint64_t region_size = DEFAULT_REGION_SIZE;

  while (regions_of (size, region_size) > DEFAULT_MAX_REGIONS &&
         region_size < LOG_MAX_REGION_SIZE)
    region_size *= 2;
  return region_size;
}

static int
too_large (const struct plan_input *in, struct plan *plan,
           const char *smallest, uint64_t size)
{
  return plan_refuse (plan,
                      "size=%" PRIu64 ": leg %s is smaller, it has %" PRIu64
                      " bytes",
                      in->config->size, smallest, size);
}

static int
too_many_regions (const struct plan_input *in, struct plan *plan)
{
  return plan_refuse (plan,
                      "region-size=%" PRIu64 ": the mirror would have %" PRIu64
                      " regions, at most %" PRIu64 " are possible",
                      in->config->region_size, plan->geo.nr_regions,
                      LOG_MAX_REGIONS);
}

static int
size_new (const struct plan_input *in, struct plan *plan, bool new_trailers)
{
  const struct mirror_config *config = in->config;
  const char *smallest = "";
  uint32_t block = at_least (in, 1);
  uint64_t size = legs_size (in, new_trailers, &block, &smallest);

  if (config->size > size)
    return too_large (in, plan, smallest, size);
  if (config->size % block != 0)
    return plan_refuse (plan,
                        "size=%" PRIu64 ": must be a multiple of %" PRIu32,
                        config->size, block);
  if (config->size > 0)
    size = config->size;
  if (size == 0)
    return plan_refuse (plan, "leg %s: is empty, it has no room for a mirror",
                        smallest);
  plan->geo.size = size;
  plan->min_block = block;
  return 0;
}

int
plan_geometry_new (const struct plan_input *in, struct plan *plan)
{
  uint64_t region_size = in->config->region_size;
  int new_trailers = plan_new_trailers (in);

  if (new_trailers == -1)
    return -1;
  size_new (in, plan, new_trailers);
  if (plan->refuse)
    return 0;
  if (region_size == 0)
    region_size = default_region_size (plan->geo.size);
  plan->geo.region_size = (uint32_t) region_size;
  plan->geo.nr_regions = regions_of (plan->geo.size, region_size);
  return plan->geo.nr_regions > LOG_MAX_REGIONS ? too_many_regions (in, plan)
                                                : 0;
}

static int
other_region_size (const struct plan_input *in, struct plan *plan)
{
  return plan_refuse (plan,
                      "region-size=%" PRIu64
                      ": the log %s has regions of %" PRIu32
                      " bytes; leave region-size= out",
                      in->config->region_size, in->log->name,
                      in->log->geo.region_size);
}

static int
smaller_than_log (const struct plan_input *in, struct plan *plan)
{
  if (in->log->found == LOG_FOUND_NEW)
    return plan_refuse (plan,
                        "size=%" PRIu64 ": the legs' records are of a mirror "
                        "of %" PRIu64 " bytes, it can't be made smaller",
                        in->config->size, in->log->geo.size);
  return plan_refuse (plan,
                      "size=%" PRIu64 ": the log %s is of a mirror of %" PRIu64
                      " bytes, it can't be made smaller",
                      in->config->size, in->log->name, in->log->geo.size);
}

static int
plan_growth (const struct plan_input *in, struct plan *plan)
{
  uint64_t size = in->config->size;

  plan->grow = true;
  plan->geo.size = size;
  plan->geo.nr_regions = regions_of (size, plan->geo.region_size);
  if (plan->geo.nr_regions <= LOG_MAX_REGIONS)
    return 0;
  return plan_refuse (plan,
                      "size=%" PRIu64 ": more than %" PRIu64
                      " regions of %" PRIu32 " bytes",
                      size, LOG_MAX_REGIONS, plan->geo.region_size);
}

/* The legs have room for it. */
static int
check_legs (const struct plan_input *in, struct plan *plan)
{
  const char *smallest = "";
  uint32_t block = 1;
  uint64_t size = legs_size (in, false, &block, &smallest);

  if (size > 0 && size < plan->geo.size && plan->grow)
    return too_large (in, plan, smallest, size);
  if (size > 0 && size < plan->geo.size)
    return plan_refuse (plan,
                        "leg %s: has %" PRIu64
                        " bytes, but the mirror of the log "
                        "%s has %" PRIu64,
                        smallest, size, in->log->name, plan->geo.size);
  if (plan->geo.size % block != 0)
    return plan_refuse (plan,
                        "leg block size %" PRIu32
                        " does not divide the mirror's size %" PRIu64,
                        block, plan->geo.size);
  return plan_blocks_ours (in, plan, block);
}

int
plan_geometry_ours (const struct plan_input *in, struct plan *plan)
{
  const struct mirror_config *config = in->config;
  const struct log_geometry *geo = &in->log->geo;

  plan->geo = *geo;
  if (config->region_size > 0 && config->region_size != geo->region_size)
    return other_region_size (in, plan);
  if (config->size > 0 && config->size < geo->size)
    return smaller_than_log (in, plan);
  if (config->size > geo->size)
    plan_growth (in, plan);
  else if (geo->nr_regions > LOG_MAX_REGIONS)
    too_many_regions (in, plan);
  return plan->refuse ? 0 : check_legs (in, plan);
}
