/* SPDX-License-Identifier: BSD-3-Clause */

/* The contract of dirty-log.h, written as plainly as can be: a call takes a
 * copy of the memory when it begins, makes the image at least as distrustful
 * as that, and, for a commit, then just as trusting.  One call at a time
 * works on the image, so nobody is served by a call that began earlier.
 *
 * Locking: mem->lock guards the image and the rules; it is taken before
 * log->lock.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "log-life.h"
#include "mem-log.h"
#include "truth.h"

struct mem_log {
  struct dirty_log base;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Protected by lock. */
  struct mem_log_image image;
  bool busy;
  enum mem_log_lease lease;
  unsigned lease_waits;
  unsigned fail, fail_times, fail_one_in;
  int fail_error;
  unsigned random;
  unsigned hold, released, nr_inside;
  uint64_t limit; /* nobody waits longer */
  void (*observe) (const struct mem_log_image *image, void *opaque);
  void *opaque;
};

static struct mem_log *
mem_log (struct dirty_log *log)
{
  return (struct mem_log *) log;
}

static int
wait_changed (struct mem_log *mem, uint64_t deadline)
{
  return cond_wait_until (&mem->changed, &mem->lock,
                          deadline < mem->limit ? deadline : mem->limit);
}

static void
take_image (struct dirty_log *log, struct mem_log_image *image)
{
  CLEANUP_LOCK (&log->lock);

  image->nr_regions = log->info.geo.nr_regions;
  image->generation = log->record.generation;
  image->primary = log->record.primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    image->state[s] = log->record.leg[s].state;
    memcpy (image->name[s], log->record.leg[s].name, MEM_LOG_NAME - 1);
  }
  for (uint64_t r = 0; r < log->info.geo.nr_regions; ++r) {
    image->marked[r] = bitset_test (&log->marked, r);
    for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
      image->missed[s][r] = bitset_test (&log->missed[s], r);
  }
}

/* to becomes at least as distrustful as from. */
static void
lower (struct mem_log_image *to, const struct mem_log_image *from)
{
  to->nr_regions = from->nr_regions;
  to->generation = from->generation;
  to->primary = from->primary;
  memcpy (to->name, from->name, sizeof to->name);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (to->state[s] == LOG_LEG_NONE || from->state[s] != LOG_LEG_IN_SYNC)
      to->state[s] = from->state[s];
  for (uint64_t r = 0; r < from->nr_regions; ++r) {
    to->marked[r] |= from->marked[r];
    for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
      to->missed[s][r] |= from->missed[s][r];
  }
}

/* Stop here while the call is on hold.  -1 at the deadline. */
static int
stop_if_held (struct mem_log *mem, unsigned call, uint64_t deadline)
{
  int r = 0;

  while ((mem->hold & call) && mem->released == 0 && r == 0)
    r = wait_changed (mem, deadline);
  if (r == 0 && (mem->hold & call))
    mem->released--;
  errno = r;
  return r ? -1 : 0;
}

static int
fail_if_told (struct mem_log *mem, unsigned call)
{
  bool fail = false;

  if ((mem->fail & call) && mem->fail_times > 0) {
    if (mem->fail_times != UINT32_MAX)
      mem->fail_times--;
    errno = mem->fail_error;
    return -1;
  }
  if (mem->fail_one_in > 0) {
    mem->random = mem->random * 1103515245 + 12345;
    fail = (mem->random >> 16) % mem->fail_one_in == 0;
  }
  errno = EIO;
  return fail ? -1 : 0;
}

static int
pass (struct mem_log *mem, unsigned call, uint64_t deadline)
{
  if ((mem->hold & call) && stop_if_held (mem, call, deadline) == -1)
    return -1;
  return fail_if_told (mem, call);
}

/* mem->lock is held; given up for the call. */
static void
tell_observer (struct mem_log *mem)
{
  void (*observe) (const struct mem_log_image *image, void *opaque) =
    mem->observe;
  void *opaque = mem->opaque;
  struct mem_log_image *copy;

  if (!observe)
    return;
  copy = malloc (sizeof *copy);
  assert (copy);
  *copy = mem->image;
  pthread_mutex_unlock (&mem->lock);
  observe (copy, opaque);
  pthread_mutex_lock (&mem->lock);
  free (copy);
}

static int
store (struct mem_log *mem, bool commit, uint64_t deadline)
{
  struct mem_log_image *now = calloc (1, sizeof *now);
  int r;

  assert (now);
  take_image (&mem->base, now);
  r = pass (mem, commit ? MEM_LOG_COMMIT : MEM_LOG_FLUSH, deadline);
  if (r == 0) {
    lower (&mem->image, now);
    tell_observer (mem);
  }
  if (r == 0 && commit) {
    r = pass (mem, MEM_LOG_RAISE, deadline);
    if (r == 0) {
      mem->image = *now;
      tell_observer (mem);
    }
  }
  free (now);
  return r;
}

/* -1 at the deadline. */
static int
turn (struct mem_log *mem, uint64_t deadline)
{
  while (mem->busy)
    if (wait_changed (mem, deadline) == ETIMEDOUT) {
      errno = ETIMEDOUT;
      return -1;
    }
  return 0;
}

static int
mem_flush (struct dirty_log *log, bool commit, uint64_t deadline)
{
  struct mem_log *mem = mem_log (log);
  bool report = false;
  int r, err;

  pthread_mutex_lock (&mem->lock);
  mem->nr_inside++;
  pthread_cond_broadcast (&mem->changed);
  r = turn (mem, deadline);
  if (r == 0) {
    mem->busy = true;
    r = store (mem, commit, deadline);
    mem->busy = false;
  }
  err = r == 0 ? 0 : errno;
  mem->nr_inside--;
  pthread_cond_broadcast (&mem->changed);
  pthread_mutex_unlock (&mem->lock);
  {
    CLEANUP_LOCK (&log->lock);
    log->counters.flushes++;
    if (err != ETIMEDOUT) /* else it has said nothing */
      report = truth_note_result (log, err);
  }
  if (report)
    truth_report_result (log, err);
  errno = err;
  return r;
}

static void
mem_hurry (struct dirty_log *log, uint64_t deadline)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->limit = deadline;
  pthread_cond_broadcast (&mem->changed);
}

static int
mem_wait_valid (struct dirty_log *log, uint64_t deadline)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->lease_waits++;
  while (mem->lease == MEM_LOG_EXPIRED)
    if (cond_wait_until (&mem->changed, &mem->lock, deadline) == ETIMEDOUT) {
      errno = ETIMEDOUT;
      return -1;
    }
  errno = ESTALE;
  return mem->lease == MEM_LOG_VALID ? 0 : -1;
}

void
mem_log_set_lease (struct dirty_log *log, enum mem_log_lease lease)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->lease = lease;
  atomic_store (&log->valid_until, lease == MEM_LOG_VALID ? NO_DEADLINE : 0);
  pthread_cond_broadcast (&mem->changed);
}

unsigned
mem_log_lease_waits (struct dirty_log *log)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  return mem->lease_waits;
}

static int
mem_nothing (struct dirty_log *log)
{
  (void) log;
  return 0;
}

static bool
mem_close (struct dirty_log *log, uint64_t deadline)
{
  struct mem_log *mem = mem_log (log);

  (void) deadline;
  if (log->stay_unclean) {
    CLEANUP_LOCK (&mem->lock);
    mem->image.unclean = true;
    tell_observer (mem);
  }
  return true;
}

static void
mem_free (struct dirty_log *log)
{
  struct mem_log *mem = mem_log (log);

  truth_destroy (log);
  pthread_cond_destroy (&mem->changed);
  pthread_mutex_destroy (&mem->lock);
  free (mem);
}

static void
mem_map_changed (struct dirty_log *log, unsigned map, uint64_t first,
                 uint64_t nr, bool lowering)
{
  (void) log;
  (void) map;
  (void) first;
  (void) nr;
  (void) lowering;
}

static void
mem_record_changed (struct dirty_log *log, bool lowering)
{
  (void) log;
  (void) lowering;
}

static const struct dirty_log_ops mem_log_ops = {
  .type = "memory",
  .create = mem_nothing,
  .grow = mem_nothing,
  .start = mem_nothing,
  .close = mem_close,
  .free = mem_free,
  .map_changed = mem_map_changed,
  .record_changed = mem_record_changed,
  .flush = mem_flush,
  .hurry = mem_hurry,
  .wait_valid = mem_wait_valid,
};

struct dirty_log *
mem_log_new (uint64_t size, uint32_t region_size, unsigned nr_legs)
{
  static const uint8_t id[LOG_ID_SIZE];
  struct mem_log *mem = calloc (1, sizeof *mem);
  struct dirty_log *log = &mem->base;
  struct log_geometry geo = {size, region_size,
                             (size + region_size - 1) / region_size};
  int r;

  assert (mem && geo.nr_regions <= MEM_LOG_MAX_REGIONS);
  pthread_mutex_init (&mem->lock, NULL);
  cond_init_monotonic (&mem->changed);
  mem->limit = NO_DEADLINE;
  r = truth_init (log, &mem_log_ops, "test");
  assert (r == 0);
  r = dirty_log_create (log, &geo, 1);
  assert (r == 0);
  for (unsigned s = 0; s < nr_legs; ++s) {
    dirty_log_set_leg (log, s, 1, id, size, "");
    dirty_log_set_region_sync (log, s, 0, geo.nr_regions, true);
    dirty_log_leg_in_sync (log, s);
  }
  log->info.found = LOG_FOUND_OURS;
  take_image (log, &mem->image);
  (void) r;
  return log;
}

void
mem_log_found_unclean (struct dirty_log *log)
{
  log->info.unclean = true;
}

void
mem_log_found_kernel_since (struct dirty_log *log, uint64_t region)
{
  int r = bitset_init (&log->kernel_dirty, log->info.geo.nr_regions);

  assert (r == 0);
  (void) r;
  bitset_set (&log->kernel_dirty, region);
  log->info.found = LOG_FOUND_KERNEL_SINCE;
}

void
mem_log_fail (struct dirty_log *log, unsigned calls, unsigned times, int err)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->fail = calls;
  mem->fail_times = times;
  mem->fail_error = err;
}

void
mem_log_fail_randomly (struct dirty_log *log, unsigned n)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->fail_one_in = n;
}

void
mem_log_hold (struct dirty_log *log, unsigned calls)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->hold = calls;
  mem->released = 0;
  pthread_cond_broadcast (&mem->changed);
}

void
mem_log_release (struct dirty_log *log, unsigned n)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->released += n;
  pthread_cond_broadcast (&mem->changed);
}

bool
mem_log_wait_inside (struct dirty_log *log, unsigned nr)
{
  struct mem_log *mem = mem_log (log);
  uint64_t deadline = now_ns () + 10 * NSEC_PER_SEC;
  CLEANUP_LOCK (&mem->lock);

  while (mem->nr_inside < nr)
    if (cond_wait_until (&mem->changed, &mem->lock, deadline) == ETIMEDOUT)
      return false;
  return true;
}

void
mem_log_get_image (struct dirty_log *log, struct mem_log_image *image)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  *image = mem->image;
}

void
mem_log_observe (struct dirty_log *log,
                 void (*fn) (const struct mem_log_image *image, void *opaque),
                 void *opaque)
{
  struct mem_log *mem = mem_log (log);
  CLEANUP_LOCK (&mem->lock);

  mem->observe = fn;
  mem->opaque = opaque;
}
