/* SPDX-License-Identifier: BSD-3-Clause */

/* What differs between the truth and what the server has, as frames. */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "record-wire.h"
#include "userspace-runs.h"
#include "userspace-send.h"

/* --- maps --- */

/* Bits that a word of the map can have. */
static uint64_t
all_of_word (const struct bitset *bs, uint64_t word)
{
  uint64_t nr = bs->nr - word * 64;

  return nr < 64 ? ~(UINT64_MAX << nr) : UINT64_MAX;
}

static int
lower_map (struct user_log *u, unsigned m)
{
  const struct bitset *wanted = truth_map (&u->log, m);
  struct user_map *map = &u->map[m];
  uint64_t want, have;
  struct user_runs r;

  user_runs_init (&r, u, m, true);
  for (uint64_t w = bitset_next_set (&map->lower, 0); w < map->lower.nr;
       w = bitset_next_set (&map->lower, w + 1)) {
    want = wanted->words[w];
    have = map->image.words[w];
    user_runs_add_word (&r, w, want & ~have);
    bitset_put_word (&map->image, w, want | have);
    bitset_clear (&map->lower, w);
  }
  return user_runs_end (&r);
}

static int
raise_map (struct user_log *u, unsigned m)
{
  const struct bitset *wanted = truth_map (&u->log, m);
  struct user_map *map = &u->map[m];
  uint64_t want, have;
  struct user_runs r;

  user_runs_init (&r, u, m, false);
  for (uint64_t w = bitset_next_set (&map->raise, 0); w < map->raise.nr;
       w = bitset_next_set (&map->raise, w + 1)) {
    want = wanted->words[w];
    have = map->unknown ? all_of_word (wanted, w) : map->image.words[w];
    user_runs_add_word (&r, w, have & ~want);
    bitset_put_word (&map->image, w, map->image.words[w] & want);
    bitset_clear (&map->raise, w);
  }
  map->unknown = false;
  return user_runs_end (&r);
}

static int
lower_maps (struct user_log *u)
{
  int r = 0;

  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    r |= lower_map (u, m);
  return r;
}

static int
raise_maps (struct user_log *u)
{
  int r = 0;

  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    r |= raise_map (u, m);
  return r;
}

/* --- the record --- */

static bool
same_leg (const struct log_leg *a, const struct log_leg *b)
{
  return a->state == b->state && a->kind == b->kind &&
         a->generation == b->generation && a->size == b->size &&
         a->parked == b->parked && a->replaces == b->replaces &&
         memcmp (a->id, b->id, sizeof a->id) == 0 &&
         strcmp (a->name, b->name) == 0;
}

static bool
same_record (const struct log_record *a, const struct log_record *b)
{
  bool same = a->generation == b->generation && a->primary == b->primary &&
              a->min_block == b->min_block;

  for (unsigned s = 0; s < LOG_MAX_LEGS && same; ++s)
    same = same_leg (&a->leg[s], &b->leg[s]);
  return same;
}

/* Invariant (2).  In a log that is not there yet there is nothing to lower.
 */
static void
lower_record (const struct user_log *u, struct log_record *record)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !u->creating; ++s) {
    const struct log_leg *sent = &u->sent.leg[s];
    struct log_leg *leg = &record->leg[s];

    if (leg->state != LOG_LEG_IN_SYNC || sent->state == LOG_LEG_IN_SYNC)
      continue;
    leg->state = LOG_LEG_STALE;
    if (sent->state == LOG_LEG_STALE)
      leg->generation = sent->generation;
  }
}

static int
encode_record (struct user_log *u)
{
  struct proto_msg msg = {
    .type = PROTO_SET_RECORD,
    .id = log_client_id (u->client),
    .record.epoch = log_client_epoch (u->client),
  };

  log_record_to_wire (&msg.record, &u->sent, log_client_features (u->client));
  return proto_encode (log_client_output (u->client), &msg);
}

static int
send_record (struct user_log *u, bool lowered)
{
  struct log_record record = u->log.record;

  if (!u->record_changed)
    return 0;
  if (lowered)
    lower_record (u, &record);
  else
    u->record_changed = false;
  if (!u->resend && same_record (&record, &u->sent))
    return 0;
  u->sent = record;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    u->sure[s] &= record.leg[s].state == LOG_LEG_IN_SYNC;
  return encode_record (u);
}

/* --- a cycle --- */

static void
all_words (struct bitset *words, const struct bitset *map)
{
  uint64_t r = 0;

  while ((r = bitset_next_set (map, r)) < map->nr) {
    bitset_set (words, r / 64);
    r = (r / 64 + 1) * 64;
  }
}

/* Invariant (1). */
static void
forget_server (struct user_log *u)
{
  for (unsigned m = 0; m < LOG_NR_MAPS; ++m) {
    struct user_map *map = &u->map[m];

    bitset_clear_range (&map->image, 0, map->image.nr);
    all_words (&map->lower, truth_map (&u->log, m));
    map->unknown = !u->creating;
    if (map->unknown)
      bitset_set_range (&map->raise, 0, map->raise.nr);
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (u->sent.leg[s].state == LOG_LEG_IN_SYNC && !u->sure[s])
      u->sent.leg[s].state = LOG_LEG_STALE;
  u->record_changed = true;
  u->create_sent = u->grow_sent = false;
}

static int
send_create (struct user_log *u)
{
  struct proto_msg msg = {
    .type = PROTO_CREATE,
    .id = log_client_id (u->client),
    .create = {.epoch = log_client_epoch (u->client),
               .size = u->log.info.geo.size,
               .region_size = u->log.info.geo.region_size,
               .generation = u->log.record.generation},
  };

  memcpy (msg.create.uuid, u->log.info.uuid, sizeof msg.create.uuid);
  u->create_sent = u->grow_sent = true;
  return proto_encode (log_client_output (u->client), &msg);
}

static int
send_grow (struct user_log *u)
{
  struct proto_msg msg = {
    .type = PROTO_GROW,
    .id = log_client_id (u->client),
    .grow = {.epoch = log_client_epoch (u->client),
             .size = u->log.info.geo.size},
  };

  u->grow_sent = true;
  return proto_encode (log_client_output (u->client), &msg);
}

static int
send_geometry (struct user_log *u)
{
  if (u->creating && !u->create_sent)
    return send_create (u);
  return u->growing && !u->grow_sent ? send_grow (u) : 0;
}

static int
send_lowering (struct user_log *u)
{
  if (u->resend)
    forget_server (u);
  u->lowering = false;
  if (send_geometry (u) == -1 || lower_maps (u) == -1 ||
      send_record (u, true) == -1)
    return -1;
  u->resend = false;
  return 0;
}

static int
send_raising (struct user_log *u)
{
  if (u->group.in_cycle > 1) {
    u->flush_id = log_client_flush (u->client, 0);
    if (u->flush_id == 0)
      return -1;
  }
  return raise_maps (u) | send_record (u, false);
}

int
user_send_cycle (struct user_log *u, bool commit)
{
  u->flush_id = 0;
  if (send_lowering (u) == -1 || (commit && send_raising (u) == -1))
    return -1;
  u->end_id = log_client_flush (u->client, commit ? PROTO_FLUSH_COMMIT : 0);
  return u->end_id ? 0 : -1;
}

void
user_cycle_durable_locked (struct user_log *u, bool commit)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (commit || u->creating)
      u->sure[s] = u->sent.leg[s].state == LOG_LEG_IN_SYNC;
  u->creating &= !u->create_sent;
  u->growing &= !u->grow_sent;
}
