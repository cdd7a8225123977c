/* SPDX-License-Identifier: BSD-3-Clause */

/* What an operator tells a running mirror to do: nbdmirror-control(7).
 *
 * An order is checked as a whole before anything changes; what it changes for
 * good is one record in the log, so a crash leaves it done or not done.  An
 * order that finds things as it wants them is done, and has changed nothing.
 */

#ifndef NBDMIRROR_ORDER_H
#define NBDMIRROR_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define ORDER_TEXT_SIZE 1024
#define ORDER_MAX_SECONDS 300 /* of ORDER_SUSPEND */

enum order_verb {
  ORDER_FAIL,   /* leg: it is out of use until ORDER_ATTACH */
  ORDER_DETACH, /* leg, track: the same, and closed */
  ORDER_ATTACH, /* leg: it may come back */
  ORDER_ADD,    /* new_leg, overwrite: it becomes a leg */
  ORDER_REMOVE, /* leg: it is none any more */
  ORDER_REPLACE, /* leg, new_leg, overwrite: both, when the new one is in-sync */
  ORDER_RENAME,   /* leg, new_leg: the same disk under another name */
  ORDER_MAY_STOP, /* leg: done if its server could be stopped now */
  ORDER_PAUSE,    /* no copies are begun */
  ORDER_UNPAUSE,
  ORDER_SET,     /* name, value: as on the command line */
  ORDER_SUSPEND, /* seconds: requests wait, and all is flushed */
  ORDER_RESUME,
  ORDER_STOP,        /* seconds: the server ends when its clients have left */
  ORDER_SCRUB_START, /* offset, length, rate, repair, from */
  ORDER_SCRUB_PAUSE,
  ORDER_SCRUB_RESUME, /* rate */
  ORDER_SCRUB_STOP,
  ORDER_SCRUB_REPAIR, /* from: what the last one found */
  ORDER_MOVE_LOG,     /* value: the new log, as log= names it */
  ORDER_GROW, /* value: the size; NULL: as large as the smallest leg allows */
};

struct order {
  enum order_verb verb;
  const char *leg;     /* its number, name or uuid */
  const char *new_leg; /* absolute path, or URI */
  const char *name, *value;
  unsigned seconds;
  bool track;
  bool overwrite;   /* what new_leg holds may be lost */
  bool dry_run;     /* say what would be done */
  const char *from; /* as leg: it is right; NULL: the majority is */
  bool repair;
  uint64_t offset, length; /* bytes; length 0: to the end */
  uint64_t rate;           /* bytes/s, 0: no ceiling; if has_rate */
  bool has_rate;
};

struct outcome {
  bool changed; /* dry_run: it would have */
  char text[ORDER_TEXT_SIZE];
};

struct mirror;

/* Carry it out: 0, or -1 with the reason in outcome->text.  One thread at a
 * time, but for ORDER_RESUME and ORDER_UNPAUSE, which any thread may give, and
 * which do not block.  The others block on the log and on legs.
 */
int mirror_order (struct mirror *m, const struct order *order,
                  struct outcome *outcome);

/* Finish what orders have left to do, now and then: whether there is more.  By who
 * gives orders.  Blocks.
 */
bool mirror_orders_go_on (struct mirror *m);

/* The server ends: orders do not wait any more.  Any thread, does not block. */
void mirror_end_orders (struct mirror *m);

#endif /* NBDMIRROR_ORDER_H */
