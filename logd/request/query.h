/* SPDX-License-Identifier: BSD-3-Clause */

/* Questions about the attached log, which are answered from memory. */

#ifndef NBDMIRROR_LOGD_QUERY_H
#define NBDMIRROR_LOGD_QUERY_H

#include "proto.h"

struct client;

void query_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_QUERY_H */
