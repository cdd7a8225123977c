/* SPDX-License-Identifier: BSD-3-Clause */

/* What a scrub found, when a leg is removed. */

#ifndef NBDMIRROR_SCRUB_FORGET_H
#define NBDMIRROR_SCRUB_FORGET_H

struct mirror;

/* The leg of this slot is removed: nothing found says anything of the next one
 * there.  m->lock is held.
 */
void scrub_forget_leg_locked (struct mirror *m, unsigned slot);

#endif /* NBDMIRROR_SCRUB_FORGET_H */
