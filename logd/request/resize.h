/* SPDX-License-Identifier: BSD-3-Clause */

/* CREATE, GROW: changes of a log's size, by its worker. */

#ifndef NBDMIRROR_LOGD_RESIZE_H
#define NBDMIRROR_LOGD_RESIZE_H

#include "proto.h"

struct client;

void create_request (struct client *c, const struct proto_msg *msg);
void grow_request (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_RESIZE_H */
