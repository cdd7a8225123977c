/* SPDX-License-Identifier: BSD-3-Clause */

/* Orders: who carries them out. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-impl.h"

void
mirror_end_orders (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);

  m->orders_end = true;
  pthread_cond_broadcast (&m->cond);
}

static int
order_stop (struct mirror *m, const struct order *order, struct outcome *out)
{
  if (!m->config.on_stop)
    return order_refuse (out, "this mirror can't end its server");
  if (!order->dry_run) {
    msg_note ("told to end by an operator");
    m->config.on_stop (order->seconds);
  }
  return order_done (out,
                     "the server ends when its clients have left, in %u "
                     "seconds at most",
                     order->seconds);
}

typedef int leg_order (struct mirror *m, unsigned slot,
                       const struct order *order, struct outcome *out);

/* One that nobody named gets its leg first. */
static int
attach (struct mirror *m, unsigned slot, const struct order *order,
        struct outcome *out)
{
  return m->member[slot].leg ? order_attach (m, slot, order, out)
                             : order_name_leg (m, slot, order, out);
}

static leg_order *
of_leg (enum order_verb verb)
{
  switch (verb) {
  case ORDER_FAIL:
    return order_fail;
  case ORDER_DETACH:
    return order_detach;
  case ORDER_ATTACH:
    return attach;
  case ORDER_REMOVE:
    return order_remove;
  case ORDER_REPLACE:
    return order_replace;
  case ORDER_RENAME:
    return order_rename;
  case ORDER_MAY_STOP:
    return order_may_stop;
  default:
    return NULL;
  }
}

static int
run (struct mirror *m, const struct order *order, struct outcome *out)
{
  leg_order *of = of_leg (order->verb);
  unsigned slot;

  if (of)
    return order_find_leg (m, order->leg, &slot, out) == -1
             ? -1
             : of (m, slot, order, out);
  switch (order->verb) {
  case ORDER_ADD:
    return order_add (m, order, out);
  case ORDER_PAUSE:
  case ORDER_UNPAUSE:
    return order_pause (m, order->verb == ORDER_PAUSE, order, out);
  case ORDER_SET:
    return order_set (m, order, out);
  case ORDER_SUSPEND:
    return order_suspend (m, order, out);
  case ORDER_RESUME:
    return order_resume (m, order, out);
  case ORDER_STOP:
    return order_stop (m, order, out);
  case ORDER_MOVE_LOG:
    return order_move_log (m, order, out);
  case ORDER_GROW:
    return order_grow (m, order, out);
  case ORDER_SCRUB_START:
  case ORDER_SCRUB_PAUSE:
  case ORDER_SCRUB_RESUME:
  case ORDER_SCRUB_STOP:
  case ORDER_SCRUB_REPAIR:
    return order_scrub (m, order, out);
  default:
    abort ();
  }
}

int
mirror_order (struct mirror *m, const struct order *order, struct outcome *out)
{
  memset (out, 0, sizeof *out);
  {
    CLEANUP_LOCK (&m->lock);
    if (m->orders_end || m->stopping)
      return order_refuse (out, "the server ends");
  }
  return run (m, order, out);
}
