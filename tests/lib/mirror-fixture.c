/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "mirror-fixture.h"
#include "mirror-new.h"
#include "resync.h"
#include "sweep.h"

/* --- crash images --- */

static bool
same_on_medium (struct fx *fx, unsigned leg1, unsigned leg2, uint64_t region)
{
  uint64_t count = UINT64_C (1) << fx->m->region_shift;
  CLEANUP_FREE uint8_t *a = malloc (count), *b = malloc (count);

  mem_leg_read_stable (fx->leg[leg1], a, region * count, count);
  mem_leg_read_stable (fx->leg[leg2], b, region * count, count);
  return memcmp (a, b, count) == 0;
}

/* For an unmarked region no write is under way and none is unflushed, so
 * there is nothing to race with.
 */
static void
check_image (const struct mem_log_image *image, void *opaque)
{
  struct fx *fx = opaque;
  unsigned source = image->primary;

  if (image->state[source] != LOG_LEG_IN_SYNC) {
    fprintf (stderr, "image: the primary is not in-sync\n");
    atomic_store (&fx->too_trusting, true);
    return;
  }
  for (unsigned s = 0; s < fx->nr_legs; ++s)
    for (uint64_t r = 0; r < image->nr_regions; ++r)
      if (s != source && !image->marked[r] && !image->missed[s][r] &&
          !same_on_medium (fx, source, s, r)) {
        fprintf (stderr, "image: leg %u differs in region %u\n", s,
                 (unsigned) r);
        atomic_store (&fx->too_trusting, true);
      }
  for (unsigned s = 0; s < fx->nr_legs; ++s)
    for (uint64_t r = 0; r < image->nr_regions; ++r)
      if (image->state[s] == LOG_LEG_IN_SYNC && image->missed[s][r]) {
        fprintf (stderr, "image: in-sync leg %u misses a region\n", s);
        atomic_store (&fx->too_trusting, true);
        return;
      }
}

/* --- building --- */

struct leg *(*fx_make_leg) (const char *name, uint64_t size) = mem_leg_new;

unsigned fx_hold_timeout;

static void
record_kind (struct fx *fx, unsigned leg, enum leg_kind kind)
{
  struct leg *l = fx->leg[leg];

  l->kind = kind;
  dirty_log_set_leg (fx->log, leg, kind, l->id, l->size, "");
}

void
fx_set_kind (struct fx *fx, unsigned leg, enum leg_kind kind)
{
  record_kind (fx, leg, kind);
  CLEANUP_LOCK (&fx->m->lock);
  fx->m->member[leg].kind = kind;
  unstable_choose_locked (fx->m);
}

static void
add_leg (struct fx *fx, unsigned i, uint64_t size)
{
  char name[16];

  snprintf (name, sizeof name, "/leg%u", i);
  fx->leg[i] = fx_make_leg (name, size);
  fx->leg[i]->min_block = BLOCK;
  ck_assert_int_eq (leg_open (fx->leg[i], 0), 0);
  record_kind (fx, i, LEG_FILE);
}

/* The log as it is now goes with these sets. */
static struct mirror *
make_mirror (const struct fx *fx, unsigned resyncing, unsigned primary)
{
  const struct mirror_config config = {
    .nr_legs = fx->nr_legs,
    .source_leg = -1,
    .write_mostly = -1,
    .read_policy = READ_FIRST,
    .log_timeout = 15,
    .leg_timeout = 10,
    .resync_min = UINT64_C (1) << 30, /* tests have clients all the time */
    .hold_timeout = fx_hold_timeout,
  };
  struct mirror_leg legs[LOG_MAX_LEGS] = {0};

  for (unsigned i = 0; i < fx->nr_legs; ++i)
    legs[i] = (struct mirror_leg){
      .name = fx->leg[i]->name,
      .index = i,
      .leg = fx->leg[i],
      .state = resyncing & SLOT_BIT (i) ? MEMBER_RESYNCING : MEMBER_IN_SYNC,
    };
  return mirror_new (&config, fx->log, legs, primary);
}

struct fx *
fx_new (unsigned nr_legs, uint64_t nr_regions, unsigned region_shift,
        unsigned resyncing)
{
  struct fx *fx = calloc (1, sizeof *fx);
  uint64_t size = nr_regions << region_shift;
  unsigned primary = (unsigned) __builtin_ctz (~resyncing);

  ck_assert_ptr_nonnull (fx);
  fx->nr_legs = nr_legs;
  pthread_mutex_init (&fx->kept_lock, NULL);
  fx->log = mem_log_new (size, UINT32_C (1) << region_shift, nr_legs);
  for (unsigned i = 0; i < nr_legs; ++i)
    add_leg (fx, i, size);
  FOR_EACH_SLOT (s, resyncing)
    dirty_log_set_region_sync (fx->log, s, 0, nr_regions, false);
  dirty_log_set_primary (fx->log, primary);
  ck_assert_int_eq (dirty_log_commit (fx->log, NO_DEADLINE), 0);
  fx->m = make_mirror (fx, resyncing, primary);
  ck_assert_ptr_nonnull (fx->m);
  mem_log_observe (fx->log, check_image, fx);
  return fx;
}

void
fx_start (struct fx *fx)
{
  for (unsigned i = 0; i < fx->nr_legs; ++i)
    leg_quiesce (fx->leg[i]);
  fx->started = true;
  ck_assert_int_eq (mirror_start (fx->m), 0);
}

void
fx_free (struct fx *fx)
{
  bool too_trusting;

  resync_stop (fx->m, NO_DEADLINE);
  if (fx->started)
    mirror_stop (fx->m, now_ns () + PATIENCE_NS);
  while (fx->m->resync.copied) {
    struct recovery *rec = fx->m->resync.copied;

    fx->m->resync.copied = rec->next;
    free (rec);
  }
  too_trusting = atomic_load (&fx->too_trusting);
  mirror_free (fx->m);
  pthread_mutex_destroy (&fx->kept_lock);
  free (fx);
  ck_assert (!too_trusting);
}

/* --- looking --- */

void
fx_fill (struct fx *fx, unsigned leg, uint64_t offset, uint64_t count,
         int byte)
{
  CLEANUP_FREE uint8_t *buf = malloc (count);

  memset (buf, byte, count);
  ck_assert_int_eq (leg_run (fx->leg[leg], LEG_WRITE, 0, buf, offset, count),
                    0);
  ck_assert_int_eq (leg_run (fx->leg[leg], LEG_FLUSH, 0, NULL, 0, 0), 0);
}

int
fx_byte (struct fx *fx, unsigned leg, uint64_t offset)
{
  return mem_leg_data (fx->leg[leg])[offset];
}

bool
fx_same (struct fx *fx, unsigned leg1, unsigned leg2)
{
  return memcmp (mem_leg_data (fx->leg[leg1]), mem_leg_data (fx->leg[leg2]),
                 fx->m->limits.size) == 0;
}

unsigned
fx_sent (struct fx *fx, unsigned leg, enum leg_op op)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *records =
    mem_leg_records (fx->leg[leg], &nr);
  unsigned count = 0;

  for (size_t i = 0; i < nr; ++i)
    count += records[i].op == op;
  return count;
}

unsigned
fx_in_sync (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->in_sync;
}

unsigned
fx_resyncing (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->resyncing;
}

unsigned
fx_failed (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->failed;
}

unsigned
fx_ranges (struct fx *fx)
{
  unsigned nr = 0;
  CLEANUP_LOCK (&fx->m->lock);

  for (struct range *r = fx->m->ranges.head; r; r = r->next)
    nr++;
  return nr;
}

bool
fx_is_clean (struct fx *fx, uint64_t region)
{
  return dirty_log_is_clean (fx->log, region);
}

bool
fx_misses (struct fx *fx, unsigned leg, uint64_t region)
{
  return !dirty_log_in_sync (fx->log, leg, region, 1);
}

static const struct mem_log_image *
image_of (struct fx *fx)
{
  static struct mem_log_image image;

  mem_log_get_image (fx->log, &image);
  return &image;
}

bool
fx_image_marked (struct fx *fx, uint64_t region)
{
  return image_of (fx)->marked[region];
}

bool
fx_image_missed (struct fx *fx, unsigned leg, uint64_t region)
{
  return image_of (fx)->missed[leg][region];
}

enum log_leg_state
fx_image_state (struct fx *fx, unsigned leg)
{
  return image_of (fx)->state[leg];
}

static void
keep_image (const struct mem_log_image *image, void *opaque)
{
  struct fx *fx = opaque;
  CLEANUP_LOCK (&fx->kept_lock);

  fx->kept = *image;
}

void
fx_keep_image (struct fx *fx)
{
  mem_log_observe (fx->log, keep_image, fx);
}

struct mem_log_image *
fx_kept_image (struct fx *fx)
{
  struct mem_log_image *image = malloc (sizeof *image);
  CLEANUP_LOCK (&fx->kept_lock);

  ck_assert_ptr_nonnull (image);
  *image = fx->kept;
  return image;
}

/* --- standing still --- */

void
fx_stand_still (void)
{
  const struct timespec time = {1, 250 * NSEC_PER_MSEC};
  pid_t self = getpid (), waker = fork ();

  if (waker == 0) {
    nanosleep (&time, NULL);
    kill (self, SIGCONT);
    _exit (0);
  }
  ck_assert_int_gt (waker, 0);
  raise (SIGSTOP);
  ck_assert_int_eq (waitpid (waker, NULL, 0), waker);
}

/* --- requests --- */

static int
op_do (struct op *op)
{
  struct mirror *m = op->fx->m;

  switch (op->kind) {
  case OP_WRITE:
    return mirror_pwrite (m, op->buf, op->offset, op->count, false);
  case OP_WRITE_FUA:
    return mirror_pwrite (m, op->buf, op->offset, op->count, true);
  case OP_ZERO:
    return mirror_zero (m, op->offset, op->count, false, false, false);
  case OP_TRIM:
    return mirror_trim (m, op->offset, op->count, false);
  case OP_READ:
    return mirror_pread (m, op->buf, op->offset, op->count);
  case OP_FLUSH:
    return mirror_flush (m);
  case OP_SWEEP:
    sweep (m, true, NO_DEADLINE);
    return 0;
  case OP_STOP:
    mirror_stop (m, now_ns () + PATIENCE_NS);
    return 0;
  }
  abort ();
}

static void *
op_thread (void *arg)
{
  struct op *op = arg;

  op->result = op_do (op);
  op->error = op->result == -1 ? errno : 0;
  if (op->kind == OP_READ)
    op->byte = op->buf[0];
  atomic_store (&op->ended, true);
  return NULL;
}

void
op_start (struct fx *fx, struct op *op, enum op_kind kind, uint64_t offset,
          uint64_t count, int byte)
{
  op->fx = fx;
  op->kind = kind;
  op->offset = offset;
  op->count = count;
  op->byte = byte;
  op->buf = malloc (count + 1);
  ck_assert_ptr_nonnull (op->buf);
  memset (op->buf, byte, count + 1);
  atomic_init (&op->ended, false);
  op->thread = thread_run (op_thread, op);
}

bool
op_ended (struct op *op)
{
  return atomic_load (&op->ended);
}

void
op_join (struct op *op)
{
  pthread_join (op->thread, NULL);
  free (op->buf);
}

void
op_succeeds (struct op *op)
{
  op_join (op);
  ck_assert_msg (op->result == 0, "%s", strerror (op->error));
}

void
op_fails (struct op *op, int error)
{
  op_join (op);
  ck_assert_int_eq (op->result, -1);
  ck_assert_int_eq (op->error, error);
}

void
do_succeeds (struct fx *fx, enum op_kind kind, uint64_t offset, uint64_t count,
             int byte)
{
  struct op op;

  op_start (fx, &op, kind, offset, count, byte);
  op_succeeds (&op);
}

void
do_fails (struct fx *fx, enum op_kind kind, uint64_t offset, uint64_t count,
          int byte, int error)
{
  struct op op;

  op_start (fx, &op, kind, offset, count, byte);
  op_fails (&op, error);
}
