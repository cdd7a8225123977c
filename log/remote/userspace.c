/* SPDX-License-Identifier: BSD-3-Clause */

/* The log on a server: life cycle.
 *
 * Thread model: until dirty_log_start, who calls open, flush, commit or
 * close runs the client's loop.  From then on a thread does, and callers
 * sleep.  All state of the connection belongs to the loop (userspace.h).
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "thread.h"
#include "userspace-flush.h"
#include "userspace-image.h"
#include "userspace-open.h"

#define CLOSE_NS (10 * NSEC_PER_SEC)
#define GRACE_NS (500 * NSEC_PER_MSEC) /* to close at once takes so long */

static struct dirty_log *
user_open (const char *name, const struct log_options *options)
{
  return user_open_type (&userspace_log_ops, name, options, false);
}

static struct dirty_log *
user_open_in_memory (const char *name, const struct log_options *options)
{
  return user_open_type (&userspace_core_log_ops, name, options, true);
}

/* --- create, grow, changes --- */

static int
no_memory (struct user_log *u)
{
  errno = ENOMEM;
  msg_error ("log %s:%s: %m", u->log.ops->type, u->log.info.name);
  return -1;
}

static int
user_create (struct dirty_log *log)
{
  struct user_log *u = user (log);

  assert (!u->read_only);
  if (user_maps_alloc (u) == -1)
    return no_memory (u);
  memset (&u->sent, 0, sizeof u->sent);
  memset (u->sure, 0, sizeof u->sure);
  u->create_sent = false;
  u->creating = u->ready = u->lowering = u->record_changed = true;
  u->log.flush_number = 0;
  log_client_remember (u->client, NULL, 0);
  return 0;
}

static int
user_grow (struct dirty_log *log)
{
  struct user_log *u = user (log);

  assert (!u->read_only && u->ready);
  if (user_maps_grow (u) == -1)
    return no_memory (u);
  u->grow_sent = false;
  u->growing = u->lowering = true;
  return 0;
}

static void
user_map_changed (struct dirty_log *log, unsigned map, uint64_t first,
                  uint64_t nr, bool lowering)
{
  struct user_log *u = user (log);
  struct bitset *words = lowering ? &u->map[map].lower : &u->map[map].raise;

  bitset_set_range (words, first / 64, (first + nr - 1) / 64 - first / 64 + 1);
  u->lowering |= lowering;
}

static void
user_record_changed (struct dirty_log *log, bool lowering)
{
  struct user_log *u = user (log);

  u->record_changed = true;
  u->lowering |= lowering;
}

/* --- start --- */

static void *
user_thread (void *arg)
{
  struct user_log *u = arg;

  log_client_run_thread (u->client);
  CLEANUP_LOCK (&u->log.lock);
  u->exited = true;
  pthread_cond_broadcast (&u->group.done);
  return NULL;
}

/* The connection was the parent's: the server is told of this process. */
static int
user_start (struct dirty_log *log)
{
  struct user_log *u = user (log);

  assert (!u->read_only && u->ready);
  if (u->lost) {
    errno = ESTALE;
    return -1;
  }
  log_client_after_fork (u->client);
  log->disconnected = u->lowering = u->threaded = true;
  if (thread_start (&u->thread, "log-client", user_thread, u) == -1) {
    u->threaded = false;
    msg_error ("log %s:%s: thread: %m", log->ops->type, log->info.name);
    return -1;
  }
  if (dirty_log_flush (log, now_ns () + USER_START_NS) == 0)
    return 0;
  msg_error ("log %s:%s: start: %m", log->ops->type, log->info.name);
  return -1;
}

/* --- close --- */

static bool
never (void *arg)
{
  (void) arg;
  return false;
}

/* False if the thread still hangs after all that time. */
static bool
wait_for_thread (struct user_log *u, uint64_t deadline)
{
  CLEANUP_LOCK (&u->log.lock);

  while (!u->exited &&
         cond_wait_until (&u->group.done, &u->log.lock, deadline) != ETIMEDOUT)
    ;
  return u->exited;
}

static void
set_closing (struct user_log *u, bool stop)
{
  CLEANUP_LOCK (&u->log.lock);

  u->closing = true;
  u->stop = stop;
  log_client_wake (u->client);
}

/* False if the thread can't be stopped. */
static bool
stop_thread (struct user_log *u, uint64_t deadline)
{
  bool exited;

  set_closing (u, false);
  exited = wait_for_thread (u, deadline);
  if (!exited) {
    set_closing (u, true);
    exited = wait_for_thread (u, now_ns () + GRACE_NS);
  }
  if (exited)
    pthread_join (u->thread, NULL);
  else
    pthread_detach (u->thread);
  return exited;
}

static bool
end_session (struct user_log *u, uint64_t deadline)
{
  if (u->threaded)
    return stop_thread (u, deadline);
  set_closing (u, false);
  log_client_run_until (u->client, never, NULL, deadline);
  return true;
}

static uint64_t
close_deadline (struct user_log *u, uint64_t deadline)
{
  uint64_t now = now_ns ();
  CLEANUP_LOCK (&u->log.lock);

  if (!u->log.disconnected && deadline < now + GRACE_NS)
    return now + GRACE_NS;
  return deadline < now + CLOSE_NS ? deadline : now + CLOSE_NS;
}

static int
user_moved (struct dirty_log *log, const char *spec)
{
  CLEANUP_LOCK (&log->lock);

  (void) spec;
  user (log)->moved = true;
  errno = EOPNOTSUPP;
  return -1;
}

static void
user_free_log (struct dirty_log *log)
{
  user_free (user (log));
}

static bool
user_close (struct dirty_log *log, uint64_t deadline)
{
  struct user_log *u = user (log);
  bool ended = true;

  if (!u->read_only)
    ended = end_session (u, close_deadline (u, deadline));
  if (!ended || (!u->read_only && !u->detached && !u->lost))
    msg_error ("log %s:%s: does not answer, left as after a crash",
               log->ops->type, log->info.name);
  return ended;
}

const struct dirty_log_ops userspace_log_ops = {
  .type = "userspace",
  .name_is = "HOST/NAME",
  .open = user_open,
  .create = user_create,
  .grow = user_grow,
  .start = user_start,
  .close = user_close,
  .free = user_free_log,
  .moved = user_moved,
  .map_changed = user_map_changed,
  .record_changed = user_record_changed,
  .flush = user_flush,
  .hurry = user_hurry,
  .wait_valid = user_wait_valid,
};

const struct dirty_log_ops userspace_core_log_ops = {
  .type = "userspace-core",
  .name_is = "HOST/NAME",
  .open = user_open_in_memory,
  .create = user_create,
  .grow = user_grow,
  .start = user_start,
  .close = user_close,
  .free = user_free_log,
  .moved = user_moved,
  .map_changed = user_map_changed,
  .record_changed = user_record_changed,
  .flush = user_flush,
  .hurry = user_hurry,
  .wait_valid = user_wait_valid,
};
