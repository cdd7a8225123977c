/* SPDX-License-Identifier: BSD-3-Clause */

/* TAKEOVER: a log is taken from its owner. */

#ifndef NBDMIRROR_LOGD_TAKEOVER_H
#define NBDMIRROR_LOGD_TAKEOVER_H

#include "proto.h"
#include "served.h"

void takeover_request (struct client *c, const struct proto_msg *msg);

extern const struct waiters takeover_waiters;

#endif /* NBDMIRROR_LOGD_TAKEOVER_H */
