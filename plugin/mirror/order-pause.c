/* SPDX-License-Identifier: BSD-3-Clause */

/* Orders that stop copies, or everything, for a while.
 *
 * A mirror that is suspended lets no request in and begins no copy, has waited
 * for those under way, and has flushed its legs: each in-sync leg holds all that
 * was acknowledged, and a snapshot of it is whole.  It ends by itself, for
 * clients give up a server that is silent.
 */

#include "config.h"

#include "cleanup.h"
#include "flush.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-impl.h"
#include "suspend.h"

int
order_pause (struct mirror *m, bool pause, const struct order *order,
             struct outcome *out)
{
  CLEANUP_LOCK (&m->lock);
  const char *state = pause ? "are paused" : "go on";

  if (m->resync.paused == pause)
    return order_unchanged (out, "copies %s already", state);
  if (!order->dry_run) {
    m->resync.paused = pause;
    resync_wake_locked (m);
  }
  return order_done (out, "copies %s", state);
}

static bool
is_suspended (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return suspended_locked (m);
}

int
order_suspend (struct mirror *m, const struct order *order,
               struct outcome *out)
{
  if (order->seconds < 1 || order->seconds > ORDER_MAX_SECONDS)
    return order_refuse (out, "the time must be between 1 and %d seconds",
                         ORDER_MAX_SECONDS);
  if (!order->dry_run) {
    if (!suspend_begin (m, order->seconds) || flush_legs (m, 0) == -1 ||
        !is_suspended (m)) {
      suspend_end (m);
      return order_refuse (out, "requests under way did not end in time: "
                                "nothing is suspended");
    }
    msg_note ("suspended by an operator, for %u seconds at most",
              order->seconds);
  }
  return order_done (out, "requests wait for %u seconds at most",
                     order->seconds);
}

int
order_resume (struct mirror *m, const struct order *order, struct outcome *out)
{
  if (order->dry_run ? !is_suspended (m) : !suspend_end (m))
    return order_unchanged (out, "requests do not wait");
  return order_done (out, "requests go on");
}
