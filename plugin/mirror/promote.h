/* SPDX-License-Identifier: BSD-3-Clause */

/* A resync target that misses nothing becomes in-sync (S18).  The legs were
 * flushed after their last copy, for a region leaves the missed map only in the
 * sweep.
 *
 *   1. it is taken down as in-sync; what lowers trust is flushed to the log;
 *      the legs' own records say that it is in-sync;
 *   2. if nothing happened meanwhile, it is recorded as in-sync in the log;
 *   3. if nothing happened since, that is announced.
 *
 * In the log a larger in-sync set is more trust.  In the records it is less: a
 * leg whose record names another one does not serve without it.  If the log were
 * first, a crash before the records could leave a leg that calls itself the only
 * one, while the log lets the other go on alone.
 */

#ifndef NBDMIRROR_PROMOTE_H
#define NBDMIRROR_PROMOTE_H

#include <stdint.h>

struct mirror;

/* Waits for the log until the deadline; blocks.  No lock is held. */
void promote (struct mirror *m, uint64_t deadline);

#endif /* NBDMIRROR_PROMOTE_H */
