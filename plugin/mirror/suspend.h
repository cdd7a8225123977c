/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests that wait because an operator said so: order-pause.c. */

#ifndef NBDMIRROR_SUSPEND_H
#define NBDMIRROR_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* It is suspended now, and the server does not end.  m->lock is held. */
bool suspended_locked (const struct mirror *m);

/* Wait until it is not.  m->lock is held, and given up while waiting. */
void suspend_wait_locked (struct mirror *m);

/* Nanoseconds that are left of it; 0: it is not suspended.  m->lock is held. */
uint64_t suspend_left_locked (const struct mirror *m);

#endif /* NBDMIRROR_SUSPEND_H */
