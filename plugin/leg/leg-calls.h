/* SPDX-License-Identifier: BSD-3-Clause */

/* Calls of the kernel that are under way for a local leg.  Nothing bounds
 * their time (a dying disk, NFS whose server is away), so that it hangs can
 * only be seen from aside.
 */

#ifndef NBDMIRROR_LEG_CALLS_H
#define NBDMIRROR_LEG_CALLS_H

#include <stdatomic.h>
#include <stdint.h>

/* Of more than these at the same time some are not seen. */
#define LEG_CALLS 64

struct leg_calls {
  atomic_uint_fast64_t began[LEG_CALLS]; /* 0: a free place */
};

/* A call begins.  Returns its place, for leg_call_end. */
unsigned leg_call_begin (struct leg_calls *calls, uint64_t now);
void leg_call_end (struct leg_calls *calls, unsigned place);

/* When the oldest call that is under way began, or 0. */
uint64_t leg_call_oldest (struct leg_calls *calls);

#endif /* NBDMIRROR_LEG_CALLS_H */
