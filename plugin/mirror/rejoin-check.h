/* SPDX-License-Identifier: BSD-3-Clause */

/* Is a leg that was opened anew still the leg that the log knows? */

#ifndef NBDMIRROR_REJOIN_CHECK_H
#define NBDMIRROR_REJOIN_CHECK_H

#include <stdbool.h>

struct member;

/* By size and block size.  False with the error reported. */
bool rejoin_fits (const struct member *member);

/* By its content, compared with the primary's where it misses nothing, while
 * nobody writes there.  *blank: it may be used, but holds nothing.  False with
 * the error reported, if there is one: not when the mirror ends.  Blocks; no
 * lock is held, and nobody else uses the leg.
 */
bool rejoin_is_the_leg (struct member *member, bool *blank);

#endif /* NBDMIRROR_REJOIN_CHECK_H */
