/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log: life cycle and group commit.
 *
 * Thread model: until dirty_log_start, who calls flush or commit does the
 * I/O.  From then on one thread does it, in numbered cycles.  A caller asks
 * for the cycle after the last one that began, because that one will see
 * its changes, and sleeps until some cycle from that one on has succeeded,
 * or that one has ended.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "disk.h"
#include "msg.h"

/* --- one cycle --- */

/* Callers of flush need not wait for what commit does then. */
static void
announce_flush (struct disk_log *d, uint64_t cycle)
{
  CLEANUP_LOCK (&d->log.lock);

  d->flushed = cycle;
  pthread_cond_broadcast (&d->done);
}

static void
announce_end (struct disk_log *d, uint64_t cycle, bool commit, int err)
{
  CLEANUP_LOCK (&d->log.lock);

  d->ended = cycle;
  if (err)
    d->error = err;
  else if (commit)
    d->committed = cycle;
  if (d->wrote)
    d->log.counters.flushes++;
  d->wrote = false;
  pthread_cond_broadcast (&d->done);
}

/* 0 or an errno. */
static int
run_cycle (struct disk_log *d, uint64_t cycle, bool commit)
{
  int err = 0;

  {
    CLEANUP_LOCK (&d->io_lock);

    if (disk_write_lowering (d, commit) == -1)
      err = errno;
    if (!err && commit) {
      announce_flush (d, cycle);
      if (disk_write_raising (d) == -1)
        err = errno;
    }
    else if (!err)
      announce_flush (d, cycle);
  }
  core_flush_result (&d->log, err);
  announce_end (d, cycle, commit, err);
  return err;
}

/* --- closing --- */

static bool
may_close_clean (struct disk_log *d)
{
  CLEANUP_LOCK (&d->log.lock);

  return d->touched && d->log.marked.count == 0;
}

/* The last I/O: make it all durable, and say so if nothing is marked. */
static void
write_last (struct disk_log *d)
{
  uint64_t cycle;
  int err = 0;

  {
    CLEANUP_LOCK (&d->log.lock);
    if (!d->touched)
      return;
    cycle = ++d->begun;
  }
  if (run_cycle (d, cycle, true) != 0 || !may_close_clean (d))
    return;
  {
    CLEANUP_LOCK (&d->io_lock);
    if (disk_write_clean (d) == -1)
      err = errno;
  }
  core_flush_result (&d->log, err);
}

static void *
disk_thread (void *arg)
{
  struct disk_log *d = arg;
  uint64_t cycle;
  bool commit;

  pthread_mutex_lock (&d->log.lock);
  while (!d->stop) {
    if (d->requested <= d->begun) {
      pthread_cond_wait (&d->work, &d->log.lock);
      continue;
    }
    cycle = ++d->begun;
    commit = d->requested_commit >= cycle;
    pthread_mutex_unlock (&d->log.lock);
    run_cycle (d, cycle, commit);
    pthread_mutex_lock (&d->log.lock);
  }
  pthread_mutex_unlock (&d->log.lock);

  write_last (d);
  {
    CLEANUP_LOCK (&d->log.lock);
    d->exited = true;
    pthread_cond_broadcast (&d->done);
  }
  return NULL;
}

/* Returns false if the thread still hangs in the store at the deadline. */
static bool
stop_thread (struct disk_log *d, uint64_t deadline)
{
  bool exited;

  {
    CLEANUP_LOCK (&d->log.lock);
    d->stop = true;
    pthread_cond_signal (&d->work);
    while (!d->exited &&
           cond_wait_until (&d->done, &d->log.lock, deadline) == 0)
      ;
    exited = d->exited;
  }
  if (exited)
    pthread_join (d->thread, NULL);
  else
    pthread_detach (d->thread);
  return exited;
}

static void
disk_free (struct disk_log *d)
{
  d->store->ops->close (d->store);
  disk_maps_free (d);
  pthread_cond_destroy (&d->work);
  pthread_cond_destroy (&d->done);
  pthread_mutex_destroy (&d->io_lock);
  core_destroy (&d->log);
  free (d);
}

static void
disk_close (struct dirty_log *log, uint64_t deadline)
{
  struct disk_log *d = disk (log);

  if (!d->threaded)
    write_last (d);
  else if (!stop_thread (d, deadline)) {
    /* The thread needs all that we would free. */
    msg_error ("log disk:%s: does not answer, left as after a crash",
               log->name);
    return;
  }
  disk_free (d);
}

/* --- open --- */

static int
init_sync (struct disk_log *d)
{
  int err = pthread_mutex_init (&d->io_lock, NULL);

  if (!err)
    err = cond_init_monotonic (&d->work);
  if (!err)
    err = cond_init_monotonic (&d->done);
  errno = err;
  return err ? -1 : 0;
}

struct dirty_log *
disk_log_open_store (struct log_store *store, const char *name, unsigned flags)
{
  struct disk_log *d = calloc (1, sizeof *d);

  if (!d || init_sync (d) == -1) {
    msg_error ("log disk:%s: %m", name);
    store->ops->close (store);
    free (d);
    return NULL;
  }
  d->store = store;
  d->read_only = flags & LOG_READ_ONLY;
  gethostname (d->host, sizeof d->host - 1);
  if (core_init (&d->log, &disk_log_ops, name) == -1) {
    store->ops->close (store);
    free (d);
    return NULL;
  }
  if (disk_load (d) == -1) {
    disk_free (d);
    return NULL;
  }
  return &d->log;
}

static struct dirty_log *
disk_open (const char *name, unsigned flags)
{
  struct log_store *store;

  if (name[0] != '/') {
    msg_error ("log disk:%s: the path must be absolute", name);
    return NULL;
  }
  store = file_store_open (name, flags);
  return store ? disk_log_open_store (store, name, flags) : NULL;
}

/* --- create and grow --- */

static int
no_memory (struct disk_log *d)
{
  errno = ENOMEM;
  msg_error ("log disk:%s: %m", d->log.name);
  return -1;
}

/* Whether the store has room for so many bytes. */
static bool
has_room (const struct disk_log *d, uint64_t size)
{
  return !d->store->fixed_size || size <= d->store->size;
}

static int
too_small (struct disk_log *d, uint64_t needed)
{
  msg_error ("log disk:%s: device too small: %" PRIu64
             " bytes, must have %" PRIu64,
             d->log.name, d->store->size, needed);
  return -1;
}

static void
all_unsure (struct disk_log *d, unsigned m)
{
  bitset_set_range (&d->map[m].unsure, 0, d->map[m].blocks);
}

/* A new log's extent must be empty, all else would be somebody's data. */
static int
check_extent (struct disk_log *d)
{
  uint64_t end = d->layout.area_offset + d->layout.area_size;
  int r = disk_is_zero (d, 0, d->log.shared_map ? d->store->size : end);

  if (r == -1)
    msg_error ("log disk:%s: read: %m", d->log.name);
  if (r == 0)
    msg_error ("log disk:%s: is not a log, and not empty", d->log.name);
  return r == 1 ? 0 : -1;
}

/* The kernel's bitmap starts as clean as wanted will allow: nothing was
 * ever promised about a log that is not there yet.
 */
static void
clean_kernel_image (struct disk_log *d, uint64_t first_word)
{
  uint8_t *image = d->map[DISK_MAP_KERNEL].image;
  uint64_t words = bitset_words (d->layout.nr_regions);

  for (uint64_t w = first_word; w < words; ++w)
    disk_image_put (d, DISK_MAP_KERNEL, image, w, 0);
}

static int
new_layout (struct disk_log *d)
{
  disk_layout_init (&d->layout, d->log.geo.nr_regions, 0);
  if (!has_room (d, d->layout.bitmap_end))
    return too_small (d, d->layout.bitmap_end);
  d->log.shared_map =
    !has_room (d, d->layout.area_offset + d->layout.area_size);
  if (!d->converting)
    disk_maps_free (d);
  return disk_maps_resize (d) == -1 ? no_memory (d) : 0;
}

/* The truth is new; make images that have all of it still to be written. */
static int
disk_create (struct dirty_log *log)
{
  struct disk_log *d = disk (log);
  uint64_t old_area = d->slot.area_offset ? d->slot.area_offset : d->old_area;

  assert (!d->read_only);
  d->converting = log->found == LOG_FOUND_KERNEL && !d->ready &&
                  d->layout.nr_regions == log->geo.nr_regions;
  if (new_layout (d) == -1 || (d->blank && check_extent (d) == -1))
    return -1;
  if (d->converting)
    memset (d->map[DISK_MAP_KERNEL].image + DISK_HEADER_SIZE, 0,
            DISK_BITMAP_OFFSET - DISK_HEADER_SIZE);
  else
    clean_kernel_image (d, 0);
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    if (!d->blank || m == DISK_MAP_KERNEL)
      all_unsure (d, m);
  d->old_area = old_area;
  d->header_nr = d->layout.nr_regions;
  d->creating = true;
  d->growing = false;

  CLEANUP_LOCK (&log->lock);
  disk_map_touch_all (d);
  d->ready = d->lowering = d->record_changed = true;
  return 0;
}

/* Behind the new bitmap if that does not touch the area still in use. */
static uint64_t
place_area (const struct disk_log *d, uint64_t nr)
{
  struct disk_layout layout;
  uint64_t used = d->layout.area_offset + d->layout.area_size;

  disk_layout_init (&layout, nr, 0);
  if (layout.area_offset + layout.area_size <= d->layout.area_offset)
    return layout.area_offset;
  return layout.area_offset > used ? layout.area_offset : used;
}

static int
move_area (struct disk_log *d, uint64_t nr)
{
  struct disk_layout layout;

  disk_layout_init (&layout, nr, d->log.shared_map ? 0 : place_area (d, nr));
  if (!has_room (d, layout.bitmap_end))
    return too_small (d, layout.bitmap_end);
  if (!d->log.shared_map &&
      !has_room (d, layout.area_offset + layout.area_size))
    return too_small (d, layout.area_offset + layout.area_size);
  if (!d->growing)
    d->old_area = d->layout.area_offset;
  d->layout = layout;
  return disk_maps_resize (d) == -1 ? no_memory (d) : 0;
}

static int
disk_grow (struct dirty_log *log)
{
  struct disk_log *d = disk (log);
  uint64_t old_nr = d->layout.nr_regions, nr = log->geo.nr_regions;

  assert (!d->read_only && d->ready);
  if (d->creating)
    return disk_create (log);
  if (nr > old_nr) {
    uint64_t word = old_nr / 64, bits;

    if (move_area (d, nr) == -1)
      return -1;
    bits =
      disk_image_get (d, DISK_MAP_KERNEL, d->map[DISK_MAP_KERNEL].image, word);
    clean_kernel_image (d, word);
    if (old_nr % 64)
      disk_image_put (d, DISK_MAP_KERNEL, d->map[DISK_MAP_KERNEL].image, word,
                      bits & ~(UINT64_MAX << (old_nr % 64)));
    for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
      all_unsure (d, m);
    d->growing = true;
  }

  CLEANUP_LOCK (&log->lock);
  disk_map_touch_all (d);
  d->lowering = true;
  return 0;
}

/* --- start, changes, flush --- */

static int
disk_start (struct dirty_log *log)
{
  struct disk_log *d = disk (log);
  int err = pthread_create (&d->thread, NULL, disk_thread, d);

  assert (!d->read_only && d->ready);
  if (err) {
    errno = err;
    msg_error ("log disk:%s: thread: %m", log->name);
    return -1;
  }
  pthread_setname_np (d->thread, "disk-log");
  {
    CLEANUP_LOCK (&log->lock);
    d->threaded = d->lowering = true;
  }
  return dirty_log_flush (log, NO_DEADLINE);
}

static void
disk_map_changed (struct dirty_log *log, unsigned map, uint64_t first,
                  uint64_t nr, bool lowering)
{
  struct disk_log *d = disk (log);

  disk_map_touch (d, map, first, nr);
  d->lowering |= lowering;
}

static void
disk_record_changed (struct dirty_log *log, bool lowering)
{
  struct disk_log *d = disk (log);

  d->record_changed = true;
  d->lowering |= lowering;
}

static int
flush_here (struct disk_log *d, bool commit)
{
  uint64_t cycle;
  int err;

  {
    CLEANUP_LOCK (&d->log.lock);
    cycle = ++d->begun;
  }
  err = run_cycle (d, cycle, commit);
  errno = err;
  return err ? -1 : 0;
}

/* Called with log->lock held. */
static int
wait_for_cycle (struct disk_log *d, bool commit, uint64_t deadline)
{
  const uint64_t *served = commit ? &d->committed : &d->flushed;
  uint64_t cycle = d->begun + 1;

  d->requested = cycle;
  if (commit)
    d->requested_commit = cycle;
  pthread_cond_signal (&d->work);
  while (*served < cycle && d->ended < cycle)
    if (cond_wait_until (&d->done, &d->log.lock, deadline) == ETIMEDOUT &&
        *served < cycle && d->ended < cycle) {
      errno = ETIMEDOUT;
      return -1;
    }
  if (*served >= cycle)
    return 0;
  errno = d->error;
  return -1;
}

static int
disk_flush (struct dirty_log *log, bool commit, uint64_t deadline)
{
  struct disk_log *d = disk (log);

  assert (!d->read_only && d->ready);
  {
    CLEANUP_LOCK (&log->lock);
    d->touched = true;
    if (!commit && !d->lowering && !log->failed && d->begun == d->ended)
      return 0;
    if (d->threaded)
      return wait_for_cycle (d, commit, deadline);
  }
  return flush_here (d, commit);
}

const struct dirty_log_ops disk_log_ops = {
  .type = "disk",
  .name_is = "PATH",
  .open = disk_open,
  .create = disk_create,
  .grow = disk_grow,
  .start = disk_start,
  .close = disk_close,
  .map_changed = disk_map_changed,
  .record_changed = disk_record_changed,
  .flush = disk_flush,
};
