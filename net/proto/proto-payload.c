/* SPDX-License-Identifier: BSD-3-Clause */

/* What is in the frames: fields in the order of the structs, then what must
 * be true of them.  nbdmirror-protocol(7) has the same as tables.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "proto-payload.h"
#include "proto-str.h"
#include "proto-wire.h"
#include "zero.h"

#define MIN_REGION_SIZE (UINT32_C (64) << 10)
#define MAX_REGION_SIZE (UINT32_C (64) << 20)
#define MAX_SIZE (PROTO_MAX_REGIONS * MAX_REGION_SIZE)
#define MAX_JSON (PROTO_MAX_PAYLOAD - 2)

#define LEG_STATE_MAX 2

/* The longest payloads fit. */
static_assert (8 + 8 + 1 +
                   PROTO_MAX_LEGS * (1 + 1 + PROTO_ID_SIZE + 8 + 8 + 2 +
                                     PROTO_MAX_LEG_NAME) <=
                 PROTO_MAX_PAYLOAD,
               "record");
static_assert (8 + 3 + 4 + PROTO_MAX_RUNS * PROTO_RUN_SIZE <=
                 PROTO_MAX_PAYLOAD,
               "runs");
static_assert (MAX_JSON <= UINT16_MAX, "length of a string");

/* --- values --- */

static bool
region_size_ok (uint32_t region_size)
{
  return region_size >= MIN_REGION_SIZE && region_size <= MAX_REGION_SIZE &&
         (region_size & (region_size - 1)) == 0;
}

static uint64_t
regions_of (uint64_t size, uint32_t region_size)
{
  return size / region_size + (size % region_size != 0);
}

static bool
geometry_ok (uint64_t size, uint32_t region_size)
{
  return size > 0 && region_size_ok (region_size) &&
         regions_of (size, region_size) <= PROTO_MAX_REGIONS;
}

/* --- session --- */

static void
hello_fields (struct wire *w, struct proto_hello *hello)
{
  wire_u32 (w, &hello->version);
  wire_u64 (w, &hello->features);
  wire_str (w, &hello->software, PROTO_MAX_HOST, proto_ascii_ok);
  wire_id (w, hello->server);
  wire_check (w, hello->version >= 1);
}

void
payload_hello (struct wire *w, struct proto_msg *msg)
{
  hello_fields (w, &msg->hello);
  wire_check (w, is_zero (msg->hello.server, PROTO_ID_SIZE));
}

void
payload_hello_reply (struct wire *w, struct proto_msg *msg)
{
  hello_fields (w, &msg->hello);
}

static bool
attach_ok (const struct proto_attach *a)
{
  const uint32_t all =
    PROTO_ATTACH_READ_ONLY | PROTO_ATTACH_MEMORY | PROTO_ATTACH_AGAIN;

  if (a->flags & ~all)
    return false;
  return a->flags & PROTO_ATTACH_AGAIN ||
         (is_zero (a->uuid, PROTO_ID_SIZE) && a->epoch == 0 &&
          a->flush_number == 0);
}

void
payload_attach (struct wire *w, struct proto_msg *msg)
{
  struct proto_attach *a = &msg->attach;

  wire_u32 (w, &a->flags);
  wire_id (w, a->session);
  wire_str (w, &a->name, PROTO_MAX_NAME, proto_name_ok);
  wire_str (w, &a->host, PROTO_MAX_HOST, proto_ascii_ok);
  wire_u32 (w, &a->pid);
  wire_id (w, a->uuid);
  wire_u64 (w, &a->epoch);
  wire_u64 (w, &a->flush_number);
  wire_check (w, attach_ok (a));
}

static bool
attached_ok (const struct proto_attached *a)
{
  const uint32_t all =
    PROTO_LOG_UNCLEAN | PROTO_LOG_SHARED_MAP | PROTO_LOG_MEMORY;

  if (a->found >= PROTO_NR_FOUND || a->flags & ~all)
    return false;
  if (a->region_size == 0)
    return a->size == 0 && a->nr_regions <= PROTO_MAX_REGIONS;
  return geometry_ok (a->size, a->region_size) &&
         a->nr_regions == regions_of (a->size, a->region_size);
}

void
payload_attached (struct wire *w, struct proto_msg *msg)
{
  struct proto_attached *a = &msg->attached;

  wire_u64 (w, &a->epoch);
  wire_u64 (w, &a->flush_number);
  wire_u32 (w, &a->lease_ms);
  wire_u8 (w, &a->found);
  wire_u32 (w, &a->flags);
  wire_id (w, a->uuid);
  wire_u64 (w, &a->size);
  wire_u32 (w, &a->region_size);
  wire_u64 (w, &a->nr_regions);
  wire_u64 (w, &a->owner_pid);
  wire_str (w, &a->owner_host, PROTO_MAX_HOST, proto_ascii_ok);
  wire_check (w, attached_ok (a));
}

void
payload_renewed (struct wire *w, struct proto_msg *msg)
{
  wire_u32 (w, &msg->renewed.lease_ms);
}

/* RENEW, DETACH, FLUSH. */
void
payload_epoch_flags (struct wire *w, struct proto_msg *msg)
{
  uint32_t all = msg->type == PROTO_FLUSH    ? PROTO_FLUSH_COMMIT
                 : msg->type == PROTO_DETACH ? PROTO_DETACH_CLEAN
                                             : 0;

  wire_u64 (w, &msg->flush.epoch);
  wire_u32 (w, &msg->flush.flags);
  wire_check (w, (msg->flush.flags & ~all) == 0);
}

void
payload_flushed (struct wire *w, struct proto_msg *msg)
{
  wire_u64 (w, &msg->flushed.flush_number);
}

/* --- changes --- */

void
payload_create (struct wire *w, struct proto_msg *msg)
{
  struct proto_create *c = &msg->create;

  wire_u64 (w, &c->epoch);
  wire_id (w, c->uuid);
  wire_u64 (w, &c->size);
  wire_u32 (w, &c->region_size);
  wire_u64 (w, &c->generation);
  wire_check (w, geometry_ok (c->size, c->region_size));
}

void
payload_grow (struct wire *w, struct proto_msg *msg)
{
  wire_u64 (w, &msg->grow.epoch);
  wire_u64 (w, &msg->grow.size);
  wire_check (w, msg->grow.size > 0 && msg->grow.size <= MAX_SIZE);
}

static bool
leg_ok (const struct proto_leg *l, uint64_t generation)
{
  if (l->state == 0)
    return l->kind == 0 && is_zero (l->id, PROTO_ID_SIZE) &&
           l->generation == 0 && l->size == 0 && l->name.len == 0;
  return l->state <= LEG_STATE_MAX && l->generation <= generation;
}

static void
leg (struct wire *w, struct proto_leg *l, uint64_t generation)
{
  wire_u8 (w, &l->state);
  wire_u8 (w, &l->kind);
  wire_id (w, l->id);
  wire_u64 (w, &l->generation);
  wire_u64 (w, &l->size);
  wire_str (w, &l->name, PROTO_MAX_LEG_NAME, proto_leg_name_ok);
  wire_check (w, leg_ok (l, generation));
}

/* Nothing follows the legs, or a size that is not 0. */
static void
min_block (struct wire *w, uint32_t *block)
{
  if (w->buf ? *block == 0 : w->next == w->end)
    return;
  wire_u32 (w, block);
  wire_check (w, *block != 0 && *block <= PROTO_MAX_MIN_BLOCK &&
                   (*block & (*block - 1)) == 0);
}

/* SET_RECORD, STATE_RECORD. */
void
payload_record (struct wire *w, struct proto_msg *msg)
{
  struct proto_record *r = &msg->record;

  wire_u64 (w, &r->epoch);
  wire_u64 (w, &r->generation);
  wire_u8 (w, &r->primary);
  wire_check (w, r->primary < PROTO_MAX_LEGS);
  wire_check (w, msg->type == PROTO_SET_RECORD || r->epoch == 0);
  for (unsigned s = 0; s < PROTO_MAX_LEGS; ++s)
    leg (w, &r->leg[s], r->generation);
  min_block (w, &r->min_block);
}

static bool
change_ok (unsigned type, const struct proto_change *c)
{
  if (type == PROTO_STATE_RUNS)
    return c->epoch == 0 && c->map < PROTO_NR_MAPS && c->slot == 0 &&
           !c->in_sync;
  if (type == PROTO_SET_REGION_SYNC)
    return c->map == 0 && c->slot < PROTO_MAX_LEGS;
  return c->map == 0 && c->slot == 0 && !c->in_sync;
}

/* MARK_REGION, CLEAR_REGION, SET_REGION_SYNC, STATE_RUNS.  The runs are the
 * last field: proto_runs_add.
 */
void
payload_change (struct wire *w, struct proto_msg *msg)
{
  struct proto_change *c = &msg->change;

  wire_u64 (w, &c->epoch);
  wire_u8 (w, &c->map);
  wire_u8 (w, &c->slot);
  wire_bool (w, &c->in_sync);
  wire_check (w, change_ok (msg->type, c));
  wire_runs (w, &c->runs);
}

/* --- questions --- */

static bool
query_ok (unsigned type, const struct proto_query *q)
{
  switch (type) {
  case PROTO_IN_SYNC:
    return q->slot < PROTO_MAX_LEGS && proto_run_ok (q->first, q->nr);
  case PROTO_GET_RESYNC_WORK:
    return q->slot >> PROTO_MAX_LEGS == 0 && q->first <= PROTO_MAX_REGIONS &&
           q->nr >= 1 && q->nr <= PROTO_MAX_REGIONS;
  case PROTO_GET_SYNC_COUNT:
    return q->slot == 0 && q->first == 0 && q->nr == 0;
  default:
    return q->slot == 0 && q->first < PROTO_MAX_REGIONS && q->nr == 0;
  }
}

void
payload_query (struct wire *w, struct proto_msg *msg)
{
  wire_u32 (w, &msg->query.slot);
  wire_u64 (w, &msg->query.first);
  wire_u64 (w, &msg->query.nr);
  wire_check (w, query_ok (msg->type, &msg->query));
}

static bool
answer_ok (unsigned type, const struct proto_answer *a)
{
  switch (type) {
  case PROTO_GET_RESYNC_WORK:
    if (a->value == 1)
      return proto_run_ok (a->first, a->nr);
    return a->value == 0 && a->first == 0 && a->nr == 0;
  case PROTO_GET_SYNC_COUNT:
    return a->value <= PROTO_MAX_REGIONS && a->first == 0 && a->nr == 0;
  case PROTO_IS_REMOTE_RECOVERING:
    return a->value <= 1 && a->first <= PROTO_MAX_REGIONS && a->nr == 0;
  default:
    return a->value <= 1 && a->first == 0 && a->nr == 0;
  }
}

void
payload_answer (struct wire *w, struct proto_msg *msg)
{
  wire_u64 (w, &msg->answer.value);
  wire_u64 (w, &msg->answer.first);
  wire_u64 (w, &msg->answer.nr);
  wire_check (w, answer_ok (msg->type, &msg->answer));
}

/* --- administration --- */

/* STATUS_INFO, DELETE, TAKEOVER. */
void
payload_named (struct wire *w, struct proto_msg *msg)
{
  uint32_t all = msg->type == PROTO_TAKEOVER ? PROTO_TAKEOVER_FENCED : 0;

  wire_u32 (w, &msg->named.flags);
  wire_str (w, &msg->named.name, PROTO_MAX_NAME,
            msg->type == PROTO_STATUS_INFO ? proto_name_or_empty_ok
                                           : proto_name_ok);
  wire_check (w, (msg->named.flags & ~all) == 0);
}

void
payload_json (struct wire *w, struct proto_msg *msg)
{
  wire_str (w, &msg->text, MAX_JSON, proto_json_ok);
}

/* Errors, RELEASE. */
void
payload_text (struct wire *w, struct proto_msg *msg)
{
  wire_str (w, &msg->text, PROTO_MAX_TEXT, proto_text_ok);
}

void
payload_nothing (struct wire *w, struct proto_msg *msg)
{
  (void) w;
  (void) msg;
}
