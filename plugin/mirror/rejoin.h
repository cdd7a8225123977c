/* SPDX-License-Identifier: BSD-3-Clause */

/* The threads that bring legs back. */

#ifndef NBDMIRROR_REJOIN_H
#define NBDMIRROR_REJOIN_H

#include <stdbool.h>
#include <stdint.h>

struct member;
struct mirror;

/* One thread for each leg that has a name.  -1 with the error reported. */
int rejoin_start (struct mirror *m);

/* The same for one leg, which came while the mirror runs; and the end of its thread,
 * when member->leaves is set.  False if it hangs at the deadline.
 */
int rejoin_begin (struct member *member);
bool rejoin_end (struct member *member, uint64_t deadline);

/* m->stopping is set.  False if a thread still hangs at the deadline, while it
 * opens a leg; it will not touch the log any more.  Blocks.
 */
bool rejoin_stop (struct mirror *m, uint64_t deadline);

#endif /* NBDMIRROR_REJOIN_H */
