/* SPDX-License-Identifier: BSD-3-Clause */

/* What clients and the admin are told of a leg that fails. */

#ifndef NBDMIRROR_REPORT_H
#define NBDMIRROR_REPORT_H

#include "leg.h"

struct mirror;

/* A leg's errno as the client gets it: NBD knows few, and nbdkit turns all
 * others into EINVAL, which would blame the request.  Never EOPNOTSUPP, with
 * which nbdkit would end by an assertion, or write zeroes itself.
 */
int client_error (int err);

/* Tell the admin about legs that failed now.  No lock is held. */
void members_report_failed (struct mirror *m, unsigned slots);

/* These legs failed a request, and no in-sync leg did it, so they stay in use
 * (S6) and the client gets the error.  Said now and then, for each kind of
 * request.  No lock is held.
 */
void members_report_kept (struct mirror *m, unsigned slots, enum leg_op op);

#endif /* NBDMIRROR_REPORT_H */
