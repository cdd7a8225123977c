/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files that carry out orders share. */

#ifndef NBDMIRROR_ORDER_IMPL_H
#define NBDMIRROR_ORDER_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "mirror.h"
#include "order.h"

struct member;
struct mirror;

/* As it is written on the command line. */
const char *read_policy_name (enum read_policy policy);

/* One each; as mirror_order.  "slot" is order->leg's. */
int order_fail (struct mirror *m, unsigned slot, const struct order *order,
                struct outcome *out);
int order_detach (struct mirror *m, unsigned slot, const struct order *order,
                  struct outcome *out);
int order_attach (struct mirror *m, unsigned slot, const struct order *order,
                  struct outcome *out);
int order_name_leg (struct mirror *m, unsigned slot, const struct order *order,
                    struct outcome *out);
int order_add (struct mirror *m, const struct order *order,
               struct outcome *out);
int order_remove (struct mirror *m, unsigned slot, const struct order *order,
                  struct outcome *out);
int order_replace (struct mirror *m, unsigned slot, const struct order *order,
                   struct outcome *out);
int order_rename (struct mirror *m, unsigned slot, const struct order *order,
                  struct outcome *out);
int order_may_stop (struct mirror *m, unsigned slot, const struct order *order,
                    struct outcome *out);
int order_pause (struct mirror *m, bool pause, const struct order *order,
                 struct outcome *out);
int order_set (struct mirror *m, const struct order *order,
               struct outcome *out);
int order_suspend (struct mirror *m, const struct order *order,
                   struct outcome *out);
int order_move_log (struct mirror *m, const struct order *order,
                    struct outcome *out);
int order_grow (struct mirror *m, const struct order *order,
                struct outcome *out);
int order_scrub (struct mirror *m, const struct order *order,
                 struct outcome *out);
int order_resume (struct mirror *m, const struct order *order,
                  struct outcome *out);

/* The text, and the result. */
int order_done (struct outcome *out, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3))); /* 0, changed */
int order_unchanged (struct outcome *out, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3))); /* 0 */
int order_refuse (struct outcome *out, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3))); /* -1 */

/* A number of bytes, as nbdkit reads it.  False: it is none. */
bool order_parse_bytes (const char *value, uint64_t *bytes);

/* The leg of that number, name or uuid; -1 with the reason if there is none.
 * No lock is held.
 */
int order_find_leg (struct mirror *m, const char *leg, unsigned *slot,
                    struct outcome *out);

/* Why the leg can't be taken out of use, in "why"; false if it can.  m->lock is
 * held.
 */
bool order_needs_leg_locked (const struct mirror *m, unsigned slot, char *why,
                             unsigned size);

/* Wait until all that changed in memory is recorded, in the log and on the
 * legs.  False if that can't be, with the reason.  No lock is held.
 */
bool order_record (struct mirror *m, struct outcome *out);

#endif /* NBDMIRROR_ORDER_IMPL_H */
