/* SPDX-License-Identifier: BSD-3-Clause */

/* The log on a server: life cycle, flush, waiting for the lease.
 *
 * Thread model: until dirty_log_start, who calls open, flush, commit or
 * close runs the client's loop.  From then on a thread does, and callers
 * sleep.  All state of the connection belongs to the loop (userspace.h).
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "thread.h"
#include "tls.h"
#include "userspace.h"

#define OPEN_NS (5 * NSEC_PER_SEC)   /* to reach a server */
#define WAIT_NS (300 * NSEC_PER_SEC) /* for the end of another's lease */
#define START_NS (30 * NSEC_PER_SEC) /* a flush at the start */
#define CLOSE_NS (10 * NSEC_PER_SEC)
#define GRACE_NS (500 * NSEC_PER_MSEC) /* to close at once takes so long */

static void
free_all (struct user_log *u)
{
  log_client_free (u->client);
  tls_free (u->tls);
  user_maps_free (u);
  pthread_cond_destroy (&u->leased);
  group_destroy (&u->group);
  truth_destroy (&u->log);
  free (u);
}

/* --- open --- */

static int
init_sync (struct user_log *u)
{
  int err = group_init (&u->group);

  if (!err)
    err = cond_init_monotonic (&u->leased);
  errno = err;
  return err ? -1 : 0;
}

/* -1 with the error reported. */
static int
open_tls (struct user_log *u, const struct log_options *options)
{
  const struct tls_options tls = {
    .psk_file = options->tls_psk,
    .certificates = options->tls_certificates,
    .username = options->tls_username,
  };

  if (!tls.psk_file && !tls.certificates)
    return 0;
  u->tls = tls_new (&tls);
  return u->tls ? 0 : -1;
}

static int
open_client (struct user_log *u)
{
  char host[LOG_HOST_SIZE];
  const struct log_client_options options = {
    .servers = u->spec.server,
    .nr_servers = u->spec.nr_servers,
    .tls = u->tls,
    .log = u->spec.log,
    .host = host,
    .attach_flags = (u->read_only ? PROTO_ATTACH_READ_ONLY : 0) |
                    (u->in_memory ? PROTO_ATTACH_MEMORY : 0),
  };

  truth_get_host (host);
  u->client = log_client_new (&options, &user_callbacks, u);
  if (u->client)
    return 0;
  msg_error ("log %s:%s: %m", u->log.ops->type, u->log.info.name);
  return -1;
}

static bool
is_open (void *arg)
{
  const struct user_log *u = arg;

  return u->opened || u->refused || u->waiting;
}

static bool
is_open_or_refused (void *arg)
{
  const struct user_log *u = arg;

  return u->opened || u->refused;
}

static int
attach (struct user_log *u)
{
  log_client_start (u->client);
  log_client_run_until (u->client, is_open, u, now_ns () + OPEN_NS);
  if (u->waiting)
    log_client_run_until (u->client, is_open_or_refused, u,
                          now_ns () + WAIT_NS);
  if (!u->opened && !u->refused && !u->lost)
    msg_error ("log %s:%s: no server gives it to us", u->log.ops->type,
               u->log.info.name);
  if (u->read_only)
    log_client_stop (u->client);
  return u->opened && !u->lost ? 0 : -1;
}

static struct user_log *
new_log (const struct dirty_log_ops *ops, const char *name, unsigned flags)
{
  struct user_log *u = calloc (1, sizeof *u);

  if (!u || init_sync (u) == -1) {
    msg_error ("log %s:%s: %m", ops->type, name);
    free (u);
    return NULL;
  }
  if (truth_init (&u->log, ops, name) == -1) {
    free (u);
    return NULL;
  }
  u->read_only = flags & LOG_READ_ONLY;
  u->in_memory = ops == &userspace_core_log_ops;
  if (!u->read_only)
    atomic_store (&u->log.valid_until, 0);
  return u;
}

static struct dirty_log *
open_type (const struct dirty_log_ops *ops, const char *name,
           const struct log_options *options)
{
  struct user_spec spec;
  struct user_log *u;

  if (user_spec_parse (&spec, ops->type, name) == -1)
    return NULL;
  u = new_log (ops, name, options->flags);
  if (!u)
    return NULL;
  u->spec = spec;
  if (open_tls (u, options) == -1 || open_client (u) == -1 ||
      attach (u) == -1) {
    free_all (u);
    return NULL;
  }
  return &u->log;
}

static struct dirty_log *
user_open (const char *name, const struct log_options *options)
{
  return open_type (&userspace_log_ops, name, options);
}

static struct dirty_log *
user_open_in_memory (const char *name, const struct log_options *options)
{
  return open_type (&userspace_core_log_ops, name, options);
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

/* --- flush --- */

struct caller {
  struct user_log *u;
  uint64_t cycle;
  bool commit;
};

static bool
is_served (void *arg)
{
  const struct caller *caller = arg;

  return group_over (&caller->u->group, caller->cycle, caller->commit);
}

/* At the start: a flush that would wait for ever ends some time, or a mirror
 * whose server went away would neither start nor say why.
 */
static int
flush_here (struct user_log *u, bool commit, uint64_t deadline)
{
  struct caller caller = {u, group_join (&u->group, commit), commit};
  uint64_t limit = now_ns () + START_NS;
  int r;

  user_step (u);
  log_client_run_until (u->client, is_served, &caller,
                        deadline < limit ? deadline : limit);
  r = group_leave (&u->group, caller.cycle, commit);
  if (r == -1 && errno == ETIMEDOUT && limit <= now_ns ())
    msg_error ("log %s:%s: flush: %m", u->log.ops->type, u->log.info.name);
  return r;
}

/* Called with log->lock held.  The loop looks for itself when a cycle ends,
 * and when it stopped waiting for callers.
 */
static void
wake_loop (struct user_log *u)
{
  const struct group_commit *g = &u->group;

  if (!u->in_flight && (g->callers == 1 || g->callers >= g->expected))
    log_client_wake (u->client);
}

/* Called with log->lock held. */
static int
wait_for_cycle (struct user_log *u, bool commit, uint64_t deadline)
{
  uint64_t cycle = group_join (&u->group, commit);

  wake_loop (u);
  return group_wait (&u->group, &u->log.lock, cycle, commit, deadline);
}

static int
user_flush (struct dirty_log *log, bool commit, uint64_t deadline)
{
  struct user_log *u = user (log);

  assert (!u->read_only && u->ready);
  {
    CLEANUP_LOCK (&log->lock);
    u->touched = true;
    if (u->lost) {
      errno = ESTALE;
      return -1;
    }
    if (!commit && !u->lowering && !log->failed && group_idle (&u->group))
      return 0;
    if (u->threaded)
      return wait_for_cycle (u, commit, deadline);
  }
  return flush_here (u, commit, deadline);
}

static void
user_hurry (struct dirty_log *log, uint64_t deadline)
{
  CLEANUP_LOCK (&log->lock);

  group_hurry (&user (log)->group, deadline);
}

/* --- the lease --- */

static bool
is_leased (void *arg)
{
  struct user_log *u = arg;

  return u->lost || dirty_log_valid (&u->log);
}

static int
lease_error (struct user_log *u)
{
  if (!u->lost && dirty_log_valid (&u->log))
    return 0;
  errno = u->lost ? ESTALE : ETIMEDOUT;
  return -1;
}

static int
user_wait_valid (struct dirty_log *log, uint64_t deadline)
{
  struct user_log *u = user (log);

  if (!u->threaded)
    log_client_run_until (u->client, is_leased, u, deadline);
  CLEANUP_LOCK (&log->lock);
  while (u->threaded && !is_leased (u))
    if (cond_wait_until (&u->leased, &log->lock, deadline) == ETIMEDOUT)
      break;
  return lease_error (u);
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
  if (dirty_log_flush (log, now_ns () + START_NS) == 0)
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

/* False if the thread still hangs, in a name lookup, after all that time. */
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

static void
user_close (struct dirty_log *log, uint64_t deadline)
{
  struct user_log *u = user (log);
  bool ended = true;

  if (!u->read_only)
    ended = end_session (u, close_deadline (u, deadline));
  if (!ended || (!u->read_only && !u->detached && !u->lost))
    msg_error ("log %s:%s: does not answer, left as after a crash",
               log->ops->type, log->info.name);
  if (ended) /* else the thread needs all that we would free */
    free_all (u);
}

const struct dirty_log_ops userspace_log_ops = {
  .type = "userspace",
  .name_is = "HOST/NAME",
  .open = user_open,
  .create = user_create,
  .grow = user_grow,
  .start = user_start,
  .close = user_close,
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
  .map_changed = user_map_changed,
  .record_changed = user_record_changed,
  .flush = user_flush,
  .hurry = user_hurry,
  .wait_valid = user_wait_valid,
};
