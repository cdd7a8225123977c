/* SPDX-License-Identifier: BSD-3-Clause */

/* A change of a log's lease that has to be durable. */

#ifndef NBDMIRROR_LOGD_LEASE_WRITE_H
#define NBDMIRROR_LOGD_LEASE_WRITE_H

#include "lease.h"

struct served;

/* Make a lease record durable, then call done in the loop, with 0 or an
 * errno and a text; meanwhile the log is busy.
 */
typedef void lease_done (struct served *l, void *opaque,
                         const struct lease_record *record, int err,
                         const char *text);
void lease_write (struct served *l, const struct lease_record *record,
                  lease_done *done, void *opaque);

#endif /* NBDMIRROR_LOGD_LEASE_WRITE_H */
