/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log: life cycle.
 *
 * Thread model: until dirty_log_start, who calls flush or commit does the
 * I/O.  From then on one thread does it, in cycles (group-commit.h).
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "disk-create.h"
#include "disk-load.h"
#include "disk-look.h"
#include "disk-map.h"
#include "disk-write.h"
#include "msg.h"
#include "thread.h"

/* --- one cycle --- */

/* Callers of flush need not wait for what commit does then. */
static void
announce_flush (struct disk_log *d)
{
  CLEANUP_LOCK (&d->log.lock);

  group_flushed (&d->group);
}

/* Returns true if the outcome is to be reported. */
static bool
announce_end (struct disk_log *d, bool commit, int err, bool wrote)
{
  CLEANUP_LOCK (&d->log.lock);

  if (wrote)
    d->log.counters.flushes++;
  group_end (&d->group, commit, err);
  truth_count_cycles (&d->log, &d->group);
  return truth_note_result (&d->log, err);
}

/* 0 or an errno.  d->io_lock is held. */
static int
write_both (struct disk_log *d, bool commit)
{
  if (d->moved)
    return ESTALE;
  if (disk_write_lowering (d, commit) == -1)
    return errno;
  announce_flush (d);
  if (commit && disk_write_raising (d) == -1)
    return errno;
  return 0;
}

/* 0 or an errno.  *wrote: the store was used. */
static int
write_cycle (struct disk_log *d, bool commit, bool *wrote)
{
  CLEANUP_LOCK (&d->io_lock);
  int err;

  d->wrote = false;
  err = write_both (d, commit);
  *wrote = d->wrote;
  return err;
}

static int
run_cycle (struct disk_log *d, bool commit)
{
  bool wrote;
  int err = write_cycle (d, commit, &wrote);

  if (announce_end (d, commit, err, wrote))
    truth_report_result (&d->log, err);
  return err;
}

/* --- closing --- */

static bool
may_close_clean (struct disk_log *d)
{
  CLEANUP_LOCK (&d->log.lock);

  return d->touched && !d->log.stay_unclean && d->log.marked.count == 0;
}

/* The last I/O: make it all durable, and say so if nothing is marked. */
static void
write_last (struct disk_log *d)
{
  bool commit;
  int err = 0;

  {
    CLEANUP_LOCK (&d->log.lock);
    if (!d->touched || d->moved)
      return;
    group_begin (&d->group, &commit);
  }
  disk_look (d, true);
  if (run_cycle (d, true) != 0 || !may_close_clean (d))
    return;
  {
    CLEANUP_LOCK (&d->io_lock);
    if (disk_write_clean (d) == -1)
      err = errno;
  }
  if (err)
    truth_report_result (&d->log, err);
}

static void *
disk_thread (void *arg)
{
  struct disk_log *d = arg;
  bool commit;

  pthread_mutex_lock (&d->log.lock);
  while (!d->stop) {
    if (now_ns () >= d->next_look) {
      pthread_mutex_unlock (&d->log.lock);
      disk_look (d, false);
      pthread_mutex_lock (&d->log.lock);
      continue;
    }
    if (!group_wanted (&d->group)) {
      cond_wait_until (&d->work, &d->log.lock, d->next_look);
      continue;
    }
    group_begin (&d->group, &commit);
    pthread_mutex_unlock (&d->log.lock);
    run_cycle (d, commit);
    pthread_mutex_lock (&d->log.lock);
  }
  pthread_mutex_unlock (&d->log.lock);

  write_last (d);
  {
    CLEANUP_LOCK (&d->log.lock);
    d->exited = true;
    pthread_cond_broadcast (&d->group.done);
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
           cond_wait_until (&d->group.done, &d->log.lock, deadline) == 0)
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
  if (d->store)
    d->store->ops->close (d->store);
  disk_maps_free (d);
  pthread_cond_destroy (&d->work);
  group_destroy (&d->group);
  pthread_mutex_destroy (&d->io_lock);
  truth_destroy (&d->log);
  free (d);
}

static void
disk_free_log (struct dirty_log *log)
{
  disk_free (disk (log));
}

static bool
disk_close (struct dirty_log *log, uint64_t deadline)
{
  struct disk_log *d = disk (log);

  if (!d->threaded)
    write_last (d);
  else if (!stop_thread (d, deadline)) {
    /* The thread needs all that we would free. */
    msg_error ("log disk:%s: does not answer, left as after a crash",
               log->info.name);
    return false;
  }
  d->store->ops->close (d->store);
  d->store = NULL;
  return true;
}

/* --- open --- */

static int
init_sync (struct disk_log *d)
{
  int err = pthread_mutex_init (&d->io_lock, NULL);

  if (!err)
    err = cond_init_monotonic (&d->work);
  if (!err)
    err = group_init (&d->group);
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
  d->may_be_moved = flags & LOG_MAY_BE_MOVED;
  d->next_look = store->ops->look && !store->fixed_size ? 0 : NO_DEADLINE;
  truth_get_host (d->host);
  if (truth_init (&d->log, &disk_log_ops, name) == -1) {
    store->ops->close (store);
    free (d);
    return NULL;
  }
  memcpy (d->log.info.in_use, store->in_use, sizeof store->in_use);
  if (disk_load (d) == -1) {
    disk_free (d);
    return NULL;
  }
  return &d->log;
}

static struct dirty_log *
disk_open (const char *name, const struct log_options *options)
{
  struct log_store *store;

  if (name[0] != '/') {
    msg_error ("log disk:%s: the path must be absolute", name);
    return NULL;
  }
  store = file_store_open (name, options->flags);
  return store ? disk_log_open_store (store, name, options->flags) : NULL;
}

/* --- start, changes, flush --- */

static int
disk_start (struct dirty_log *log)
{
  struct disk_log *d = disk (log);

  assert (!d->read_only && d->ready);
  if (thread_start (&d->thread, "disk-log", disk_thread, d) == -1) {
    msg_error ("log disk:%s: thread: %m", log->info.name);
    return -1;
  }
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
  int err;

  {
    CLEANUP_LOCK (&d->log.lock);
    group_join (&d->group, commit);
    group_begin (&d->group, &commit);
  }
  disk_look (d, false);
  err = run_cycle (d, commit);
  errno = err;
  return err ? -1 : 0;
}

/* Called with log->lock held. */
static int
wait_for_cycle (struct disk_log *d, bool commit, uint64_t deadline)
{
  uint64_t cycle = group_join (&d->group, commit);

  pthread_cond_signal (&d->work);
  return group_wait (&d->group, &d->log.lock, cycle, commit, deadline);
}

static int
disk_flush (struct dirty_log *log, bool commit, uint64_t deadline)
{
  struct disk_log *d = disk (log);

  assert (!d->read_only && d->ready);
  {
    CLEANUP_LOCK (&log->lock);
    d->touched = true;
    if (!commit && !d->lowering && !log->failed && group_idle (&d->group))
      return 0;
    if (d->threaded)
      return wait_for_cycle (d, commit, deadline);
  }
  return flush_here (d, commit);
}

static int
disk_log_moved (struct dirty_log *log, const char *spec)
{
  struct disk_log *d = disk (log);
  CLEANUP_LOCK (&d->io_lock);

  d->moved = true;
  return disk_write_moved (d, spec);
}

static void
disk_look_unthreaded (struct dirty_log *log)
{
  disk_look (disk (log), false);
}

static void
disk_hurry (struct dirty_log *log, uint64_t deadline)
{
  CLEANUP_LOCK (&log->lock);

  group_hurry (&disk (log)->group, deadline);
}

const struct dirty_log_ops disk_log_ops = {
  .type = "disk",
  .name_is = "PATH",
  .open = disk_open,
  .create = disk_log_create,
  .grow = disk_log_grow,
  .reserve = disk_log_reserve,
  .start = disk_start,
  .close = disk_close,
  .free = disk_free_log,
  .moved = disk_log_moved,
  .map_changed = disk_map_changed,
  .record_changed = disk_record_changed,
  .flush = disk_flush,
  .look = disk_look_unthreaded,
  .hurry = disk_hurry,
};
