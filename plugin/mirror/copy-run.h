/* SPDX-License-Identifier: BSD-3-Clause */

/* The length of a run. */

#ifndef NBDMIRROR_COPY_RUN_H
#define NBDMIRROR_COPY_RUN_H

#include <stdint.h>

struct copier;

/* Where the source has a long run of zeroes, take all of it; sets c->begin and
 * c->end.  Blocks on block status; no lock is held.
 */
void copy_run_prepare (struct copier *c);

/* The copier gets no further than to 'end', a byte within the run: give back
 * the regions that are not done.  One that cannot be read is taken out of the
 * run, and stays handed out.  No lock is held.
 */
void copy_run_cut (struct copier *c, uint64_t end);

#endif /* NBDMIRROR_COPY_RUN_H */
