/* SPDX-License-Identifier: BSD-3-Clause */

/* The record of a leg: what is written is read, and nothing else is believed.
 * The numbers in brackets are the acceptance rules of record-format.h.
 */

#include "config.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "byte-order.h"
#include "record-format.h"
#include "record-order.h"
#include "record-owner.h"
#include "suite.h"

static uint8_t area[2 * RECORD_SLOT_SIZE];
static struct leg_record sample;

static void
fill (uint8_t *p, size_t len, unsigned first)
{
  for (size_t i = 0; i < len; ++i)
    p[i] = (uint8_t) (first + i);
}

static void
setup (void)
{
  memset (area, 0, sizeof area);
  memset (&sample, 0, sizeof sample);
  sample.sequence = 6;
  fill (sample.mirror, RECORD_ID_SIZE, 1);
  fill (sample.history, RECORD_ID_SIZE, 33);
  fill (sample.parent, RECORD_ID_SIZE, 49);
  sample.parent_generation = 40;
  fill (sample.leg, RECORD_ID_SIZE, 65);
  fill (sample.file, RECORD_ID_SIZE, 81);
  sample.size = UINT64_C (0x123456789000);
  sample.leg_size = sample.size + RECORD_AREA;
  sample.generation = 42;
  sample.region_size = 524288;
  sample.flags = RECORD_CLEAN;
  sample.slot = 1;
  sample.primary = 2;
  sample.configured = 0x87;
  sample.in_sync = 0x86;
  sample.owner.pid = 4711;
  sample.owner.pid_ns = 4026531836;
  strcpy (sample.owner.host, "storage-1.example");
  fill (sample.owner.boot, RECORD_ID_SIZE, 97);
  fill (sample.owner.machine, RECORD_ID_SIZE, 113);
  memcpy (sample.legs[1], sample.leg, RECORD_ID_SIZE);
  strcpy (sample.log_name, "disk:/var/lib/mirror/vm1.log");
  strcpy (sample.name[0], "/data/a.img");
  strcpy (sample.name[7], "nbd://other-host/vm1");
  sample.had[1] = (struct record_had){.sequence = 6, .count = 77};
  fill (sample.had[1].session, RECORD_ID_SIZE, 129);
  sample.had[7] =
    (struct record_had){.sequence = 5, .count = UINT64_C (0x123456789)};
  fill (sample.had[7].session, RECORD_ID_SIZE, 145);
}

static void
check_equal_owner (const struct record_owner *a, const struct record_owner *b)
{
  ck_assert_uint_eq (a->pid, b->pid);
  ck_assert_uint_eq (a->pid_ns, b->pid_ns);
  ck_assert_mem_eq (a->boot, b->boot, RECORD_ID_SIZE);
  ck_assert_mem_eq (a->machine, b->machine, RECORD_ID_SIZE);
  ck_assert_str_eq (a->host, b->host);
}

static void
check_equal (const struct leg_record *a, const struct leg_record *b)
{
  ck_assert_uint_eq (a->sequence, b->sequence);
  ck_assert_mem_eq (a->mirror, b->mirror, RECORD_ID_SIZE);
  ck_assert_mem_eq (a->history, b->history, RECORD_ID_SIZE);
  ck_assert_mem_eq (a->parent, b->parent, RECORD_ID_SIZE);
  ck_assert_uint_eq (a->parent_generation, b->parent_generation);
  ck_assert_mem_eq (a->leg, b->leg, RECORD_ID_SIZE);
  ck_assert_mem_eq (a->file, b->file, RECORD_ID_SIZE);
  ck_assert_uint_eq (a->size, b->size);
  ck_assert_uint_eq (a->leg_size, b->leg_size);
  ck_assert_uint_eq (a->generation, b->generation);
  ck_assert_uint_eq (a->region_size, b->region_size);
  ck_assert_uint_eq (a->flags, b->flags);
  ck_assert_uint_eq (a->slot, b->slot);
  ck_assert_uint_eq (a->primary, b->primary);
  ck_assert_uint_eq (a->configured, b->configured);
  ck_assert_uint_eq (a->in_sync, b->in_sync);
  check_equal_owner (&a->owner, &b->owner);
  ck_assert_mem_eq (a->legs, b->legs, sizeof a->legs);
  ck_assert_str_eq (a->log_name, b->log_name);
  for (unsigned i = 0; i < RECORD_MAX_LEGS; ++i) {
    ck_assert_str_eq (a->name[i], b->name[i]);
    ck_assert_uint_eq (a->had[i].sequence, b->had[i].sequence);
    ck_assert_mem_eq (a->had[i].session, b->had[i].session, RECORD_ID_SIZE);
    ck_assert_uint_eq (a->had[i].count, b->had[i].count);
  }
}

/* As a writer that means harm would: the crc is right. */
static void
seal (uint8_t *buf, size_t len)
{
  put_le32 (buf + 12, 0);
  put_le32 (buf + 12, (uint32_t) crc32 (0, buf, (uInt) len));
}

static enum record_verdict
decode_sealed (size_t offset, uint8_t value)
{
  struct leg_record r;

  record_encode (area, &sample);
  area[offset] = value;
  seal (area, RECORD_SLOT_SIZE);
  return record_decode (&r, area);
}

TEST (what_is_written_is_read)
{
  struct leg_record r;

  record_encode (area, &sample);
  ck_assert_int_eq (record_decode (&r, area), RECORD_VALID);
  check_equal (&r, &sample);
}

TEST (texts_that_do_not_fit_are_cut_off)
{
  struct leg_record r;

  memset (sample.name[3], 'x', RECORD_NAME_SIZE);
  memset (sample.log_name, 'y', RECORD_LOG_NAME_SIZE);
  record_encode (area, &sample);
  ck_assert_int_eq (record_decode (&r, area), RECORD_VALID);
  ck_assert_uint_eq (strlen (r.name[3]), RECORD_NAME_SIZE - 1);
  ck_assert_uint_eq (strlen (r.log_name), RECORD_LOG_NAME_SIZE - 1);
}

static void
read_vector (const char *name, uint8_t *bytes, size_t len)
{
  char path[1024];
  FILE *f;

  snprintf (path, sizeof path, SRCDIR "/tests/vectors/leg-record/%s", name);
  f = fopen (path, "rb");
  ck_assert_ptr_nonnull (f);
  ck_assert_uint_eq (fread (bytes, 1, len, f), len);
  ck_assert_int_eq (fgetc (f), EOF);
  fclose (f);
}

/* The bytes are a contract: these were made once. */
static void
check_vector (const char *name, const void *bytes, size_t len)
{
  uint8_t wanted[RECORD_SLOT_SIZE];

  read_vector (name, wanted, len);
  ck_assert_mem_eq (bytes, wanted, len);
}

TEST (the_bytes_of_a_slot_stay)
{
  record_encode (area, &sample);
  check_vector ("slot-1.bin", area, RECORD_SLOT_SIZE);
}

/* It did not say what legs had. */
TEST (a_slot_of_version_1_0_is_read)
{
  struct leg_record r;

  read_vector ("slot-0.bin", area, RECORD_SLOT_SIZE);
  ck_assert_int_eq (record_decode (&r, area), RECORD_VALID);
  memset (sample.had, 0, sizeof sample.had);
  check_equal (&r, &sample);
  area[2952] = 1; /* zero, then */
  seal (area, RECORD_SLOT_SIZE);
  ck_assert_int_eq (record_decode (&r, area), RECORD_BAD);
}

TEST (no_single_bit_may_be_wrong)
{
  struct leg_record r;

  record_encode (area, &sample);
  for (size_t bit = 0; bit < 8 * RECORD_SLOT_SIZE; ++bit) {
    area[bit / 8] ^= (uint8_t) (1 << bit % 8);
    ck_assert_int_ne (record_decode (&r, area), RECORD_VALID);
    area[bit / 8] ^= (uint8_t) (1 << bit % 8);
  }
  ck_assert_int_eq (record_decode (&r, area), RECORD_VALID);
}

/* (3) to (7): offset, and a value that is wrong there. */
static const struct {
  size_t offset;
  uint8_t value;
} bad[] = {
  {143, 0x80},  /* an unknown flag */
  {4095, 1},    /* the end is zero */
  {3208, 1},    /* so is its beginning */
  {2959, 0x7f}, /* a leg had more records than can be counted */
  {2983, 0x7f}, /* the same of beats */
  {148, 1},     /* and what fills up a number */
  {156, 1},     /* the same in the owner */
  {138, 9},     /* a region size that is no power of two */
  {144, 3},     /* this leg is not configured */
  {144, 8},     /* no such slot */
  {147, 0},     /* nobody is in-sync */
  {147, 0x8e},  /* somebody is who is not configured */
  {145, 0},     /* the primary is not in-sync */
  {145, 9},     /* no such primary */
  {201, 7},     /* a host that is not printable */
  {263, 'x'},   /* the host goes on behind its end */
  {903, 'x'},   /* so does the log's name */
  {1159, 'x'},  /* so does a leg's */
  {119, 0xff},  /* the mirror is larger than the leg */
};

LOOP_TEST (rules_of_a_slot, sizeof bad / sizeof bad[0])
{
  ck_assert_int_eq (decode_sealed (bad[_i].offset, bad[_i].value), RECORD_BAD);
}

/* (2), and what a later version may add. */
TEST (versions)
{
  struct leg_record r;

  ck_assert_int_eq (decode_sealed (10, 2), RECORD_FOREIGN);
  ck_assert_int_eq (decode_sealed (8, 2), RECORD_VALID);
  record_encode (area, &sample);
  area[8] = 2;
  area[4000] = 1;
  area[143] = 0x80;
  seal (area, RECORD_SLOT_SIZE);
  ck_assert_int_eq (record_decode (&r, area), RECORD_VALID);
}

/* (4) and (5): one of them is zero. */
static const struct {
  size_t offset, size;
} needed[] = {
  {offsetof (struct leg_record, mirror), RECORD_ID_SIZE},
  {offsetof (struct leg_record, history), RECORD_ID_SIZE},
  {offsetof (struct leg_record, leg), RECORD_ID_SIZE},
  {offsetof (struct leg_record, generation), sizeof (uint64_t)},
  {offsetof (struct leg_record, size), sizeof (uint64_t)},
};

LOOP_TEST (zero_is_no_answer, sizeof needed / sizeof needed[0])
{
  struct leg_record r;

  memset ((char *) &sample + needed[_i].offset, 0, needed[_i].size);
  record_encode (area, &sample);
  ck_assert_int_eq (record_decode (&r, area), RECORD_BAD);
}

/* What is counted up from there must not begin anew. */
TEST (numbers_near_their_end_are_damage)
{
  static const uint64_t most = UINT64_C (1) << 62;
  struct leg_record r;

  sample.generation = sample.sequence = most;
  record_encode (area, &sample);
  ck_assert_int_eq (record_decode (&r, area), RECORD_VALID);
  sample.generation++;
  record_encode (area, &sample);
  ck_assert_int_eq (record_decode (&r, area), RECORD_BAD);
  sample.generation--;
  sample.sequence = UINT64_MAX;
  record_encode (area, &sample);
  ck_assert_int_eq (record_decode (&r, area), RECORD_BAD);
}

static void
put_slot (unsigned at, uint64_t sequence)
{
  sample.sequence = sequence;
  record_encode (area + at * RECORD_SLOT_SIZE, &sample);
}

/* A record is found, and the next one goes to the place `next'. */
static void
check_found (uint64_t sequence, unsigned next)
{
  struct leg_record r;
  unsigned place = 2;

  ck_assert_int_eq (record_decode_area (&r, area, &place), RECORD_VALID);
  ck_assert_uint_eq (r.sequence, sequence);
  ck_assert_uint_eq (place, next);
}

static enum record_verdict
area_verdict (void)
{
  struct leg_record r;
  unsigned next;

  return record_decode_area (&r, area, &next);
}

TEST (the_higher_sequence_counts)
{
  put_slot (0, 6);
  check_found (6, 1);
  put_slot (1, 7);
  check_found (7, 0);
  put_slot (0, 9);
  check_found (9, 1);
}

/* (9) */
TEST (beside_a_torn_slot_nothing_is_clean)
{
  struct leg_record r;
  unsigned next;

  put_slot (0, 6);
  ck_assert_int_eq (record_decode_area (&r, area, &next), RECORD_VALID);
  ck_assert_uint_eq (r.flags, RECORD_CLEAN);
  put_slot (1, 7);
  area[RECORD_SLOT_SIZE + 2000] ^= 1;
  check_found (6, 1);
  ck_assert_int_eq (record_decode_area (&r, area, &next), RECORD_VALID);
  ck_assert_uint_eq (r.flags, 0);
}

/* (10) */
TEST (no_record)
{
  ck_assert_int_eq (area_verdict (), RECORD_BLANK);
  area[5000] = 1;
  ck_assert_int_eq (area_verdict (), RECORD_NONE);
  put_slot (0, 6);
  area[77] ^= 1;
  ck_assert_int_eq (area_verdict (), RECORD_BAD);
}

TEST (two_slots_of_different_legs_are_damage)
{
  put_slot (0, 6);
  sample.leg[0] ^= 1;
  put_slot (1, 7);
  ck_assert_int_eq (area_verdict (), RECORD_BAD);
}

TEST (one_slot_of_a_later_version_refuses_the_leg)
{
  put_slot (0, 6);
  put_slot (1, 7);
  area[RECORD_SLOT_SIZE + 10] = 2;
  seal (area + RECORD_SLOT_SIZE, RECORD_SLOT_SIZE);
  ck_assert_int_eq (area_verdict (), RECORD_FOREIGN);
}

static struct leg_beat
sample_beat (void)
{
  struct leg_beat beat = {
    .count = 17,
    .interval_ms = 5000,
    .used = true,
    .owner = sample.owner,
    .generation = 42,
    .flush_number = 12345,
  };

  memcpy (beat.session, sample.history, RECORD_ID_SIZE);
  memcpy (beat.mirror, sample.mirror, RECORD_ID_SIZE);
  return beat;
}

TEST (a_beat_is_read_as_written)
{
  struct leg_beat beat = sample_beat (), found;
  uint8_t buf[RECORD_BEAT_SIZE];

  ck_assert_int_eq (record_beat_decode (&found, area), RECORD_BLANK);
  record_beat_encode (buf, &beat);
  ck_assert_int_eq (record_beat_decode (&found, buf), RECORD_VALID);
  ck_assert_mem_eq (found.session, beat.session, RECORD_ID_SIZE);
  ck_assert_uint_eq (found.count, 17);
  ck_assert_uint_eq (found.interval_ms, 5000);
  ck_assert (found.used);
  check_equal_owner (&found.owner, &beat.owner);
  ck_assert_mem_eq (found.mirror, beat.mirror, RECORD_ID_SIZE);
  ck_assert_uint_eq (found.generation, 42);
  ck_assert_uint_eq (found.flush_number, 12345);
  for (size_t bit = 0; bit < 8 * sizeof buf; ++bit) {
    buf[bit / 8] ^= (uint8_t) (1 << bit % 8);
    ck_assert_int_ne (record_beat_decode (&found, buf), RECORD_VALID);
    buf[bit / 8] ^= (uint8_t) (1 << bit % 8);
  }
}

TEST (a_beat_near_its_end_is_damage)
{
  struct leg_beat beat = sample_beat (), found;
  uint8_t buf[RECORD_BEAT_SIZE];

  beat.generation = UINT64_MAX;
  record_beat_encode (buf, &beat);
  ck_assert_int_eq (record_beat_decode (&found, buf), RECORD_BAD);
}

TEST (the_bytes_of_a_beat_stay)
{
  struct leg_beat beat = sample_beat ();
  uint8_t buf[RECORD_BEAT_SIZE];

  record_beat_encode (buf, &beat);
  check_vector ("beat.bin", buf, sizeof buf);
}

static const struct {
  size_t offset;
  uint8_t value;
} bad_beat[] = {
  {44, 2},  /* neither used nor not */
  {42, 1},  /* more than a minute between beats */
  {511, 1}, /* the end is zero */
  {192, 1}, /* so is its beginning */
  {84, 1},  /* and what fills up a number */
  {129, 7}, /* a host that is not printable */
};

LOOP_TEST (rules_of_a_beat, sizeof bad_beat / sizeof bad_beat[0])
{
  struct leg_beat beat = sample_beat (), found;
  uint8_t buf[RECORD_BEAT_SIZE];

  record_beat_encode (buf, &beat);
  buf[bad_beat[_i].offset] = bad_beat[_i].value;
  seal (buf, sizeof buf);
  ck_assert_int_eq (record_beat_decode (&found, buf), RECORD_BAD);
}

TEST (the_trailer_is_at_the_end)
{
  ck_assert_uint_eq (record_trailer_offset (0, 1), 0);
  ck_assert_uint_eq (record_trailer_offset (RECORD_AREA, 1), 0);
  ck_assert_uint_eq (record_trailer_offset (RECORD_AREA + 4095, 512), 0);
  ck_assert_uint_eq (record_trailer_offset (RECORD_AREA + 4096, 512), 4096);
  ck_assert_uint_eq (record_trailer_offset (RECORD_AREA + 8191, 1), 4096);
  ck_assert_uint_eq (record_trailer_offset (3 * 65536, 4096), 131072);
  ck_assert_uint_eq (record_trailer_offset (3 * 65536, 8192), 0);
  ck_assert_uint_eq (record_trailer_offset (UINT64_MAX, 1),
                     UINT64_MAX - 4095 - RECORD_AREA);
}

/* A process that has ended, of this host. */
static struct record_owner
dead_child (void)
{
  struct record_owner owner;
  pid_t pid = fork ();

  ck_assert_int_ne (pid, -1);
  if (pid == 0)
    _exit (0);
  ck_assert_int_eq (waitpid (pid, NULL, 0), pid);
  record_owner_self (&owner);
  owner.pid = (uint32_t) pid;
  return owner;
}

TEST (who_has_ended_is_gone)
{
  struct record_owner self, dead = dead_child (), other;

  record_owner_self (&self);
  ck_assert (!record_owner_is_gone (&self));
  ck_assert (record_owner_is_gone (&dead));
  other = dead;
  other.host[0] ^= 1;
  ck_assert (!record_owner_is_gone (&other));
  other = dead;
  other.machine[0] ^= 1;
  ck_assert (!record_owner_is_gone (&other));
  other = dead;
  other.pid_ns ^= 1;
  ck_assert (!record_owner_is_gone (&other));
}

/* --- which knows more --- */

static struct leg_record
at (uint8_t history, uint64_t generation, uint64_t sequence)
{
  return (struct leg_record){
    .history = {history}, .generation = generation, .sequence = sequence};
}

TEST (in_one_history_generation_counts_then_sequence)
{
  struct leg_record old = at (1, 5, 9), new = at (1, 5, 10);

  ck_assert (record_knows (&new, &old));
  ck_assert (!record_knows (&old, &new));
  ck_assert (record_knows (&old, &old));
  new = at (1, 6, 2);
  ck_assert (record_knows (&new, &old));
  ck_assert (!record_knows (&old, &new));
}

TEST (a_history_knows_its_parent_until_it_left)
{
  struct leg_record parent = at (1, 5, 9), child = at (2, 6, 2);

  child.parent[0] = 1;
  child.parent_generation = 5;
  ck_assert (record_knows (&child, &parent));
  ck_assert (!record_knows (&parent, &child));
  parent.generation = 6;
  ck_assert (!record_knows (&child, &parent));
  ck_assert (!record_knows (&parent, &child));
  parent = at (3, 1, 1);
  ck_assert (!record_knows (&child, &parent));
}

/* It can't have been left by the others: they were not in-sync. */
TEST (who_was_alone_is_known_by_who_calls_it_in_sync)
{
  struct leg_record alone = at (1, 5, 9), other = at (1, 6, 10);

  alone.in_sync = 1;
  other.slot = 1;
  other.in_sync = 2;
  ck_assert (!record_knows (&other, &alone));
  other.in_sync = 3;
  ck_assert (record_knows (&other, &alone));
  other.in_sync = 1; /* a resync target */
  ck_assert (record_knows (&other, &alone));
  other.in_sync = 2;
  alone.in_sync = 5;
  ck_assert (record_knows (&other, &alone));
}

/* --- was it rolled back? --- */

static struct leg_beat
beat_at (uint8_t session, uint64_t count)
{
  struct leg_beat beat = {.count = count, .interval_ms = 5000};

  beat.session[0] = session;
  return beat;
}

TEST (a_leg_with_less_than_it_had_was_rolled_back)
{
  struct leg_record r = at (1, 5, 9);
  struct leg_beat beat = beat_at (1, 100);
  struct record_had had = {.sequence = 9, .session = {1}, .count = 112};

  ck_assert (!record_is_older (&r, NULL, &had, 0));
  ck_assert (!record_is_older (&r, &beat, &had, 0));
  had.sequence = 10;
  ck_assert (record_is_older (&r, &beat, &had, 0));
  had.sequence = 0; /* not known */
  had.count = 113;
  ck_assert (record_is_older (&r, &beat, &had, 0));
  ck_assert (!record_is_older (&r, &beat, &had, 70000)); /* a long flush */
  beat.session[0] = 2;
  ck_assert (!record_is_older (&r, &beat, &had, 0));
}

static struct suite_group tests = {.setup = setup, .timeout = 60};

int
main (void)
{
  return suite_main ("record");
}
