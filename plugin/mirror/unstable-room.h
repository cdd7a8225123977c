/* SPDX-License-Identifier: BSD-3-Clause */

/* Room in the memory of unflushed writes: a flush of the legs makes it. */

#ifndef NBDMIRROR_UNSTABLE_ROOM_H
#define NBDMIRROR_UNSTABLE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;
struct unstable_write;

/* Take a place in the memory, when there is one, and nobody has waited longer;
 * NULL needs none.  0, or -1 with errno.  Who waits holds no range and uses no
 * leg.  m->lock is held, and given
 * up while waiting.
 */
int unstable_room_locked (struct mirror *m, const struct unstable_write *w,
                          uint64_t arrival);

/* For the worker: flush the legs if that was asked for.  Blocks; no lock is
 * held.
 */
void unstable_flush_if_asked (struct mirror *m);

#endif /* NBDMIRROR_UNSTABLE_ROOM_H */
