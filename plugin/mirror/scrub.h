/* SPDX-License-Identifier: BSD-3-Clause */

/* The scrub: all in-sync legs are compared, and what differs is noted (S17).
 * scrub-state.h has its parts.
 */

#ifndef NBDMIRROR_SCRUB_H
#define NBDMIRROR_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* For mirror_new and mirror_free. */
void scrub_init (struct mirror *m);
void scrub_free (struct mirror *m);

/* Go on with what was under way at the end of the last process, and start the
 * thread.  -1 with the error reported.  Blocks.
 */
int scrub_start (struct mirror *m);

/* False if the thread still hangs in a leg at the deadline.  Blocks. */
bool scrub_stop (struct mirror *m, uint64_t deadline);

/* It begins anew, from what m->scrub.now says; goes on; looks again what to do.
 * m->lock is held.
 */
void scrub_begin_locked (struct mirror *m);
void scrub_wake_locked (struct mirror *m);

#endif /* NBDMIRROR_SCRUB_H */
