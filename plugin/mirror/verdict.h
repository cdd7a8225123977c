/* SPDX-License-Identifier: BSD-3-Clause */

/* How a mirror is, and why: the one word, and the sentence beside it. */

#ifndef NBDMIRROR_VERDICT_H
#define NBDMIRROR_VERDICT_H

#include "dirty-log.h"
#include "status.h"

struct mirror;

/* state and reason of the status.  m->lock is held. */
void verdict (const struct mirror *m, const struct log_status *ls,
              struct mirror_status *st);

/* How a leg that is out of use can come back.  m->lock is held.
 *
 *   ""           it is in use
 *   "itself"     it is tried again and again
 *   "awaited"    the same, and it is the last leg that has all data
 *   "refused"    the same, but what is there now is not the leg, or too small
 *   "restart"    only by a restart: the last leg that has all data was lost
 *   "not-named"  only by a start that names it
 */
const char *verdict_returns (const struct mirror *m, unsigned slot);

#endif /* NBDMIRROR_VERDICT_H */
