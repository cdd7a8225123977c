/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "record-owner.h"
#include "records.h"
#include "report.h"

/* --- one cycle --- */

struct cycle {
  struct mirror *m;
  struct record_write write[LOG_MAX_LEGS];
  atomic_uint pending;
  sem_t done;
};

static void
write_done (struct leg_io *io)
{
  struct cycle *c = io->opaque;

  if (atomic_fetch_sub (&c->pending, 1) == 1)
    sem_post (&c->done);
}

/* What is being written now no leg has for certain; the beats it has. */
static void
note_beats (struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->configured) {
    struct record_had *had = &m->records.had[slot];

    if (memcmp (had->session, m->beats.session, RECORD_ID_SIZE) == 0)
      had->count = atomic_load (&m->beats.of[slot].written);
  }
}

static void
fill (const struct mirror *m, const struct records_state *state, unsigned slot,
      struct leg_record *r)
{
  const struct records *rec = &m->records;
  const struct leg *leg = m->member[slot].leg;

  *r = rec->common;
  r->sequence = rec->sequence + 1;
  memcpy (r->leg, rec->id[slot], RECORD_ID_SIZE);
  memcpy (r->legs, rec->id, sizeof rec->id);
  memcpy (r->had, rec->had, sizeof rec->had);
  if (leg->kind == LEG_FILE)
    memcpy (r->file, leg->id, RECORD_ID_SIZE);
  r->leg_size = leg->size;
  r->generation = state->generation;
  r->flags = state->clean ? RECORD_CLEAN : 0;
  r->slot = (uint8_t) slot;
  r->primary = (uint8_t) state->primary;
  r->configured = (uint8_t) state->configured;
  r->in_sync = (uint8_t) state->in_sync;
}

static void
submit (struct cycle *c, const struct records_state *state, unsigned slot)
{
  struct leg_record r;

  fill (c->m, state, slot, &r);
  record_area_submit (&c->m->records.area[slot], &c->write[slot], &r,
                      write_done, c);
}

/* As fan_out does: those that answer by themselves first. */
static void
submit_all (struct cycle *c, const struct records_state *state, unsigned slots)
{
  unsigned nbd = 0;

  FOR_EACH_SLOT (slot, slots)
    if (c->m->member[slot].leg->kind == LEG_NBD)
      nbd |= SLOT_BIT (slot);
  atomic_init (&c->pending, (unsigned) __builtin_popcount (slots) + 1);
  sem_init (&c->done, 0, 0);
  FOR_EACH_SLOT (slot, nbd)
    submit (c, state, slot);
  FOR_EACH_SLOT (slot, slots & ~nbd)
    submit (c, state, slot);
  if (atomic_fetch_sub (&c->pending, 1) != 1)
    while (sem_wait (&c->done) == -1 && errno == EINTR)
      ;
  sem_destroy (&c->done);
}

/* The slots that could not be written; *unsent: those of them that were not
 * asked, for want of the lease.
 */
static unsigned
look_at_answers (struct cycle *c, unsigned slots, unsigned *unsent)
{
  unsigned bad = 0;

  *unsent = 0;
  FOR_EACH_SLOT (slot, slots) {
    const struct leg_io *io = &c->write[slot].io;

    if (io->error == 0)
      continue;
    bad |= SLOT_BIT (slot);
    if (io->unsent)
      *unsent |= SLOT_BIT (slot);
    errno = io->error;
    if (c->m->records.area[slot].path)
      leg_report (c->m->member[slot].leg, "record %s: %m",
                  c->m->records.area[slot].path);
  }
  return bad;
}

/* The legs that it goes to, which are in use until end_use.  *away: none, for the
 * last in-sync one is away (hold.h).
 */
static unsigned
begin_use (struct mirror *m, unsigned slots, unsigned *away)
{
  unsigned used = 0;
  CLEANUP_LOCK (&m->lock);

  *away = m->hold.legs & slots;
  if (*away)
    return 0;
  FOR_EACH_SLOT (slot, slots & writing_set (m))
    if (m->records.area[slot].in_use)
      used |= SLOT_BIT (slot);
  members_use_locked (m, used);
  return used;
}

static int
end_use (struct mirror *m, unsigned used, unsigned bad, unsigned unsent)
{
  unsigned failed, last;

  {
    CLEANUP_LOCK (&m->lock);
    members_unuse_locked (m, used);
    failed = members_lost_locked (m, bad);
    failed |= members_fail_locked (m, bad & ~unsent);
    last = m->in_sync & bad;
  }
  members_report_failed (m, failed);
  if (!last && !unsent)
    return 0;
  errno = EIO;
  return -1;
}

/* The next one has another number, and goes to the other slots.  One that is not
 * complete is written again as it was, however often: no leg that has it is ever
 * more than one ahead of one that has not.
 */
static void
complete (struct mirror *m, unsigned slots)
{
  struct records *rec = &m->records;

  rec->sequence++;
  FOR_EACH_SLOT (slot, slots) {
    record_area_written (&rec->area[slot]);
    rec->had[slot].sequence = rec->sequence;
    memcpy (rec->had[slot].session, m->beats.session, RECORD_ID_SIZE);
  }
  note_beats (m);
}

/* records.lock is held. */
static int
run_cycle (struct mirror *m, const struct records_state *state)
{
  CLEANUP_FREE struct cycle *c = calloc (1, sizeof *c);
  unsigned used, bad, unsent, away;

  if (!c)
    return -1;
  used = begin_use (m, state->slots, &away);
  if (away) {
    errno = EAGAIN;
    return -1;
  }
  if (!used)
    return 0;
  c->m = m;
  note_beats (m);
  submit_all (c, state, used);
  bad = look_at_answers (c, used, &unsent);
  if (end_use (m, used, bad, unsent) == -1)
    return -1;
  complete (m, used & ~bad);
  return 0;
}

void
records_take_locked (struct mirror *m, unsigned joining,
                     struct records_state *state)
{
  struct log_status ls;

  dirty_log_status (m->log, &ls);
  *state = (struct records_state){
    .number = ++m->records.states,
    .generation = ls.generation,
    .slots = writing_set (m),
    .configured = m->configured,
    .in_sync = m->in_sync | joining | (m->joined & m->promoting),
    .primary = m->primary,
  };
}

/* The legs have it already. */
static bool
is_written (const struct records *rec, const struct records_state *state)
{
  const struct records_state *last = &rec->last;

  return state->generation == last->generation &&
         state->configured == last->configured &&
         state->in_sync == last->in_sync && state->primary == last->primary &&
         state->clean == last->clean && !(state->slots & ~last->slots);
}

/* records.lock is held. */
static int
write_state (struct mirror *m, const struct records_state *state)
{
  struct records *rec = &m->records;

  if (!is_written (rec, state)) {
    if (run_cycle (m, state) == -1)
      return -1;
    rec->last = *state;
    atomic_store (&rec->generation, state->generation);
  }
  rec->last.number = state->number;
  return 0;
}

int
records_write (struct mirror *m, const struct records_state *state,
               unsigned joining)
{
  if (!m->records.on)
    return 0;
  CLEANUP_LOCK (&m->records.lock);
  if (state->number > m->records.last.number)
    return write_state (m, state);
  errno = ESTALE;
  return joining ? -1 : 0;
}

int
records_renew (struct mirror *m, uint64_t deadline)
{
  struct records_state state;

  if (!m->records.on)
    return 0;
  {
    CLEANUP_LOCK (&m->lock);
    records_take_locked (m, 0, &state);
  }
  return dirty_log_flush (m->log, deadline) == -1
           ? -1
           : records_write (m, &state, 0);
}

/* --- start --- */

int
records_start (struct mirror *m)
{
  struct records *rec = &m->records;

  if (!rec->on)
    return 0;
  record_owner_self (&rec->common.owner);
  rec->last.slots = 0; /* those were not written by this process */
  if (records_renew (m, NO_DEADLINE) == 0)
    return 0;
  msg_error ("the legs' own records can't be written: %m");
  return -1;
}

/* --- end --- */

/* Nothing is marked, and whoever is in-sync holds the same, for ever. */
static bool
is_clean_locked (const struct mirror *m, const struct log_status *ls)
{
  bool clean = ls->marked == 0 && m->failures == m->failures_recorded &&
               m->hold.legs == 0;

  FOR_EACH_SLOT (slot, m->in_sync)
    clean = clean && !atomic_load (&m->member[slot].leg->lost) &&
            atomic_load (&m->member[slot].leg->flush_error) == 0;
  return clean;
}

void
records_close (struct mirror *m)
{
  struct records_state state;
  struct log_status ls;

  if (!m->records.on)
    return;
  {
    CLEANUP_LOCK (&m->lock);
    records_take_locked (m, 0, &state);
    dirty_log_status (m->log, &ls);
    state.clean = is_clean_locked (m, &ls);
  }
  if (state.clean)
    records_write (m, &state, 0);
}
