/* SPDX-License-Identifier: BSD-3-Clause */

/* What the last in-sync leg may have lost is written to it again.
 *
 * Of writes that overlap only the newest bytes are: so nothing that is on its
 * way is older than what the leg may have, and it may land whenever it likes,
 * also when this mirror has been killed and the next one answers readers.
 */

#ifndef NBDMIRROR_REPLAY_H
#define NBDMIRROR_REPLAY_H

#include <stdint.h>

struct leg;
struct mirror;

/* While the mirror holds: nothing is sent, so the list of unstable.h does not
 * grow, and nothing is flushed, so it does not shrink.  *bytes is raised by what
 * is written.  -1 with errno.  Blocks; no lock is held.
 */
int replay_writes (struct mirror *m, struct leg *leg, uint64_t *bytes);

#endif /* NBDMIRROR_REPLAY_H */
