/* SPDX-License-Identifier: BSD-3-Clause */

/* One request to several legs at once. */

#ifndef NBDMIRROR_FAN_H
#define NBDMIRROR_FAN_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

#include "dirty-log.h"
#include "leg.h"

struct mirror;

/* One modification of the same range on several legs. */
struct request {
  enum leg_op op;
  unsigned flags; /* LEG_FUA, LEG_MAY_TRIM */
  void *buf;
  uint64_t offset, count;
  uint64_t arrival; /* of a client's request: when it came in; or 0 */
};

/* A request on its way to several legs.  Lives on the caller's stack. */
struct fan {
  struct leg_io io[LOG_MAX_LEGS];
  unsigned unsent; /* legs that did not get (all of) it: no lease */
  atomic_uint pending;
  sem_t done;
};

/* Send the request to all legs of the mask, which the caller uses
 * (members_use_locked), and wait for all.  Returns the mask of those that
 * failed, unsent ones included; fan->io[slot].error says why.  No lock is held.
 */
unsigned fan_out (struct mirror *m, struct fan *fan, unsigned legs,
                  const struct request *rq);

/* As fan_out, but legs that were not sent it, for want of the lease, are sent
 * it when the lease is back, if that is before log_deadline; with arrival 0, at
 * once.
 */
unsigned fan_out_leased (struct mirror *m, struct fan *fan, unsigned legs,
                         const struct request *rq);

#endif /* NBDMIRROR_FAN_H */
