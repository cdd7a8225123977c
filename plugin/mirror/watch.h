/* SPDX-License-Identifier: BSD-3-Clause */

/* A thread that looks at the local legs every second.  A call that hangs in
 * the kernel holds up whoever made it, the worker for example, so they can't
 * say it.
 */

#ifndef NBDMIRROR_WATCH_H
#define NBDMIRROR_WATCH_H

#include <stdint.h>

struct mirror;

/* How many seconds the leg in this slot has not answered, if that is worth
 * saying, or 0.  Without locks.
 */
unsigned watch_no_answer (const struct mirror *m, unsigned slot);

/* The thread.  -1 with the error reported. */
int watch_start (struct mirror *m);

/* Once the mirror stops; it never hangs. */
void watch_stop (struct mirror *m);

#endif /* NBDMIRROR_WATCH_H */
