/* SPDX-License-Identifier: BSD-3-Clause */

/* What callers wait for: a cycle, the lease. */

#include "config.h"

#include <assert.h>
#include <errno.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "userspace-cycle.h"
#include "userspace-flush.h"

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
  uint64_t limit = now_ns () + USER_START_NS;
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

int
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

void
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

int
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
