/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "dirty-log.h"
#include "leg-byte.h"
#include "proto.h"
#include "record-wire.h"

static_assert (PROTO_MAX_LEGS == LOG_MAX_LEGS, "legs");
static_assert (PROTO_ID_SIZE == LOG_ID_SIZE, "identity of a leg");
static_assert (PROTO_MAX_LEG_NAME < LOG_NAME_SIZE, "name of a leg");
static_assert (PROTO_MAX_REGIONS == LOG_MAX_REGIONS, "regions");
static_assert (PROTO_MAX_MIN_BLOCK == LOG_MAX_MIN_BLOCK, "block size");
static_assert (PROTO_MAP_MARKED == LOG_MAP_MARKED &&
                 PROTO_MAP_MISSED (0) == LOG_MAP_MISSED (0) &&
                 PROTO_MAP_KERNEL_DIRTY == LOG_MAP_KERNEL_DIRTY,
               "maps");

/* Of a leg that is not there the wire has nothing. */
static void
leg_to_wire (struct proto_leg *wire, const struct log_leg *leg)
{
  memset (wire, 0, sizeof *wire);
  wire->state = (uint8_t) leg->state;
  if (leg->state == LOG_LEG_NONE)
    return;
  wire->kind = leg_byte_put (leg);
  memcpy (wire->id, leg->id, sizeof wire->id);
  wire->generation = leg->generation;
  wire->size = leg->size;
  wire->name = (struct proto_str){leg->name, (uint32_t) strlen (leg->name)};
}

static void
leg_from_wire (struct log_leg *leg, const struct proto_leg *wire)
{
  memset (leg, 0, sizeof *leg);
  leg->state = (enum log_leg_state) wire->state;
  leg_byte_get (leg, wire->kind);
  memcpy (leg->id, wire->id, sizeof leg->id);
  leg->generation = wire->generation;
  leg->size = wire->size;
  if (wire->name.len > 0)
    memcpy (leg->name, wire->name.s, wire->name.len);
}

void
log_record_to_wire (struct proto_record *wire, const struct log_record *record,
                    uint64_t features)
{
  wire->generation = record->generation;
  wire->primary = (uint8_t) record->primary;
  wire->min_block = features & PROTO_FEATURE_MIN_BLOCK ? record->min_block : 0;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    leg_to_wire (&wire->leg[s], &record->leg[s]);
}

void
log_record_from_wire (struct log_record *record,
                      const struct proto_record *wire)
{
  record->generation = wire->generation;
  record->primary = wire->primary;
  record->min_block = wire->min_block;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    leg_from_wire (&record->leg[s], &wire->leg[s]);
}
