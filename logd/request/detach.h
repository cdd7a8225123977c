/* SPDX-License-Identifier: BSD-3-Clause */

/* DETACH: the owner gives its log up. */

#ifndef NBDMIRROR_LOGD_DETACH_H
#define NBDMIRROR_LOGD_DETACH_H

#include "proto.h"

struct client;

void detach_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_DETACH_H */
