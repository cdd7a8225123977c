/* SPDX-License-Identifier: BSD-3-Clause */

/* ATTACH of a client that only reads. */

#ifndef NBDMIRROR_LOGD_READER_H
#define NBDMIRROR_LOGD_READER_H

#include "proto.h"

struct client;

void reader_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_READER_H */
