/* SPDX-License-Identifier: BSD-3-Clause */

/* Which request is whose. */

#ifndef NBDMIRROR_LOGD_DISPATCH_H
#define NBDMIRROR_LOGD_DISPATCH_H

#include "proto.h"

struct client;

/* server.on_request. */
void dispatch_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_DISPATCH_H */
