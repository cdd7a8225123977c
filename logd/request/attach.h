/* SPDX-License-Identifier: BSD-3-Clause */

/* ATTACH: who gets a log. */

#ifndef NBDMIRROR_LOGD_ATTACH_H
#define NBDMIRROR_LOGD_ATTACH_H

#include "proto.h"
#include "served.h"

void attach_request (struct client *c, const struct proto_msg *msg);

extern const struct waiters attach_waiters;

#endif /* NBDMIRROR_LOGD_ATTACH_H */
