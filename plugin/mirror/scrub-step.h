/* SPDX-License-Identifier: BSD-3-Clause */

/* A step of the scrub, and a note of what it showed. */

#ifndef NBDMIRROR_SCRUB_STEP_H
#define NBDMIRROR_SCRUB_STEP_H

#include "scrub-next.h"

/* Do the step at hand, and say how long to wait before the next one.  Blocks; no
 * lock is held.
 */
void scrub_run_step (struct scrubber *sc);

#endif /* NBDMIRROR_SCRUB_STEP_H */
