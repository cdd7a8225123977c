/* SPDX-License-Identifier: BSD-3-Clause */

/* What becomes of a run when its copier is done with it. */

#ifndef NBDMIRROR_RESYNC_END_H
#define NBDMIRROR_RESYNC_END_H

struct copier;

/* What was copied waits for the sweep, what was not is work again, and who
 * failed stalls.  m->lock is held.
 */
void resync_end_run_locked (struct copier *c);

/* Say what failed, if it is worth saying.  No lock is held. */
void resync_report (struct copier *c);

#endif /* NBDMIRROR_RESYNC_END_H */
