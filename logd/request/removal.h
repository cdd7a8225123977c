/* SPDX-License-Identifier: BSD-3-Clause */

/* DELETE: a log that nobody owns goes away. */

#ifndef NBDMIRROR_LOGD_REMOVAL_H
#define NBDMIRROR_LOGD_REMOVAL_H

#include "proto.h"
#include "served.h"

void removal_request (struct client *c, const struct proto_msg *msg);

extern const struct waiters removal_waiters;

#endif /* NBDMIRROR_LOGD_REMOVAL_H */
