/* SPDX-License-Identifier: BSD-3-Clause */

/* The last in-sync leg, which was away, is brought back. */

#ifndef NBDMIRROR_HOLD_RETURN_H
#define NBDMIRROR_HOLD_RETURN_H

#include <stdbool.h>

struct member;

/* One try.  True: it is back and holds all data, and the mirror does not hold
 * any more.  False: the leg's last_error says why not, if it was not cancelled;
 * it is closed to requests then.  For the leg's rejoiner, while nobody uses the
 * leg.  Blocks; no lock is held.
 */
bool hold_return (struct member *member);

#endif /* NBDMIRROR_HOLD_RETURN_H */
