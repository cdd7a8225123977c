/* SPDX-License-Identifier: BSD-3-Clause */

/* FLUSH: what came before is made durable, for many requests at a time. */

#ifndef NBDMIRROR_LOGD_FLUSH_H
#define NBDMIRROR_LOGD_FLUSH_H

#include "proto.h"

struct client;

void flush_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_FLUSH_H */
