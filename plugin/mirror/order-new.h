/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk that is to become a leg of a running mirror. */

#ifndef NBDMIRROR_ORDER_NEW_H
#define NBDMIRROR_ORDER_NEW_H

#include <stdbool.h>

#include "order.h"

struct leg;
struct member;
struct mirror;

/* Why it may not become one: it lies on the same disk as another leg, or as the
 * log.  But for the leg in slot "but", -1: none.  False if it may.  Blocks.
 */
bool new_leg_shares_disk (struct mirror *m, const char *name, int but,
                          struct outcome *out);

/* A leg of that name, not open, with the mirror's options.  NULL with the reason. */
struct leg *new_leg_make (struct mirror *m, const char *name,
                          struct outcome *out);

/* The member has the leg, and is not configured yet.  Open it, and look whether it
 * may become a leg: 0, or -1 with the reason.  What it holds is lost with
 * overwrite.  *other: it has the record of another mirror, or of a leg that was
 * removed, which must go.  Blocks.  The caller closes the leg and the area of its
 * record.
 */
int new_leg_look (struct member *member, bool overwrite, bool *other,
                  struct outcome *out);

#endif /* NBDMIRROR_ORDER_NEW_H */
