/* SPDX-License-Identifier: BSD-3-Clause */

/* The record and the beat of a leg for people. */

#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "dump-leg-facts.h"
#include "dump-leg.h"
#include "fields.h"
#include "zero.h"

static void
print_text (FILE *out, const char *key, const char *text)
{
  fprintf (out, "%-12s", key);
  print_safe (out, text);
  fputc ('\n', out);
}

/* Nothing if there is none. */
static void
print_id (FILE *out, const char *key, const uint8_t *id)
{
  char uuid[UUID_TEXT];

  if (!is_zero (id, RECORD_ID_SIZE))
    fprintf (out, "%-12s%s\n", key, format_uuid (uuid, id));
}

static void
print_size (FILE *out, const char *key, uint64_t bytes)
{
  char size[SIZE_TEXT];

  fprintf (out, "%-12s%" PRIu64 " (%s)\n", key, bytes,
           format_size (size, bytes));
}

static void
print_owner (FILE *out, const struct record_owner *owner, bool ended)
{
  fprintf (out, "owner       process %" PRIu32 " on ", owner->pid);
  print_safe (out, owner->host);
  fprintf (out, " (%s)\n", record_owner_words (owner, ended));
  print_id (out, "  boot", owner->boot);
  print_id (out, "  machine", owner->machine);
  fprintf (out, "  pid ns    %" PRIu64 "\n", owner->pid_ns);
}

/* --- where it is, and what of it is good --- */

static void
print_place (FILE *out, const struct leg_find *from)
{
  print_text (out, "leg", from->name);
  if (from->where == RECORD_TRAILER)
    fprintf (out, "record      in a trailer, at offset %" PRIu64 "\n",
             from->trailer);
  else
    print_text (out, "record", from->path ? from->path : from->name);
}

static void
print_slot (FILE *out, const struct leg_facts *facts, unsigned i)
{
  fprintf (out, "slot %u      %s", i,
           record_verdict_name (facts->slot_verdict[i]));
  if (facts->slot_verdict[i] == RECORD_FOREIGN)
    fprintf (out, ", version %" PRIu32 ".%" PRIu32, facts->version[i] >> 16,
             facts->version[i] & 0xffff);
  if (facts->slot_verdict[i] == RECORD_VALID)
    fprintf (out, ", sequence %" PRIu64, facts->slot[i].sequence);
  fprintf (out, "%s\n", (int) i == facts->counts ? ", counts" : "");
}

/* --- the record --- */

static const char *
state_words (const struct leg_facts *facts)
{
  if (facts->record.flags & RECORD_CLEAN)
    return "clean";
  return facts->torn
           ? "unclean: the other slot is bad, so this may be one change too "
             "old"
           : "unclean: in use, or its server did not end well";
}

static void
print_history (FILE *out, const struct leg_record *r)
{
  char uuid[UUID_TEXT];

  print_id (out, "mirror", r->mirror);
  print_id (out, "history", r->history);
  if (!is_zero (r->parent, RECORD_ID_SIZE))
    fprintf (out, "  after     %s, left at generation %" PRIu64 "\n",
             format_uuid (uuid, r->parent), r->parent_generation);
  print_id (out, "leg id", r->leg);
}

static void
print_legs (FILE *out, const struct leg_record *r)
{
  char uuid[UUID_TEXT];

  fprintf (out, "\n%4s  %-7s  %-7s  %-4s  %-36s  %s\n", "leg", "state", "", "",
           "id", "name");
  for (unsigned s = 0; s < RECORD_MAX_LEGS; ++s) {
    if (!record_has_leg (r->configured, s))
      continue;
    fprintf (out, "%4u  %-7s  %-7s  %-4s  %-36s  ", s,
             record_has_leg (r->in_sync, s) ? "in-sync" : "stale",
             s == r->primary ? "primary" : "", s == r->slot ? "this" : "",
             is_zero (r->legs[s], RECORD_ID_SIZE)
               ? "-"
               : format_uuid (uuid, r->legs[s]));
    print_safe (out, r->name[s]);
    fputc ('\n', out);
  }
}

static void
print_record (FILE *out, const struct leg_facts *facts)
{
  const struct leg_record *r = &facts->record;

  print_history (out, r);
  print_id (out, "file", r->file);
  fprintf (out, "sequence    %" PRIu64 "\n", r->sequence);
  fprintf (out, "generation  %" PRIu64 "\n", r->generation);
  print_text (out, "state", state_words (facts));
  print_owner (out, &r->owner, r->flags & RECORD_CLEAN);
  print_size (out, "size", r->size);
  print_size (out, "leg size", r->leg_size);
  print_size (out, "region size", r->region_size);
  print_text (out, "log", r->log_name);
  print_legs (out, r);
}

/* --- the beat --- */

static void
print_beat (FILE *out, const struct leg_facts *facts)
{
  const struct leg_beat *beat = &facts->beat;

  fprintf (out, "\nbeat        %s\n",
           record_verdict_name (facts->beat_verdict));
  if (facts->beat_verdict != RECORD_VALID)
    return;
  fprintf (out, "used        %s\n",
           beat->used ? "yes: by a mirror that runs, or did not end well"
                      : "no: the mirror ended cleanly");
  fprintf (out, "count       %" PRIu64 ", one every %g s\n", beat->count,
           beat->interval_ms / 1000.);
  print_id (out, "session", beat->session);
  print_id (out, "mirror", beat->mirror);
  fprintf (out, "generation  %" PRIu64 "\n", beat->generation);
  fprintf (out, "flush       %" PRIu64 "\n", beat->flush_number);
  print_owner (out, &beat->owner, !beat->used);
}

void
dump_leg_text (FILE *out, const struct leg_facts *facts)
{
  print_place (out, facts->from);
  print_text (out, "found", leg_facts_meaning (facts));
  for (unsigned i = 0; i < 2; ++i)
    print_slot (out, facts, i);
  if (facts->verdict == RECORD_VALID)
    print_record (out, facts);
  print_beat (out, facts);
}
