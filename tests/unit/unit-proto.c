/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames of the log protocol: the bytes that other programs see, and what
 * is refused.
 */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "cleanup.h"
#include "proto-samples.h"
#include "suite.h"

#define VECTORS SRCDIR "/tests/vectors/proto-vectors.txt"
#define PAYLOAD PROTO_HEADER_SIZE

static const struct proto_msg *
sample (const char *name)
{
  for (const struct proto_sample *s = proto_samples; s->name; ++s)
    if (strcmp (s->name, name) == 0)
      return &s->msg;
  ck_abort_msg ("no sample %s", name);
}

static int
nr_samples (void)
{
  int n = 0;

  while (proto_samples[n].name)
    ++n;
  return n;
}

static struct buffer
encoded (const struct proto_msg *msg)
{
  struct buffer buf = {0};

  ck_assert_msg (proto_encode (&buf, msg) == 0, "%s",
                 proto_type_name (msg->type));
  ck_assert_uint_eq (proto_frame_length (buf.data), buf.len);
  return buf;
}

/* Length and crc of a frame that was changed. */
static void
seal (struct buffer *frame)
{
  put_be32 (frame->data + 20, (uint32_t) (frame->len - PROTO_HEADER_SIZE));
  put_be32 (frame->data + 24, 0);
  put_be32 (frame->data + 24,
            (uint32_t) crc32 (0, frame->data, (uInt) frame->len));
}

static enum proto_error
decode (struct proto_msg *msg, const struct buffer *frame)
{
  return proto_decode (msg, frame->data, frame->len);
}

/* Replace old_len bytes of a frame. */
static void
splice (struct buffer *frame, size_t at, size_t old_len, const void *bytes,
        size_t len)
{
  uint8_t *data = malloc (frame->len - old_len + len + 1);

  ck_assert (at + old_len <= frame->len);
  memcpy (data, frame->data, at);
  if (len > 0)
    memcpy (data + at, bytes, len);
  memcpy (data + at + len, frame->data + at + old_len,
          frame->len - at - old_len);
  frame->len += len - old_len;
  free (frame->data);
  frame->data = data;
  seal (frame);
}

/* --- what is sent is what comes --- */

static void
check_str (struct proto_str a, struct proto_str b)
{
  ck_assert_uint_eq (a.len, b.len);
  ck_assert (a.len == 0 || memcmp (a.s, b.s, a.len) == 0);
}

static void
check_id (const uint8_t *a, const uint8_t *b)
{
  ck_assert_mem_eq (a, b, PROTO_ID_SIZE);
}

static void
check_hello (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->hello.version, b->hello.version);
  ck_assert_uint_eq (a->hello.features, b->hello.features);
  check_str (a->hello.software, b->hello.software);
  check_id (a->hello.server, b->hello.server);
}

static void
check_attach (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->attach.flags, b->attach.flags);
  check_id (a->attach.session, b->attach.session);
  check_str (a->attach.name, b->attach.name);
  check_str (a->attach.host, b->attach.host);
  ck_assert_uint_eq (a->attach.pid, b->attach.pid);
  check_id (a->attach.uuid, b->attach.uuid);
  ck_assert_uint_eq (a->attach.epoch, b->attach.epoch);
  ck_assert_uint_eq (a->attach.flush_number, b->attach.flush_number);
}

static void
check_attached (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->attached.epoch, b->attached.epoch);
  ck_assert_uint_eq (a->attached.flush_number, b->attached.flush_number);
  ck_assert_uint_eq (a->attached.lease_ms, b->attached.lease_ms);
  ck_assert_uint_eq (a->attached.found, b->attached.found);
  ck_assert_uint_eq (a->attached.flags, b->attached.flags);
  check_id (a->attached.uuid, b->attached.uuid);
  ck_assert_uint_eq (a->attached.size, b->attached.size);
  ck_assert_uint_eq (a->attached.region_size, b->attached.region_size);
  ck_assert_uint_eq (a->attached.nr_regions, b->attached.nr_regions);
  ck_assert_uint_eq (a->attached.owner_pid, b->attached.owner_pid);
  check_str (a->attached.owner_host, b->attached.owner_host);
}

static void
check_renewed (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->renewed.lease_ms, b->renewed.lease_ms);
}

static void
check_create (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->create.epoch, b->create.epoch);
  check_id (a->create.uuid, b->create.uuid);
  ck_assert_uint_eq (a->create.size, b->create.size);
  ck_assert_uint_eq (a->create.region_size, b->create.region_size);
  ck_assert_uint_eq (a->create.generation, b->create.generation);
}

static void
check_grow (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->grow.epoch, b->grow.epoch);
  ck_assert_uint_eq (a->grow.size, b->grow.size);
}

static void
check_record (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->record.epoch, b->record.epoch);
  ck_assert_uint_eq (a->record.generation, b->record.generation);
  ck_assert_uint_eq (a->record.primary, b->record.primary);
  ck_assert_uint_eq (a->record.min_block, b->record.min_block);
  for (unsigned s = 0; s < PROTO_MAX_LEGS; ++s) {
    const struct proto_leg *l = &a->record.leg[s], *k = &b->record.leg[s];

    ck_assert_uint_eq (l->state, k->state);
    ck_assert_uint_eq (l->kind, k->kind);
    check_id (l->id, k->id);
    ck_assert_uint_eq (l->generation, k->generation);
    ck_assert_uint_eq (l->size, k->size);
    check_str (l->name, k->name);
  }
}

static void
check_change (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->change.epoch, b->change.epoch);
  ck_assert_uint_eq (a->change.map, b->change.map);
  ck_assert_uint_eq (a->change.slot, b->change.slot);
  ck_assert (a->change.in_sync == b->change.in_sync);
  ck_assert_uint_eq (a->change.runs.nr, b->change.runs.nr);
  for (uint32_t i = 0; i < a->change.runs.nr; ++i) {
    struct proto_run r = proto_run_get (&a->change.runs, i);
    struct proto_run q = proto_run_get (&b->change.runs, i);

    ck_assert_uint_eq (r.first, q.first);
    ck_assert_uint_eq (r.nr, q.nr);
  }
}

static void
check_flush (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->flush.epoch, b->flush.epoch);
  ck_assert_uint_eq (a->flush.flags, b->flush.flags);
}

static void
check_flushed (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->flushed.flush_number, b->flushed.flush_number);
}

static void
check_query (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->query.slot, b->query.slot);
  ck_assert_uint_eq (a->query.first, b->query.first);
  ck_assert_uint_eq (a->query.nr, b->query.nr);
}

static void
check_answer (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->answer.value, b->answer.value);
  ck_assert_uint_eq (a->answer.first, b->answer.first);
  ck_assert_uint_eq (a->answer.nr, b->answer.nr);
}

static void
check_named (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->named.flags, b->named.flags);
  check_str (a->named.name, b->named.name);
}

static void
check_text (const struct proto_msg *a, const struct proto_msg *b)
{
  check_str (a->text, b->text);
}

static void
check_nothing (const struct proto_msg *a, const struct proto_msg *b)
{
  (void) a;
  (void) b;
}

typedef void check_fn (const struct proto_msg *a, const struct proto_msg *b);

static const struct {
  check_fn *request, *reply;
} checks[PROTO_NR_TYPES] = {
  [PROTO_HELLO] = {check_hello, check_hello},
  [PROTO_ATTACH] = {check_attach, check_attached},
  [PROTO_RENEW] = {check_flush, check_renewed},
  [PROTO_DETACH] = {check_flush, check_nothing},
  [PROTO_CREATE] = {check_create, NULL},
  [PROTO_GROW] = {check_grow, NULL},
  [PROTO_SET_RECORD] = {check_record, NULL},
  [PROTO_MARK_REGION] = {check_change, NULL},
  [PROTO_CLEAR_REGION] = {check_change, NULL},
  [PROTO_SET_REGION_SYNC] = {check_change, NULL},
  [PROTO_FLUSH] = {check_flush, check_flushed},
  [PROTO_IS_CLEAN] = {check_query, check_answer},
  [PROTO_IN_SYNC] = {check_query, check_answer},
  [PROTO_GET_RESYNC_WORK] = {check_query, check_answer},
  [PROTO_GET_SYNC_COUNT] = {check_query, check_answer},
  [PROTO_IS_REMOTE_RECOVERING] = {check_query, check_answer},
  [PROTO_STATUS_INFO] = {check_named, check_text},
  [PROTO_DELETE] = {check_named, check_nothing},
  [PROTO_TAKEOVER] = {check_named, check_nothing},
  [PROTO_STATE_RECORD] = {NULL, check_record},
  [PROTO_STATE_RUNS] = {NULL, check_change},
  [PROTO_RELEASE] = {check_text, NULL},
};

static void
check_same (const struct proto_msg *a, const struct proto_msg *b)
{
  ck_assert_uint_eq (a->type, b->type);
  ck_assert_uint_eq (a->flags, b->flags);
  ck_assert_uint_eq (a->id, b->id);
  ck_assert_uint_eq (a->error, b->error);
  if (a->error)
    check_text (a, b);
  else if (a->flags & PROTO_REPLY)
    checks[a->type].reply (a, b);
  else
    checks[a->type].request (a, b);
}

static void
check_round_trip (const struct proto_msg *msg)
{
  struct buffer frame = encoded (msg), again;
  struct proto_msg decoded;

  ck_assert_int_eq (decode (&decoded, &frame), PROTO_OK);
  check_same (&decoded, msg);
  again = encoded (&decoded);
  ck_assert_uint_eq (again.len, frame.len);
  ck_assert_mem_eq (again.data, frame.data, frame.len);
  buffer_free (&frame);
  buffer_free (&again);
}

static void
try_sample (int which)
{
  check_round_trip (&proto_samples[which].msg);
}

TEST (test_samples)
{
  for (int i = 0; i < nr_samples (); ++i)
    try_sample (i);
}

/* Every type of request, reply and notice is among the samples. */
TEST (test_samples_complete)
{
  bool seen[PROTO_NR_TYPES][2] = {{false}};

  for (const struct proto_sample *s = proto_samples; s->name; ++s)
    if (!s->msg.error)
      seen[s->msg.type][s->msg.flags & PROTO_REPLY] = true;
  for (unsigned t = 1; t < PROTO_NR_TYPES; ++t) {
    ck_assert_msg (seen[t][0] == (checks[t].request != NULL), "%s",
                   proto_type_name (t));
    ck_assert_msg (seen[t][1] == (checks[t].reply != NULL), "%s",
                   proto_type_name (t));
  }
}

/* --- vectors --- */

static struct buffer
from_hex (const char *hex)
{
  struct buffer frame = {.data = malloc (strlen (hex) / 2 + 1)};

  for (unsigned byte; sscanf (hex, "%2x", &byte) == 1; hex += 2)
    frame.data[frame.len++] = (uint8_t) byte;
  return frame;
}

static void
check_vector (const char *name, const char *hex)
{
  const struct proto_msg *msg = sample (name);
  struct buffer vector = from_hex (hex), frame = encoded (msg);
  struct proto_msg decoded;

  ck_assert_int_eq (decode (&decoded, &vector), PROTO_OK);
  check_same (&decoded, msg);
  ck_assert_msg (frame.len == vector.len &&
                   memcmp (frame.data, vector.data, frame.len) == 0,
                 "vector %s", name);
  buffer_free (&vector);
  buffer_free (&frame);
}

TEST (test_vectors)
{
  const struct proto_sample *s = proto_samples;
  FILE *file = fopen (VECTORS, "re");
  CLEANUP_FREE char *line = NULL;
  size_t room = 0;

  ck_assert_msg (file != NULL, VECTORS ": %m");
  while (getline (&line, &room, file) != -1) {
    char *space = strchr (line, ' ');

    if (line[0] == '#')
      continue;
    ck_assert_ptr_nonnull (space);
    *space = '\0';
    ck_assert_ptr_nonnull (s->name);
    ck_assert_str_eq (line, s->name);
    check_vector (line, space + 1);
    s++;
  }
  ck_assert_ptr_null (s->name);
  fclose (file);
}

/* --- values out of range --- */

static void
refuse_encode (const struct proto_msg *msg, const char *what)
{
  uint8_t before[] = {1, 2, 3};
  struct buffer buf = {.data = malloc (3), .len = 3, .cap = 3};

  memcpy (buf.data, before, 3);
  errno = 0;
  ck_assert_msg (proto_encode (&buf, msg) == -1, "%s was encoded", what);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert_uint_eq (buf.len, 3);
  ck_assert_mem_eq (buf.data, before, 3);
  buffer_free (&buf);
}

static void
refuse_decode (const struct buffer *frame, const char *what)
{
  struct proto_msg msg;

  ck_assert_msg (decode (&msg, frame) == PROTO_E_INVALID, "%s was decoded",
                 what);
  ck_assert_uint_eq (msg.type, get_be16 (frame->data + 4));
  ck_assert_uint_eq (msg.id, get_be64 (frame->data + 8));
  for (size_t i = 0; i < sizeof msg.record; ++i)
    ck_assert_uint_eq (((uint8_t *) &msg.record)[i], 0);
}

#define FIELD(name) \
#name, offsetof(struct proto_msg, name), \
    sizeof(((struct proto_msg *) NULL)->name)

/* A field: in the message, and where in the payload; and a wrong value. */
static const struct value {
  const char *sample, *name;
  size_t field, size, at;
  uint64_t value;
} bad_values[] = {
  {"hello", FIELD (hello.version), 0, 0},
  {"hello", FIELD (hello.server[15]), 42, 1},
  {"attach", FIELD (attach.flags), 0, 8},
  {"attach", FIELD (attach.uuid[0]), 42, 1},
  {"attach", FIELD (attach.uuid[15]), 57, 1},
  {"attach", FIELD (attach.epoch), 58, 1},
  {"attach", FIELD (attach.flush_number), 66, 1},
  {"attach-again", FIELD (attach.flags), 0, 0},
  {"attach-reply", FIELD (attached.found), 20, PROTO_NR_FOUND},
  {"attach-reply", FIELD (attached.flags), 21, 8},
  {"attach-reply", FIELD (attached.size), 41, 0},
  {"attach-reply", FIELD (attached.size), 41, UINT64_C (0x100000000)},
  {"attach-reply", FIELD (attached.size), 41, UINT64_MAX},
  {"attach-reply", FIELD (attached.region_size), 49, 0},
  {"attach-reply", FIELD (attached.region_size), 49, 0x80000},
  {"attach-reply", FIELD (attached.nr_regions), 53, 4096},
  {"attach-reply", FIELD (attached.nr_regions), 53, 0},
  {"attach-reply-new", FIELD (attached.size), 41, 1},
  {"attach-reply-new", FIELD (attached.region_size), 49, 0x10000},
  {"attach-reply-kernel", FIELD (attached.nr_regions), 53,
   PROTO_MAX_REGIONS + 1},
  {"renew", FIELD (flush.flags), 8, 1},
  {"detach", FIELD (flush.flags), 8, 2},
  {"flush", FIELD (flush.flags), 8, 2},
  {"create", FIELD (create.size), 24, 0},
  {"create", FIELD (create.size), 24, (PROTO_MAX_REGIONS << 20) + 1},
  {"create", FIELD (create.size), 24, UINT64_MAX},
  {"create", FIELD (create.region_size), 32, 0},
  {"create", FIELD (create.region_size), 32, 0x8000},
  {"create", FIELD (create.region_size), 32, 0x18000},
  {"create", FIELD (create.region_size), 32, 0x8000000},
  {"create", FIELD (create.region_size), 32, 0x80000000},
  {"grow", FIELD (grow.size), 8, 0},
  {"grow", FIELD (grow.size), 8, (PROTO_MAX_REGIONS << 26) + 1},
  {"set-record", FIELD (record.generation), 8, 8},
  {"set-record", FIELD (record.primary), 16, PROTO_MAX_LEGS},
  {"set-record", FIELD (record.leg[0].state), 17, 0},
  {"set-record", FIELD (record.leg[0].state), 17, 3},
  {"set-record", FIELD (record.leg[0].generation), 35, 10},
  {"set-record-blocks", FIELD (record.min_block), 307, 3},
  {"set-record-blocks", FIELD (record.min_block), 307, 0x20000},
  {"set-record-blocks", FIELD (record.min_block), 307, 0x80000000},
  {"state-record", FIELD (record.epoch), 0, 6},
  {"state-record", FIELD (record.primary), 16, PROTO_MAX_LEGS},
  {"state-record", FIELD (record.leg[0].kind), 18, 1},
  {"state-record", FIELD (record.leg[0].id[0]), 19, 1},
  {"state-record", FIELD (record.leg[0].id[15]), 34, 1},
  {"state-record", FIELD (record.leg[0].generation), 35, 1},
  {"state-record", FIELD (record.leg[0].size), 43, 1},
  {"state-record", FIELD (record.leg[1].generation), 71, 10},
  {"state-runs", FIELD (change.epoch), 0, 1},
  {"state-runs", FIELD (change.map), 8, PROTO_NR_MAPS},
  {"state-runs", FIELD (change.slot), 9, 1},
  {"state-runs", FIELD (change.in_sync), 10, 1},
  {"mark-region", FIELD (change.map), 8, 1},
  {"mark-region", FIELD (change.slot), 9, 1},
  {"mark-region", FIELD (change.in_sync), 10, 1},
  {"clear-region", FIELD (change.map), 8, 1},
  {"clear-region", FIELD (change.slot), 9, 1},
  {"clear-region", FIELD (change.in_sync), 10, 1},
  {"set-region-sync", FIELD (change.map), 8, 1},
  {"set-region-sync", FIELD (change.slot), 9, PROTO_MAX_LEGS},
  {"is-clean", FIELD (query.slot), 0, 1},
  {"is-clean", FIELD (query.first), 4, PROTO_MAX_REGIONS},
  {"is-clean", FIELD (query.nr), 12, 1},
  {"is-clean-reply", FIELD (answer.value), 0, 2},
  {"is-clean-reply", FIELD (answer.first), 8, 1},
  {"is-clean-reply", FIELD (answer.nr), 16, 1},
  {"in-sync", FIELD (query.slot), 0, PROTO_MAX_LEGS},
  {"in-sync", FIELD (query.first), 4, 6},
  {"in-sync", FIELD (query.first), 4, UINT64_MAX},
  {"in-sync", FIELD (query.nr), 12, 0},
  {"in-sync", FIELD (query.nr), 12, UINT64_MAX},
  {"in-sync-reply", FIELD (answer.value), 0, 2},
  {"in-sync-reply", FIELD (answer.first), 8, 1},
  {"in-sync-reply", FIELD (answer.nr), 16, 1},
  {"get-resync-work", FIELD (query.slot), 0, 256},
  {"get-resync-work", FIELD (query.first), 4, PROTO_MAX_REGIONS + 1},
  {"get-resync-work", FIELD (query.nr), 12, 0},
  {"get-resync-work", FIELD (query.nr), 12, PROTO_MAX_REGIONS + 1},
  {"get-resync-work-reply", FIELD (answer.value), 0, 0},
  {"get-resync-work-reply", FIELD (answer.value), 0, 2},
  {"get-resync-work-reply", FIELD (answer.first), 8, PROTO_MAX_REGIONS},
  {"get-resync-work-reply", FIELD (answer.nr), 16, 0},
  {"get-resync-work-reply", FIELD (answer.nr), 16, PROTO_MAX_REGIONS},
  {"get-resync-work-none", FIELD (answer.first), 8, 1},
  {"get-resync-work-none", FIELD (answer.nr), 16, 1},
  {"get-sync-count", FIELD (query.slot), 0, 1},
  {"get-sync-count", FIELD (query.first), 4, 1},
  {"get-sync-count", FIELD (query.nr), 12, 1},
  {"get-sync-count-reply", FIELD (answer.value), 0, PROTO_MAX_REGIONS + 1},
  {"get-sync-count-reply", FIELD (answer.first), 8, 1},
  {"get-sync-count-reply", FIELD (answer.nr), 16, 1},
  {"is-remote-recovering", FIELD (query.slot), 0, 1},
  {"is-remote-recovering", FIELD (query.first), 4, PROTO_MAX_REGIONS},
  {"is-remote-recovering", FIELD (query.nr), 12, 1},
  {"is-remote-recovering-reply", FIELD (answer.value), 0, 2},
  {"is-remote-recovering-reply", FIELD (answer.first), 8,
   PROTO_MAX_REGIONS + 1},
  {"is-remote-recovering-reply", FIELD (answer.nr), 16, 1},
  {"status-info", FIELD (named.flags), 0, 1},
  {"delete", FIELD (named.flags), 0, 1},
  {"takeover", FIELD (named.flags), 0, 2},
};
#define NR_BAD_VALUES ((int) (sizeof bad_values / sizeof bad_values[0]))

static void
set_field (struct proto_msg *msg, const struct value *value)
{
  uint8_t *field = (uint8_t *) msg + value->field;

  if (value->size == 1)
    *field = (uint8_t) value->value;
  else if (value->size == 4)
    *(uint32_t *) field = (uint32_t) value->value;
  else
    *(uint64_t *) field = value->value;
}

static void
set_bytes (struct buffer *frame, const struct value *value)
{
  uint8_t bytes[8];

  put_be64 (bytes, value->value);
  splice (frame, PAYLOAD + value->at, value->size, bytes + 8 - value->size,
          value->size);
}

static void
try_bad_value (int which)
{
  const struct value *value = &bad_values[which];
  struct proto_msg msg = *sample (value->sample);
  struct buffer frame = encoded (&msg);
  char what[100];

  snprintf (what, sizeof what, "%s: %s = %#llx", value->sample, value->name,
            (unsigned long long) value->value);
  set_bytes (&frame, value);
  refuse_decode (&frame, what);
  set_field (&msg, value);
  refuse_encode (&msg, what);
  buffer_free (&frame);
}

TEST (test_bad_values)
{
  for (int i = 0; i < NR_BAD_VALUES; ++i)
    try_bad_value (i);
}

/* The last values that are in range. */
static const struct value good_values[] = {
  {"hello", FIELD (hello.version), 0, UINT32_MAX},
  {"hello", FIELD (hello.features), 4, UINT64_MAX},
  {"attach", FIELD (attach.flags), 0, 7},
  {"attach-reply", FIELD (attached.found), 20, PROTO_NR_FOUND - 1},
  {"attach-reply", FIELD (attached.flags), 21, 7},
  {"create", FIELD (create.size), 24, 1},
  {"create", FIELD (create.size), 24, PROTO_MAX_REGIONS << 20},
  {"create", FIELD (create.region_size), 32, UINT32_C (64) << 10},
  {"create", FIELD (create.region_size), 32, UINT32_C (64) << 20},
  {"grow", FIELD (grow.size), 8, 1},
  {"grow", FIELD (grow.size), 8, PROTO_MAX_REGIONS << 26},
  {"set-record", FIELD (record.leg[0].generation), 35, 9},
  {"set-record", FIELD (record.leg[0].kind), 18, 255},
  {"set-record-blocks", FIELD (record.min_block), 307, 1},
  {"set-record-blocks", FIELD (record.min_block), 307, 0x10000},
  {"get-resync-work", FIELD (query.slot), 0, 0},
  {"get-resync-work", FIELD (query.slot), 0, 255},
  {"get-resync-work", FIELD (query.first), 4, PROTO_MAX_REGIONS},
  {"get-resync-work", FIELD (query.nr), 12, 1},
  {"get-resync-work", FIELD (query.nr), 12, PROTO_MAX_REGIONS},
  {"get-sync-count-reply", FIELD (answer.value), 0, PROTO_MAX_REGIONS},
  {"is-remote-recovering-reply", FIELD (answer.first), 8, PROTO_MAX_REGIONS},
};
#define NR_GOOD_VALUES ((int) (sizeof good_values / sizeof good_values[0]))

static void
try_good_value (int which)
{
  const struct value *value = &good_values[which];
  struct proto_msg msg = *sample (value->sample), decoded;
  struct buffer frame = encoded (&msg);

  set_bytes (&frame, value);
  set_field (&msg, value);
  ck_assert_int_eq (decode (&decoded, &frame), PROTO_OK);
  check_same (&decoded, &msg);
  check_round_trip (&msg);
  buffer_free (&frame);
}

TEST (test_good_values)
{
  for (int i = 0; i < NR_GOOD_VALUES; ++i)
    try_good_value (i);
}

/* Bytes that no value of the struct stands for. */
TEST (test_bad_bool)
{
  struct buffer frame = encoded (sample ("set-region-sync"));

  splice (&frame, PAYLOAD + 10, 1, (uint8_t[]){2}, 1);
  refuse_decode (&frame, "in_sync = 2");
  buffer_free (&frame);
}

/* --- strings --- */

/* A string: in the message, where in the payload its length is; how long it
 * may be and which single bytes it may be.
 */
static const struct string {
  const char *sample, *name;
  size_t field, size, at;
  uint32_t min, max;
  enum {
    NAME,
    ASCII,
    TEXT,
    JSON,
    PATH
  } kind;
} strings[] = {
  {"hello", FIELD (hello.software), 12, 0, 63, ASCII},
  {"hello-reply", FIELD (hello.software), 12, 0, 63, ASCII},
  {"hello-unsupported", FIELD (text), 0, 0, 1024, TEXT},
  {"attach", FIELD (attach.name), 20, 1, 128, NAME},
  {"attach", FIELD (attach.host), 31, 0, 63, ASCII},
  {"attach-wait", FIELD (text), 0, 0, 1024, TEXT},
  {"attach-reply", FIELD (attached.owner_host), 69, 0, 63, ASCII},
  {"set-record", FIELD (record.leg[0].name), 51, 0, 4071, PATH},
  {"status-info", FIELD (named.name), 4, 0, 128, NAME},
  {"status-info-part", FIELD (text), 0, 0, 65534, JSON},
  {"status-info-reply", FIELD (text), 0, 0, 65534, JSON},
  {"delete", FIELD (named.name), 4, 1, 128, NAME},
  {"takeover", FIELD (named.name), 4, 1, 128, NAME},
  {"release", FIELD (text), 0, 0, 1024, TEXT},
};
#define NR_STRINGS ((int) (sizeof strings / sizeof strings[0]))

static bool
byte_ok (const struct string *string, unsigned c)
{
  switch (string->kind) {
  case NAME:
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
  case ASCII:
    return c >= 0x20 && c < 0x7f;
  case TEXT:
    return c >= 0x20 && c != 0x7f;
  case JSON:
    return c >= 0x20;
  default:
    return c != 0;
  }
}

/* Both directions take this string, or neither does. */
static void
try_string (const struct string *string, const char *s, size_t len, bool ok)
{
  struct proto_msg msg = *sample (string->sample), decoded;
  struct buffer frame = encoded (&msg);
  size_t at = PAYLOAD + string->at;
  uint8_t prefix[2];

  splice (&frame, at + 2, get_be16 (frame.data + at), s, len);
  put_be16 (prefix, (uint16_t) len);
  splice (&frame, at, 2, prefix, 2);
  *(struct proto_str *) ((uint8_t *) &msg + string->field) =
    (struct proto_str){s, (uint32_t) len};
  if (ok) {
    check_round_trip (&msg);
    ck_assert_int_eq (decode (&decoded, &frame), PROTO_OK);
    check_same (&decoded, &msg);
  }
  else {
    refuse_encode (&msg, string->name);
    refuse_decode (&frame, string->name);
  }
  buffer_free (&frame);
}

/* An empty string may be NULL. */
static void
try_null (const struct string *string)
{
  struct proto_msg msg = *sample (string->sample);

  *(struct proto_str *) ((uint8_t *) &msg + string->field) =
    (struct proto_str){NULL, 0};
  if (string->min == 0)
    check_round_trip (&msg);
  else
    refuse_encode (&msg, string->name);
}

static void
try_string_field (int which)
{
  const struct string *string = &strings[which];
  CLEANUP_FREE char *longest = malloc (string->max + 1);

  memset (longest, 'x', string->max + 1);
  try_string (string, longest, string->max, true);
  if (string->max < 65534)
    try_string (string, longest, string->max + 1, false);
  try_string (string, "", 0, string->min == 0);
  try_null (string);
  for (unsigned c = 0; c < 256; ++c) {
    char two[2] = {'x', (char) c};
    bool inside = string->kind == NAME && c && strchr ("._-", (int) c);

    try_string (string, two + 1, 1, byte_ok (string, c));
    try_string (string, two, 2, inside || byte_ok (string, c));
  }
}

TEST (test_strings)
{
  for (int i = 0; i < NR_STRINGS; ++i)
    try_string_field (i);
}

/* A length which its field can hold, but no frame. */
TEST (test_string_longer_than_frame)
{
  struct proto_msg msg = *sample ("status-info-part");
  CLEANUP_FREE char *s = malloc (PROTO_MAX_PAYLOAD + 1);

  memset (s, 'x', PROTO_MAX_PAYLOAD + 1);
  for (uint32_t len = 65535; len <= PROTO_MAX_PAYLOAD + 1; ++len) {
    msg.text = (struct proto_str){s, len};
    refuse_encode (&msg, "long text");
  }
}

static bool
name_ok (const char *name)
{
  return proto_name_ok ((struct proto_str){name, (uint32_t) strlen (name)});
}

TEST (test_names)
{
  ck_assert (name_ok ("a"));
  ck_assert (name_ok ("0"));
  ck_assert (name_ok ("Z.-_9"));
  ck_assert (!name_ok (""));
  ck_assert (!name_ok ("."));
  ck_assert (!name_ok (".."));
  ck_assert (!name_ok ("-a"));
  ck_assert (!name_ok ("_a"));
  ck_assert (!name_ok ("a/b"));
  ck_assert (!name_ok ("a b"));
  ck_assert (!name_ok ("\xc3\xa4"));
  for (unsigned t = 1; t < PROTO_NR_TYPES; ++t)
    ck_assert (name_ok (proto_type_name (t)));
  for (unsigned e = 0; e < PROTO_NR_ERRORS; ++e)
    ck_assert (name_ok (proto_error_name (e)));
  ck_assert_str_eq (proto_type_name (0), "?");
  ck_assert_str_eq (proto_type_name (PROTO_NR_TYPES), "?");
  ck_assert_str_eq (proto_type_name (UINT32_MAX), "?");
  ck_assert_str_eq (proto_error_name (PROTO_NR_ERRORS), "?");
  ck_assert_str_eq (proto_type_name (PROTO_MARK_REGION), "mark-region");
  ck_assert_str_eq (proto_error_name (PROTO_E_OWNED), "owned");
}

/* --- runs --- */

static void
try_run (uint64_t first, uint32_t nr, bool ok)
{
  struct proto_runs_frame f;
  struct buffer built = {0}, frame;
  struct proto_msg msg = *sample ("mark-region"), decoded;
  uint8_t packed[24] = {0};

  packed[11] = 1;
  put_be64 (packed + 12, first);
  put_be32 (packed + 20, nr);
  frame = encoded (&msg);
  splice (&frame, PAYLOAD + 11, 4 + 36, "\0\0\0\2", 4);
  splice (&frame, PAYLOAD + 15, 0, packed, sizeof packed);
  ck_assert_int_eq (proto_runs_begin (&f, &built, &msg), 0);
  msg.change.runs = (struct proto_runs){2, packed};
  ck_assert_int_eq (proto_runs_add (&f, 0, 1), 0);
  errno = 0;
  ck_assert_int_eq (proto_runs_add (&f, first, nr), ok ? 0 : -1);
  ck_assert_int_eq (errno, ok ? 0 : EINVAL);
  proto_runs_end (&f);
  if (ok) {
    ck_assert_int_eq (decode (&decoded, &frame), PROTO_OK);
    check_same (&decoded, &msg);
    check_round_trip (&msg);
    ck_assert_uint_eq (built.len, frame.len);
    ck_assert_mem_eq (built.data, frame.data, frame.len);
  }
  else {
    refuse_decode (&frame, "run");
    refuse_encode (&msg, "run");
    ck_assert_int_eq (decode (&decoded, &built), PROTO_OK);
    ck_assert_uint_eq (decoded.change.runs.nr, 1);
  }
  buffer_free (&frame);
  buffer_free (&built);
}

TEST (test_run_ranges)
{
  const uint64_t max = PROTO_MAX_REGIONS;

  try_run (0, 1, true);
  try_run (0, (uint32_t) max, true);
  try_run (1, (uint32_t) max - 1, true);
  try_run (max - 1, 1, true);
  try_run (0, 0, false);
  try_run (5, 0, false);
  try_run (max, 0, false);
  try_run (max, 1, false);
  try_run (max - 1, 2, false);
  try_run (0, (uint32_t) max + 1, false);
  try_run (1, UINT32_MAX, false);
  try_run (UINT64_MAX, 1, false);
  try_run (UINT64_MAX - 1, 2, false);
  try_run (UINT64_C (1) << 32, 1, false);
}

/* Frames of no run and of all runs, behind another frame. */
TEST (test_runs_in_place)
{
  struct proto_msg msg = *sample ("state-runs"), decoded;
  struct buffer buf = encoded (sample ("hello"));
  size_t start = buf.len;
  struct proto_runs_frame f;

  ck_assert_int_eq (proto_runs_begin (&f, &buf, &msg), 0);
  proto_runs_end (&f);
  ck_assert_int_eq (proto_decode (&decoded, buf.data + start, buf.len - start),
                    PROTO_OK);
  ck_assert_uint_eq (decoded.change.runs.nr, 0);
  buf.len = start;
  ck_assert_int_eq (proto_runs_begin (&f, &buf, &msg), 0);
  for (uint32_t i = 0; i < PROTO_MAX_RUNS; ++i)
    ck_assert_int_eq (proto_runs_add (&f, 3 * i, i % 2 + 1), 0);
  ck_assert_int_eq (proto_runs_add (&f, 0, 1), -1);
  ck_assert_int_eq (errno, ENOSPC);
  proto_runs_end (&f);
  ck_assert_int_eq (proto_decode (&decoded, buf.data + start, buf.len - start),
                    PROTO_OK);
  ck_assert_uint_eq (decoded.change.runs.nr, PROTO_MAX_RUNS);
  ck_assert_uint_eq (decoded.change.map, PROTO_MAP_MISSED (7));
  for (uint32_t i = 0; i < PROTO_MAX_RUNS; ++i) {
    struct proto_run run = proto_run_get (&decoded.change.runs, i);

    ck_assert_uint_eq (run.first, 3 * i);
    ck_assert_uint_eq (run.nr, i % 2 + 1);
  }
  check_round_trip (&decoded);
  buffer_free (&buf);
}

/* More runs than allowed, all there or not. */
TEST (test_too_many_runs)
{
  const uint32_t too_many[] = {PROTO_MAX_RUNS + 1, 0x15555556, UINT32_MAX};
  CLEANUP_FREE uint8_t *packed = calloc (PROTO_MAX_RUNS + 1, 12);
  struct proto_msg msg = *sample ("mark-region");
  struct buffer frame = encoded (&msg);
  uint8_t nr[4];

  for (uint32_t i = 0; i <= PROTO_MAX_RUNS; ++i)
    packed[i * 12 + 11] = 1;
  splice (&frame, PAYLOAD + 15, 36, packed, (PROTO_MAX_RUNS + 1) * 12);
  for (size_t i = 0; i < 3; ++i) {
    msg.change.runs = (struct proto_runs){too_many[i], packed};
    refuse_encode (&msg, "runs");
    put_be32 (nr, too_many[i]);
    splice (&frame, PAYLOAD + 11, 4, nr, 4);
    refuse_decode (&frame, "runs");
  }
  buffer_free (&frame);
}

TEST (test_runs_only_where_they_are)
{
  struct proto_runs_frame f;
  struct buffer buf = {0};

  for (const struct proto_sample *s = proto_samples; s->name; ++s) {
    bool has = !s->msg.error && (s->msg.type == PROTO_MARK_REGION ||
                                 s->msg.type == PROTO_CLEAR_REGION ||
                                 s->msg.type == PROTO_SET_REGION_SYNC ||
                                 s->msg.type == PROTO_STATE_RUNS);

    buf.len = 0;
    ck_assert_int_eq (proto_runs_begin (&f, &buf, &s->msg), has ? 0 : -1);
    ck_assert_int_eq (buf.len > 0, has);
  }
  buffer_free (&buf);
}

/* --- frames --- */

static const struct {
  const char *sample;
  uint16_t type, flags;
  uint64_t id;
  uint32_t error;
} bad_headers[] = {
  {"hello", PROTO_HELLO, PROTO_MORE, 1, 0},
  {"hello", PROTO_HELLO, 4, 1, 0},
  {"hello", PROTO_HELLO, 0x8000, 1, 0},
  {"hello", PROTO_HELLO, 0, 0, 0},
  {"hello", PROTO_HELLO, 0, 1, PROTO_E_INVALID},
  {"hello-reply", PROTO_HELLO, PROTO_REPLY, 0, 0},
  {"hello-reply", PROTO_HELLO, PROTO_REPLY | PROTO_MORE, 1, 0},
  {"hello-unsupported", PROTO_HELLO, PROTO_REPLY, 0, PROTO_E_UNSUPPORTED},
  {"hello-unsupported", PROTO_HELLO, PROTO_REPLY, 1, PROTO_NR_ERRORS},
  {"hello-unsupported", PROTO_HELLO, PROTO_REPLY, 1, UINT32_MAX},
  {"hello-unsupported", PROTO_HELLO, PROTO_REPLY, 1, PROTO_E_WAIT},
  {"hello-unsupported", PROTO_HELLO, PROTO_REPLY | PROTO_MORE, 1,
   PROTO_E_WAIT},
  {"attach-wait", PROTO_ATTACH, PROTO_REPLY, 2, PROTO_E_WAIT},
  {"attach-wait", PROTO_ATTACH, PROTO_REPLY | PROTO_MORE, 2, PROTO_E_OWNED},
  {"attach-reply", PROTO_ATTACH, PROTO_REPLY | PROTO_MORE, 2, 0},
  {"create", PROTO_CREATE, PROTO_REPLY, 5, 0},
  {"grow", PROTO_GROW, PROTO_REPLY, 6, 0},
  {"set-record", PROTO_SET_RECORD, PROTO_REPLY, 7, 0},
  {"mark-region", PROTO_MARK_REGION, PROTO_REPLY, 8, 0},
  {"clear-region", PROTO_CLEAR_REGION, PROTO_REPLY, 9, 0},
  {"set-region-sync", PROTO_SET_REGION_SYNC, PROTO_REPLY, 10, 0},
  {"state-record", PROTO_STATE_RECORD, PROTO_REPLY, 2, 0},
  {"state-record", PROTO_STATE_RECORD, 0, 2, 0},
  {"state-record", PROTO_STATE_RECORD, PROTO_REPLY | PROTO_MORE, 0, 0},
  {"state-runs", PROTO_STATE_RUNS, PROTO_REPLY, 2, 0},
  {"state-runs", PROTO_STATE_RUNS, 0, 2, 0},
  {"release", PROTO_RELEASE, 0, 1, 0},
  {"release", PROTO_RELEASE, PROTO_REPLY, 1, 0},
  {"release", PROTO_RELEASE, PROTO_REPLY, 0, 0},
  {"release", PROTO_RELEASE, PROTO_MORE, 0, 0},
  {"release", PROTO_RELEASE, 0, 0, PROTO_E_INVALID},
};
#define NR_BAD_HEADERS ((int) (sizeof bad_headers / sizeof bad_headers[0]))

static void
set_header (struct buffer *frame, const struct proto_msg *msg)
{
  put_be16 (frame->data + 4, msg->type);
  put_be16 (frame->data + 6, msg->flags);
  put_be64 (frame->data + 8, msg->id);
  put_be32 (frame->data + 16, msg->error);
  seal (frame);
}

static void
try_bad_header (int which)
{
  struct proto_msg msg = *sample (bad_headers[which].sample);
  struct buffer frame = encoded (&msg);

  msg.type = bad_headers[which].type;
  msg.flags = bad_headers[which].flags;
  msg.id = bad_headers[which].id;
  msg.error = bad_headers[which].error;
  refuse_encode (&msg, bad_headers[which].sample);
  set_header (&frame, &msg);
  refuse_decode (&frame, bad_headers[which].sample);
  buffer_free (&frame);
}

TEST (test_bad_headers)
{
  for (int i = 0; i < NR_BAD_HEADERS; ++i)
    try_bad_header (i);
}

/* A type of the future is told from damage, so that it can be replied to. */
TEST (test_unknown_types)
{
  const uint16_t unknown[] = {0, PROTO_NR_TYPES, 0xffff};
  struct proto_msg msg = *sample ("hello"), decoded;
  struct buffer frame = encoded (&msg);

  for (size_t i = 0; i < 3; ++i) {
    msg.type = unknown[i];
    refuse_encode (&msg, "unknown type");
    set_header (&frame, &msg);
    ck_assert_int_eq (decode (&decoded, &frame), PROTO_E_UNSUPPORTED);
    ck_assert_uint_eq (decoded.type, unknown[i]);
    ck_assert_uint_eq (decoded.id, 1);
    decoded = (struct proto_msg){.type = unknown[i],
                                 .flags = PROTO_REPLY,
                                 .id = 1,
                                 .error = PROTO_E_UNSUPPORTED};
    check_round_trip (&decoded);
  }
  buffer_free (&frame);
}

TEST (test_frame_length)
{
  struct buffer frame = encoded (sample ("hello"));

  put_be32 (frame.data + 20, PROTO_MAX_PAYLOAD);
  ck_assert_uint_eq (proto_frame_length (frame.data), PROTO_MAX_FRAME);
  put_be32 (frame.data + 20, PROTO_MAX_PAYLOAD + 1);
  ck_assert_uint_eq (proto_frame_length (frame.data), 0);
  put_be32 (frame.data + 20, UINT32_MAX);
  ck_assert_uint_eq (proto_frame_length (frame.data), 0);
  put_be32 (frame.data + 20, 0);
  ck_assert_uint_eq (proto_frame_length (frame.data), PROTO_HEADER_SIZE);
  for (unsigned i = 0; i < 4; ++i) {
    frame.data[i] ^= 0x20;
    ck_assert_uint_eq (proto_frame_length (frame.data), 0);
    frame.data[i] ^= 0x20;
  }
  buffer_free (&frame);
}

/* --- damage --- */

/* In a buffer of its own, so that ASan and valgrind see each byte too far. */
static enum proto_error
decode_copy (struct proto_msg *msg, const uint8_t *bytes, size_t len)
{
  uint8_t *copy = malloc (len);
  enum proto_error error;

  if (len > 0)
    memcpy (copy, bytes, len);
  error = proto_decode (msg, copy, len);
  free (copy);
  return error;
}

/* All that is left out is what may be: the block size of a record. */
static bool
is_shorter_record (const struct proto_msg *msg, size_t missing)
{
  return (msg->type == PROTO_SET_RECORD || msg->type == PROTO_STATE_RECORD) &&
         msg->record.min_block != 0 && missing == 4;
}

static void
try_truncated (int which)
{
  const struct proto_msg *whole = &proto_samples[which].msg;
  struct buffer frame = encoded (whole);
  size_t length = frame.len;
  struct proto_msg msg;

  for (size_t len = 0; len < frame.len; ++len)
    ck_assert_int_eq (decode_copy (&msg, frame.data, len), PROTO_E_INVALID);
  while (frame.len > PROTO_HEADER_SIZE) {
    frame.len--;
    seal (&frame);
    ck_assert ((decode_copy (&msg, frame.data, frame.len) == PROTO_OK) ==
               is_shorter_record (whole, length - frame.len));
  }
  buffer_free (&frame);
}

TEST (test_truncated)
{
  for (int i = 0; i < nr_samples (); ++i)
    try_truncated (i);
}

/* What is not known is left out, not zero. */
TEST (test_block_size_of_zero)
{
  struct buffer frame = encoded (sample ("set-record-blocks"));

  memset (frame.data + frame.len - 4, 0, 4);
  seal (&frame);
  refuse_decode (&frame, "a block size of zero");
  buffer_free (&frame);
}

static void
try_longer (int which)
{
  struct buffer frame = encoded (&proto_samples[which].msg);
  struct proto_msg msg;

  splice (&frame, frame.len, 0, "", 1);
  ck_assert_int_ne (decode_copy (&msg, frame.data, frame.len), PROTO_OK);
  frame.len--;
  ck_assert_int_eq (decode_copy (&msg, frame.data, frame.len),
                    PROTO_E_INVALID);
  buffer_free (&frame);
}

TEST (test_longer)
{
  for (int i = 0; i < nr_samples (); ++i)
    try_longer (i);
}

/* What is accepted is encoded to the same bytes. */
static void
check_sealed (struct buffer *frame)
{
  struct proto_msg msg;
  struct buffer again;

  seal (frame);
  if (decode (&msg, frame) != PROTO_OK)
    return;
  again = encoded (&msg);
  ck_assert_uint_eq (again.len, frame->len);
  ck_assert_mem_eq (again.data, frame->data, frame->len);
  buffer_free (&again);
}

static void
try_flipped (int which)
{
  const struct buffer frame = encoded (&proto_samples[which].msg);
  struct buffer copy = {
    .data = malloc (frame.len), .len = frame.len, .cap = frame.len};
  struct proto_msg msg;

  for (size_t bit = 0; bit < frame.len * 8; ++bit) {
    memcpy (copy.data, frame.data, frame.len);
    copy.data[bit / 8] ^= (uint8_t) (1u << (bit % 8));
    ck_assert_int_eq (decode (&msg, &copy), PROTO_E_INVALID);
    ck_assert_uint_eq (msg.id, 0);
    check_sealed (&copy);
  }
  buffer_free (&copy);
  free (frame.data);
}

TEST (test_flipped)
{
  for (int i = 0; i < nr_samples (); ++i)
    try_flipped (i);
}

/* Magic and the zero at the end of the header count, too, if the crc is
 * right.
 */
TEST (test_sealed_header)
{
  struct buffer frame = encoded (sample ("hello"));
  struct proto_msg msg;

  for (size_t i = 0; i < PROTO_HEADER_SIZE; ++i)
    if (i < 4 || i >= 28) {
      frame.data[i] ^= 1;
      seal (&frame);
      ck_assert_int_eq (decode (&msg, &frame), PROTO_E_INVALID);
      ck_assert_uint_eq (msg.id, 0);
      frame.data[i] ^= 1;
    }
  seal (&frame);
  ck_assert_int_eq (decode (&msg, &frame), PROTO_OK);
  buffer_free (&frame);
}

/* Some bytes of each sample at random, with the header of any other. */
static void
try_random (int which)
{
  const struct buffer frame = encoded (&proto_samples[which].msg);
  struct buffer copy = {
    .data = malloc (frame.len), .len = frame.len, .cap = frame.len};
  unsigned seed = (unsigned) which + 1;

  for (const struct proto_sample *s = proto_samples; s->name; ++s)
    for (unsigned n = 0; n < 50; ++n) {
      memcpy (copy.data, frame.data, frame.len);
      set_header (&copy, &s->msg);
      for (unsigned i = (unsigned) rand_r (&seed) % 4; i > 0; --i)
        copy.data[(size_t) rand_r (&seed) % frame.len] =
          (uint8_t) rand_r (&seed);
      check_sealed (&copy);
    }
  buffer_free (&copy);
  free (frame.data);
}

TEST (test_random)
{
  for (int i = 0; i < nr_samples (); ++i)
    try_random (i);
}

/* --- the buffer --- */

TEST (test_buffer)
{
  struct buffer buf = {0}, full = {0};
  size_t start = 0;
  struct proto_msg msg;

  buffer_free (&buf);
  for (const struct proto_sample *s = proto_samples; s->name; ++s)
    ck_assert_int_eq (proto_encode (&buf, &s->msg), 0);
  for (const struct proto_sample *s = proto_samples; s->name; ++s) {
    size_t len = proto_frame_length (buf.data + start);

    ck_assert_int_eq (proto_decode (&msg, buf.data + start, len), PROTO_OK);
    check_same (&msg, &s->msg);
    start += len;
  }
  ck_assert_uint_eq (start, buf.len);
  buffer_free (&buf);
  ck_assert_ptr_null (buf.data);
  full.len = full.cap = SIZE_MAX - 8;
  ck_assert_int_eq (proto_encode (&full, sample ("hello")), -1);
  ck_assert_int_eq (errno, ENOMEM);
  ck_assert_uint_eq (full.len, SIZE_MAX - 8);
}

/* The largest record: legs with the longest names. */
TEST (test_largest_record)
{
  struct proto_msg msg = {.type = PROTO_SET_RECORD, .id = 1};
  char name[PROTO_MAX_LEG_NAME];

  memset (name, '/', sizeof name);
  for (unsigned s = 0; s < PROTO_MAX_LEGS; ++s) {
    msg.record.leg[s].state = 2;
    msg.record.leg[s].name = (struct proto_str){name, sizeof name};
  }
  check_round_trip (&msg);
}

static struct suite_group tests = {
  .timeout = 300,
};

int
main (void)
{
  return suite_main ("proto");
}
