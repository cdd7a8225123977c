/* SPDX-License-Identifier: BSD-3-Clause */

/* A thread that looks at the local legs every second.  A call that hangs in
 * the kernel holds up whoever made it, the worker for example, so they can't
 * say it.
 *
 * With local-timeout= a leg that hangs for longer is lost, if another one has
 * all data and answers: requests are answered without it, and its calls are left
 * behind (aside.h).  Whenever they end, what they have written lies in regions
 * that it misses, for they were marked (S5); and its rejoiner waits for their
 * threads before it opens the leg anew, so nothing that is copied is
 * overwritten.
 */

#ifndef NBDMIRROR_WATCH_H
#define NBDMIRROR_WATCH_H

#include <stdint.h>

struct mirror;

/* How many seconds the leg in this slot has not answered, if that is worth
 * saying, or 0.  Without locks.
 */
unsigned watch_no_answer (const struct mirror *m, unsigned slot);

/* One look at all legs; elapsed: since the last one.  Only one thread may.  No
 * lock is held.
 */
void watch_look (struct mirror *m, uint64_t elapsed);

/* The thread.  -1 with the error reported. */
int watch_start (struct mirror *m);

/* Once the mirror stops; it never hangs. */
void watch_stop (struct mirror *m);

#endif /* NBDMIRROR_WATCH_H */
