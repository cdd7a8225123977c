/* SPDX-License-Identifier: BSD-3-Clause */

/* A huge leg that holds next to nothing in memory: of each block of 64 KiB it
 * knows only whether there is data.  Block status says at most 1 GiB at once,
 * as that of an NBD server.
 */

#ifndef NBDMIRROR_SPARSE_LEG_H
#define NBDMIRROR_SPARSE_LEG_H

#include "leg.h"

#define SPARSE_BLOCK (UINT64_C (64) << 10)
#define SPARSE_MAX_EXTENT (UINT64_C (1) << 30)

/* As leg_new; empty. */
struct leg *sparse_leg_new (const char *name, uint64_t size);

/* There is data in these whole blocks. */
void sparse_leg_fill (struct leg *leg, uint64_t offset, uint64_t count);

/* Bytes of the blocks with data. */
uint64_t sparse_leg_allocated (struct leg *leg);

/* Number of times that block status was asked for. */
unsigned sparse_leg_nr_queries (struct leg *leg);

/* Number of reads, those that the leg does not count included. */
unsigned sparse_leg_nr_reads (struct leg *leg);

/* Called for each request and each question, without locks, by who asks. */
void sparse_leg_watch (struct leg *leg, void (*fn) (void *opaque),
                       void *opaque);

#endif /* NBDMIRROR_SPARSE_LEG_H */
