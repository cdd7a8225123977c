/* SPDX-License-Identifier: BSD-3-Clause */

/* Is the block status of a leg worth anything? */

#ifndef NBDMIRROR_PROBE_ZEROES_H
#define NBDMIRROR_PROBE_ZEROES_H

#include "leg.h"

#define PROBE_WINDOWS 256u /* a power of two */
#define PROBE_WINDOW_PLACES 16u

/* Of a leg that was opened and flushed just now: read places that its block
 * status calls zeroes, spread over all of it, so that one that lies is
 * distrusted (leg.h) before anything is decided by it.  At most
 * PROBE_WINDOWS * PROBE_WINDOW_PLACES places and the ends of the runs, for
 * about a second.  Reads only, blocks; errors show when the leg is used.
 */
void probe_zeroes (struct leg *leg);

#endif /* NBDMIRROR_PROBE_ZEROES_H */
