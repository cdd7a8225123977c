/* SPDX-License-Identifier: BSD-3-Clause */

/* Flushing the legs: for a client, the sweep, a repair. */

#ifndef NBDMIRROR_FLUSH_H
#define NBDMIRROR_FLUSH_H

#include <stdint.h>

struct mirror;

/* Flush every leg of the writing set; legs whose flush failed have
 * failed when it returns.  0, or -1 if an in-sync leg is left whose flush
 * failed, or a leg was not sent it: if need be a client's request, which came in
 * at arrival, waits for the lease, until log_deadline; others, with 0, do not.
 * Blocks; no lock is held.
 */
int flush_legs (struct mirror *m, uint64_t arrival);

#endif /* NBDMIRROR_FLUSH_H */
