/* SPDX-License-Identifier: BSD-3-Clause */

/* A mirror that becomes larger: order-grow.c. */

#ifndef NBDMIRROR_ORDER_GROW_H
#define NBDMIRROR_ORDER_GROW_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* Go on with it; true: it is not done yet.  By who gives orders.  Blocks. */
bool grow_go_on (struct mirror *m);

/* What legs must have room for: the size of the mirror, or what it will be.  Any
 * thread, with or without m->lock.
 */
uint64_t grow_least_size (const struct mirror *m);

#endif /* NBDMIRROR_ORDER_GROW_H */
