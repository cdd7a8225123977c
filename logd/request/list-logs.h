/* SPDX-License-Identifier: BSD-3-Clause */

/* STATUS_INFO: of one log, or of all. */

#ifndef NBDMIRROR_LOGD_LIST_LOGS_H
#define NBDMIRROR_LOGD_LIST_LOGS_H

#include "proto.h"

struct client;

void list_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_LIST_LOGS_H */
