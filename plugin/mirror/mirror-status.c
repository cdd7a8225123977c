/* SPDX-License-Identifier: BSD-3-Clause */

/* What a mirror tells about itself. */

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cleanup.h"
#include "hold.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "order-impl.h"
#include "resync-next.h"
#include "scrub-status.h"
#include "suspend.h"
#include "verdict.h"
#include "watch.h"

static void
leg_counters_status (const struct leg *leg, struct leg_status *st)
{
  const struct leg_counters *c = &leg->counters;

  st->reads = atomic_load (&c->reads);
  st->writes = atomic_load (&c->writes);
  st->read_bytes = atomic_load (&c->read_bytes);
  st->write_bytes = atomic_load (&c->write_bytes);
  st->flushes = atomic_load (&c->flushes);
  st->read_errors = atomic_load (&c->read_errors);
  st->write_errors = atomic_load (&c->write_errors);
  st->flush_errors = atomic_load (&c->flush_errors);
}

/* Only a leg in use is looked at: the area of another one is its rejoiner's. */
static void
record_status (const struct mirror *m, unsigned slot, struct leg_status *st)
{
  const struct record_area *area = &m->records.area[slot];

  st->record = "none";
  if (!(usable_set (m) & SLOT_BIT (slot)) || !area->in_use)
    return;
  st->record = area->path ? "file" : "trailer";
  uuid_unparse_lower (m->records.id[slot], st->uuid);
}

static void
member_status (struct mirror *m, unsigned slot, const struct log_status *ls,
               struct leg_status *st)
{
  struct member *member = &m->member[slot];

  st->index = member->index;
  snprintf (st->name, sizeof st->name, "%s",
            member->name[0] ? member->name : "missing");
  st->kind = leg_kind_name (member->kind);
  st->state = member_state_name (m, slot);
  st->returns = verdict_returns (m, slot);
  st->no_answer = watch_no_answer (m, slot);
  st->slow = member->slow.is_slow;
  for (enum latency_of of = 0; of < NR_LATENCIES; ++of)
    st->p99_us[of] = (member->slow.p99_ns[of] + 999) / 1000;
  st->primary = slot == m->primary;
  st->replaces =
    member->replaces ? (int) m->member[member->replaces - 1].index : -1;
  st->write_mostly = (int) member->index == m->config.write_mostly;
  st->missed_regions = ls->missed[slot];
  st->read_repairs = member->read_repairs;
  record_status (m, slot, st);
  if (member->leg) {
    leg_counters_status (member->leg, st);
    st->last_error_time =
      leg_last_error (member->leg, st->last_error, sizeof st->last_error);
  }
}

static int
slot_of_index (const struct mirror *m, unsigned index)
{
  FOR_EACH_SLOT (slot, m->configured)
    if (m->member[slot].index == index)
      return (int) slot;
  return -1;
}

_Static_assert(STATUS_MAX_SERVERS == LOG_MAX_SERVERS, "all servers have room");

/* In the order of the user's numbers; some may have been removed. */
static void
members_status (struct mirror *m, const struct log_status *ls,
                struct mirror_status *st)
{
  for (unsigned index = 0; index < STATUS_MAX_LEGS; ++index) {
    int slot = slot_of_index (m, index);

    if (slot != -1)
      member_status (m, (unsigned) slot, ls, &st->leg[st->nr_legs++]);
  }
}

static void
log_status (const struct mirror *m, const struct log_status *ls,
            struct mirror_status *st)
{
  st->log_type = ls->type;
  st->log_state = ls->disconnected ? "disconnected"
                  : ls->failed     ? "failed"
                                   : "ok";
  snprintf (st->log_name, sizeof st->log_name, "%s",
            dirty_log_info (m->log)->name);
  st->log_misplaced = ls->misplaced;
  snprintf (st->log_last_error, sizeof st->log_last_error, "%s",
            ls->last_error);
  st->log_last_error_time = ls->last_error_time;
  st->log_lost = ls->lost;
  st->log_nr_servers = ls->nr_servers;
  for (unsigned i = 0; i < ls->nr_servers; ++i) {
    memcpy (st->log_server[i].name, ls->server[i].name,
            sizeof st->log_server[i].name);
    st->log_server[i].state = ls->server[i].state;
  }
  st->log_marks = ls->counters.marks;
  st->log_clears = ls->counters.clears;
  st->log_flushes = ls->counters.flushes;
  st->log_flush_errors = ls->counters.flush_errors;
}

static void
resync_rate_status (const struct resync *rs, uint64_t todo_bytes,
                    struct mirror_status *st)
{
  uint64_t elapsed = now_ns () - rs->begin_ns;
  uint64_t bytes = rs->copied_bytes + rs->skipped_bytes - rs->begin_bytes;

  if (elapsed < NSEC_PER_MSEC || bytes == 0)
    return;
  st->bytes_per_second =
    (uint64_t) ((double) bytes * NSEC_PER_SEC / (double) elapsed);
  if (st->bytes_per_second > 0)
    st->eta_seconds = (int64_t) (todo_bytes / st->bytes_per_second);
}

static void
resync_status (const struct mirror *m, const struct log_status *ls,
               struct mirror_status *st)
{
  const struct resync *rs = &m->resync;
  uint64_t todo = resync_todo (m, ls);
  uint64_t total = rs->total_regions < todo ? todo : rs->total_regions;

  st->resync_state = rs->paused ? "paused" : m->resyncing ? "running" : "idle";
  st->total_bytes = total << m->region_shift;
  st->done_bytes = (total - todo) << m->region_shift;
  st->copied_bytes = rs->copied_bytes;
  st->skipped_bytes = rs->skipped_bytes;
  st->eta_seconds = m->resyncing ? -1 : 0;
  if (m->resyncing)
    resync_rate_status (rs, todo << m->region_shift, st);
  st->sweeps = m->sweeps;
}

static void
rate_status (struct mirror *m, struct mirror_status *st)
{
  struct rate_view view;
  bool scrubs = m->scrub.now.phase == SCRUB_RUNNING || m->scrub.repairing;

  rate_view (m, &view);
  st->rate_why = m->resyncing || scrubs ? rate_why_name (view.why) : "none";
  st->rate_now = view.bytes_per_second;
  st->rate_allowed = view.allowed == RATE_UNLIMITED ? 0 : view.allowed;
  st->client_p99_us = view.client_p99_us;
  st->alone_p99_us = view.alone_p99_us;
}

static void
sums_status (struct mirror *m, struct mirror_status *st)
{
  struct sums *sums = &m->sums;

  st->sums_state = !sums->path               ? "off"
                   : atomic_load (&sums->on) ? "on"
                                             : "failed";
  if (sums->path)
    snprintf (st->sums_file, sizeof st->sums_file, "%s", sums->path);
  st->sums_verify_reads = sums->verify;
  st->sums_verified = atomic_load (&sums->verified);
  st->sums_wrong = atomic_load (&sums->wrong);
  st->sums_repaired = atomic_load (&sums->repaired);
}

/* What order-set.c can change. */
static void
settings_status (const struct mirror *m, struct mirror_status *st)
{
  const struct mirror_config *config = &m->config;

  st->suspended_seconds =
    (double) suspend_left_locked (m) / (double) NSEC_PER_SEC;
  st->read_policy = read_policy_name (config->read_policy);
  st->resync_rate = config->resync_rate;
  st->resync_min = config->resync_min;
  st->leg_timeout = config->leg_timeout;
  st->flush_timeout = config->flush_timeout;
  st->leg_fail_after = config->leg_fail_after;
  st->local_timeout = config->local_timeout;
  st->log_timeout = config->log_timeout;
  st->quarantine = config->quarantine;
  st->hold_timeout = config->hold_timeout;
}

void
mirror_status (struct mirror *m, struct mirror_status *st)
{
  struct log_status ls;
  CLEANUP_LOCK (&m->lock);

  memset (st, 0, sizeof *st);
  st->scrub.state = "idle";
  st->scrub.waits = "";
  st->rate_why = "none";
  st->sums_state = "off";
  if (!m->log) { /* stopped */
    st->state = "failed";
    snprintf (st->reason, sizeof st->reason, "the server ends");
    return;
  }
  dirty_log_status (m->log, &ls);
  uuid_unparse_lower (dirty_log_info (m->log)->uuid, st->uuid);
  st->size = m->limits.size;
  st->grows_to = m->grow.to;
  st->grown = m->grow.done;
  st->region_size = UINT64_C (1) << m->region_shift;
  st->regions = m->nr_regions;
  st->min_block = m->limits.min_block;
  verdict (m, &ls, st);
  st->dirty_regions = ls.marked;
  st->out_of_sync_regions = ls.out_of_sync;
  st->generation = ls.generation;
  members_status (m, &ls, st);
  log_status (m, &ls, st);
  resync_status (m, &ls, st);
  rate_status (m, st);
  sums_status (m, st);
  settings_status (m, st);
  scrub_status_locked (m, &st->scrub);
}
