/* SPDX-License-Identifier: BSD-3-Clause */

/* What a restart goes on with: when it is read and written; scrub-keep.h is how.
 */

#ifndef NBDMIRROR_SCRUB_RESTART_H
#define NBDMIRROR_SCRUB_RESTART_H

#include <stdbool.h>

struct mirror;

/* Before the thread starts: where it is kept, and go on with what was under way
 * at the end of the last process.  Reported if it can't be read.  They block.
 */
void scrub_set_path (struct mirror *m);
void scrub_load (struct mirror *m);

/* Make what changed durable, where there is a place for it.  False if there is,
 * and it failed; reported once.  Blocks; no lock is held.
 */
bool scrub_keep (struct mirror *m);

#endif /* NBDMIRROR_SCRUB_RESTART_H */
