/* SPDX-License-Identifier: BSD-3-Clause */

/* Making and freeing a mirror; life.c starts and stops it. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "hot-limit.h"
#include "log-life.h"
#include "members.h"
#include "mirror-impl.h"
#include "mirror-new.h"
#include "records-init.h"
#include "scrub.h"
#include "msg.h"

#define REJOIN_FIRST_NS (500 * NSEC_PER_MSEC) /* before the first try */
#define REJOIN_MAX_NS (30 * NSEC_PER_SEC)     /* between tries */
#define HOLD_FIRST_NS (200 * NSEC_PER_MSEC)   /* the same for the last leg */
#define HOLD_MAX_NS (2 * NSEC_PER_SEC)
#define WATCH_NS NSEC_PER_SEC
#define REJOIN_STEADY_NS (60 * NSEC_PER_SEC) /* in use, and it is forgiven */

void
mirror_leg_options (const struct mirror_config *config,
                    struct leg_options *options)
{
  *options = (struct leg_options){
    .connections = config->connections,
    .timeout_ns = config->leg_timeout * NSEC_PER_SEC,
    .flush_timeout_ns = config->flush_timeout * NSEC_PER_SEC,
    .fail_after_ns = config->leg_fail_after * NSEC_PER_SEC,
    .on_certificates = config->on_certificates,
    .leave_behind = config->local_timeout > 0,
  };
}

/* Critical sections are far shorter than a context switch, so a thread that
 * finds the lock taken spins a little first.
 */
static void
init_lock (pthread_mutex_t *lock)
{
  pthread_mutexattr_t attr;

  pthread_mutexattr_init (&attr);
  pthread_mutexattr_settype (&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
  pthread_mutex_init (lock, &attr);
  pthread_mutexattr_destroy (&attr);
}

static void
init_parts (struct mirror *m)
{
  m->rejoin =
    (struct rejoin_times){REJOIN_FIRST_NS, REJOIN_MAX_NS, REJOIN_STEADY_NS};
  m->hold.first_ns = HOLD_FIRST_NS;
  m->hold.max_ns = HOLD_MAX_NS;
  m->unstable.max_bytes = UNSTABLE_BYTES;
  unstable_memory_init (&m->unstable.memory);
  m->resync.bad.first_ns = BAD_FIRST_NS;
  m->new_leg = leg_new;
  m->quarantine_ns = m->config.quarantine * NSEC_PER_SEC;
  m->local_timeout_ns = m->config.local_timeout * NSEC_PER_SEC;
  m->watch_ns = WATCH_NS;
  init_lock (&m->lock);
  beats_init (m);
  pthread_mutex_init (&m->records.lock, NULL);
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    m->records.area[slot].fd = -1;
  cond_init_monotonic (&m->cond);
  cond_init_monotonic (&m->resync.wake);
  cond_init_monotonic (&m->rejoin_wake);
  rate_init (&m->rate);
  scrub_init (m);
  sums_init (&m->sums);
}

static int
init_witnesses (struct mirror *m)
{
  if (m->config.hold_timeout == 0)
    return 0;
  m->witnesses = witnesses_new ();
  return m->witnesses ? 0 : -1;
}

static int
copy_names (struct mirror *m, const struct mirror_leg *legs)
{
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) {
    if (!legs[slot].name)
      continue;
    m->member[slot].name = strdup (legs[slot].name);
    if (!m->member[slot].name)
      return -1;
  }
  return 0;
}

/* From here on a lost leg is the mirror's business. */
void
member_take_leg (struct member *member, struct leg *leg)
{
  member->leg = leg;
  member->kind = leg->kind;
  leg->opaque = member;
  leg->on_lost = member_on_lost;
  leg->on_distrust = member_on_distrust;
  leg->may_write = member_may_write;
}

static void
init_members (struct mirror *m, const struct mirror_leg *legs,
              unsigned primary)
{
  enum member_state state[LOG_MAX_LEGS];

  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) {
    struct member *member = &m->member[slot];

    if (!legs[slot].name)
      continue;
    member->mirror = m;
    member->slot = slot;
    member->index = legs[slot].index;
    if (legs[slot].leg)
      member_take_leg (member, legs[slot].leg);
    state[slot] = legs[slot].state;
    m->configured |= SLOT_BIT (slot);
  }
  member_states_init (m, state, primary);
}

/* What operators had ordered.  A leg that is here is wanted, whatever they said. */
static void
init_orders (struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->configured) {
    struct member *member = &m->member[slot];
    struct log_leg rec;

    dirty_log_get_leg (m->log, slot, &rec);
    if (rec.replaces > 0 && (m->configured & SLOT_BIT (rec.replaces - 1)))
      member->replaces = rec.replaces;
    member->parked =
      rec.parked && member->leg && (m->missing & SLOT_BIT (slot));
    member->to_close = member->closed = member->parked;
    if (member->leg)
      dirty_log_set_orders (m->log, slot, member->parked, member->replaces);
  }
}

static void
init_limits (struct mirror *m)
{
  const struct log_geometry *geo = &dirty_log_info (m->log)->geo;

  m->region_shift = (unsigned) __builtin_ctz (geo->region_size);
  m->nr_regions = geo->nr_regions;
  m->max_hot = hot_limit (geo->region_size);
  m->limits.size = geo->size;
  m->limits.min_block = dirty_log_min_block (m->log);
  if (m->limits.min_block == 0)
    m->limits.min_block = 1;
  FOR_EACH_SLOT (s, m->configured) {
    const struct leg *leg = m->member[s].leg;

    if (leg && leg->min_block > m->limits.min_block)
      m->limits.min_block = leg->min_block;
    if (leg && leg->rotational)
      m->limits.rotational = true;
  }
  m->limits.preferred_block =
    m->limits.min_block > 4096 ? m->limits.min_block : 4096;
}

struct mirror *
mirror_new (const struct mirror_config *config, struct dirty_log *log,
            const struct mirror_leg legs[LOG_MAX_LEGS], unsigned primary)
{
  struct mirror *m = calloc (1, sizeof *m);

  if (!m) {
    msg_error ("%m");
    return NULL;
  }
  m->config = *config;
  init_parts (m);
  if (hot_init (&m->hot) == -1 || init_witnesses (m) == -1 ||
      copy_names (m, legs) == -1) {
    msg_error ("%m");
    mirror_free (m);
    return NULL;
  }
  m->log = log;
  init_members (m, legs, primary);
  init_orders (m);
  init_limits (m);
  return m;
}

struct retired {
  struct retired *next;
  struct leg *leg;
  char *name;
};

static void
retire (struct mirror *m, struct leg *leg, char *name)
{
  struct retired *r = calloc (1, sizeof *r);

  if (r) { /* else they are lost, but stay */
    *r = (struct retired){m->retired, leg, name};
    m->retired = r;
  }
}

void
member_retire_locked (struct member *member)
{
  retire (member->mirror, member->leg, member->name);
  member->retired = true;
}

void
mirror_retire_name_locked (struct mirror *m, char *name)
{
  if (name)
    retire (m, NULL, name);
}

static void
free_retired (struct mirror *m)
{
  while (m->retired) {
    struct retired *r = m->retired;

    m->retired = r->next;
    leg_free (r->leg);
    free (r->name);
    free (r);
  }
}

const struct mirror_limits *
mirror_limits (const struct mirror *m)
{
  return &m->limits;
}

void
mirror_take_sums (struct mirror *m, struct sums *sums)
{
  sums_move (&m->sums, sums);
}

void
mirror_free (struct mirror *m)
{
  if (!m)
    return;
  dirty_log_close (m->log, now_ns ());
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) {
    if (m->member[slot].retired)
      continue;
    leg_free (m->member[slot].leg);
    free (m->member[slot].name);
  }
  free_retired (m);
  free (m->moved_log);
  beats_free (m);
  records_free (m);
  scrub_free (m);
  hot_free (&m->hot);
  unstable_free (m, m->unstable.first);
  unstable_memory_destroy (&m->unstable.memory);
  free (m->witnesses);
  bitset_free (&m->held);
  pthread_cond_destroy (&m->rejoin_wake);
  pthread_cond_destroy (&m->resync.wake);
  pthread_cond_destroy (&m->cond);
  pthread_mutex_destroy (&m->lock);
  rate_free (&m->rate);
  sums_free (&m->sums);
  free (m);
}
