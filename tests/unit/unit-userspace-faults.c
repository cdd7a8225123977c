/* SPDX-License-Identifier: BSD-3-Clause */

/* The log on a server whose connections break between any two frames, and
 * which loses its memory, or cannot write, at any time.  After each flush
 * the server's disk must distrust all that the truth does; after each
 * commit it must be as the truth.
 */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "log-life.h"
#include "suite.h"
#include "unit-wait.h"
#include "user-fixture.h"

static void
flush_ok (struct fake_logd *f, struct dirty_log *log)
{
  ck_assert_int_eq (dirty_log_flush (log, in_seconds (20)), 0);
  ck_assert (disk_covers (f, log));
}

static void
commit_ok (struct fake_logd *f, struct dirty_log *log)
{
  ck_assert_int_eq (dirty_log_commit (log, in_seconds (20)), 0);
  ck_assert (disk_equals (f, log));
}

/* --- a story, cut at each frame --- */

static void
create_story (struct fake_logd *f, struct dirty_log *log)
{
  ck_assert_int_eq (dirty_log_create (log, &user_geo, 1), 0);
  user_add_legs (log, 3);
  commit_ok (f, log);
  ck_assert_int_eq (dirty_log_grow (log, user_geo.size + 3 * (uint64_t) REGION,
                                    0),
                    0);
  dirty_log_set_region_sync (log, 1, NR, 3, false);
  flush_ok (f, log);
}

static void
leg_story (struct fake_logd *f, struct dirty_log *log)
{
  dirty_log_mark_run (log, 60, 10);
  flush_ok (f, log);
  dirty_log_leg_failed (log, 2);
  flush_ok (f, log);
  dirty_log_set_region_sync (log, 1, NR, 3, true);
  dirty_log_leg_in_sync (log, 1);
  flush_ok (f, log);
  commit_ok (f, log);
  dirty_log_clear_run (log, 61, 3);
  dirty_log_mark (log, 999);
  commit_ok (f, log);
  dirty_log_set_region_sync (log, 2, 60, 10, true);
  dirty_log_leg_in_sync (log, 2);
  commit_ok (f, log);
  dirty_log_leg_failed (log, 0);
  dirty_log_set_primary (log, 1);
  flush_ok (f, log);
  dirty_log_clear_run (log, 0, log->info.geo.nr_regions);
  commit_ok (f, log);
}

static unsigned
frames_of (struct fake_logd *f)
{
  unsigned frames = 0;

  for (unsigned type = 0; type < PROTO_NR_TYPES; ++type)
    frames += COUNT_OF (f, frames[type]);
  return frames;
}

/* Returns how many frames there were: more if it took long, for the lease is
 * renewed.
 */
static unsigned
run_story (unsigned die_at, enum fake_die when, bool restart)
{
  struct fake_logd *f = fake_logd_new (false);
  struct dirty_log *log = user_open (f, 0);
  unsigned before = frames_of (f), frames;

  LOCKED (f, {
    f->die_count = die_at;
    f->die_when = when;
    f->die_restarts = restart;
  });
  create_story (f, log);
  ck_assert_int_eq (dirty_log_start (log), 0);
  leg_story (f, log);
  dirty_log_close (log, in_seconds (20));
  ck_assert_uint_eq (said ("left as after a crash"), 0);
  ck_assert_uint_eq (COUNT_OF (f, violations), 0);
  WAIT_FOR (COUNT_OF (f, deaths) ==
            (die_at > 0 && frames_of (f) - before >= die_at));
  frames = frames_of (f);
  fake_logd_free (f);
  return frames;
}

LOOP_TEST (test_cut_anywhere, 6)
{
  unsigned frames = run_story (0, FAKE_BEFORE, false);

  ck_assert_uint_gt (frames, 40);
  /* The last one is DETACH, whose loss nobody notices. */
  for (unsigned at = 1; at + 1 < frames; ++at)
    run_story (at, (enum fake_die) (_i % 3), _i >= 3);
}

/* --- chance --- */

static void
random_change (struct dirty_log *log, uint64_t *random)
{
  uint64_t first = random_next (random) % NR;
  uint64_t nr = random_next (random) % 70 + 1;
  unsigned slot = (unsigned) (random_next (random) % 3);

  if (nr > NR - first)
    nr = NR - first;
  switch (random_next (random) % 8) {
  case 0:
  case 1:
  case 2:
    dirty_log_mark_run (log, first, nr);
    break;
  case 3:
  case 4:
    dirty_log_clear_run (log, first, nr);
    break;
  case 5:
    dirty_log_set_region_sync (log, slot, first, nr, false);
    break;
  case 6:
    dirty_log_set_region_sync (log, slot, 0, NR, true);
    break;
  default:
    if (random_next (random) % 2)
      dirty_log_leg_failed (log, slot);
    else if (log->missed[slot].count == 0)
      dirty_log_leg_in_sync (log, slot);
  }
}

static void
random_fault (struct fake_logd *f, uint64_t *random)
{
  uint64_t kind = random_next (random) % 12;

  pthread_mutex_lock (&f->lock);
  if (kind == 0) {
    f->fail_flush = PROTO_E_IO;
    f->fail_times = (unsigned) (random_next (random) % 2 + 1);
  }
  else if (kind < 4) {
    f->die_count = (unsigned) (random_next (random) % 12 + 1);
    f->die_when = (enum fake_die) (random_next (random) % 3);
    f->die_restarts = random_next (random) % 2;
  }
  pthread_mutex_unlock (&f->lock);
}

static void
random_flush (struct fake_logd *f, struct dirty_log *log, uint64_t *random)
{
  bool commit = random_next (random) % 3 == 0;
  int r = commit ? dirty_log_commit (log, in_seconds (20))
                 : dirty_log_flush (log, in_seconds (20));

  if (r == -1)
    ck_assert_int_eq (errno, EIO);
  else
    ck_assert (commit ? disk_equals (f, log) : disk_covers (f, log));
}

LOOP_TEST (test_chance, 6)
{
  struct fake_logd *f = fake_logd_new (false);
  struct dirty_log *log = user_create (f);
  uint64_t random = (uint64_t) _i + 1, end = in_seconds (1.5);

  dirty_log_set_leg (log, 2, 2, (const uint8_t[LOG_ID_SIZE]){3}, 1, "/leg2");
  ck_assert_int_eq (dirty_log_start (log), 0);
  while (now_ns () < end) {
    random_fault (f, &random);
    for (uint64_t n = random_next (&random) % 6; n > 0; --n)
      random_change (log, &random);
    random_flush (f, log, &random);
  }
  LOCKED (f, f->fail_times = 0);
  commit_ok (f, log);
  dirty_log_close (log, in_seconds (20));
  ck_assert_uint_eq (COUNT_OF (f, violations), 0);
  ck_assert_uint_gt (COUNT_OF (f, deaths), 0);
  fake_logd_free (f);
}

/* --- many callers --- */

#define NR_WRITERS 8

struct writer {
  struct fake_logd *f;
  struct dirty_log *log;
  uint64_t first, random, end;
  unsigned wrong;
};

/* Each has regions of its own. */
static void *
writer_thread (void *arg)
{
  struct writer *w = arg;
  uint64_t region;

  while (now_ns () < w->end) {
    region = w->first + random_next (&w->random) % (NR / NR_WRITERS);
    dirty_log_mark (w->log, region);
    if (dirty_log_flush (w->log, in_seconds (20)) == 0)
      LOCKED (w->f, w->wrong += !w->f->disk.map[LOG_MAP_MARKED][region]);
    dirty_log_clear (w->log, region);
    if (random_next (&w->random) % 4 == 0)
      (void) dirty_log_commit (w->log, in_seconds (20));
  }
  return NULL;
}

TEST (test_many_callers)
{
  struct fake_logd *f = fake_logd_new (false);
  struct dirty_log *log = user_start_new (f);
  struct writer w[NR_WRITERS];
  pthread_t thread[NR_WRITERS];
  uint64_t random = 1, end = in_seconds (3);

  for (unsigned i = 0; i < NR_WRITERS; ++i) {
    w[i] = (struct writer){
      .f = f,
      .log = log,
      .first = i * (NR / NR_WRITERS),
      .random = i,
      .end = end,
    };
    thread[i] = thread_run (writer_thread, &w[i]);
  }
  for (; now_ns () < end; usleep (20000))
    random_fault (f, &random);
  for (unsigned i = 0; i < NR_WRITERS; ++i) {
    pthread_join (thread[i], NULL);
    ck_assert_uint_eq (w[i].wrong, 0);
  }
  LOCKED (f, f->fail_times = 0);
  commit_ok (f, log);
  dirty_log_close (log, in_seconds (20));
  ck_assert_uint_eq (COUNT_OF (f, violations), 0);
  ck_assert_uint_gt (COUNT_OF (f, deaths), 0);
  fake_logd_free (f);
}

static struct suite_group tests = {
  .timeout = 120,
};

int
main (void)
{
  return suite_main ("userspace-faults");
}
