/* SPDX-License-Identifier: BSD-3-Clause */

/* What a client may do as the owner of its log: RENEW, DETACH, and what the
 * other requests ask first.
 */

#ifndef NBDMIRROR_LOGD_OWNERSHIP_H
#define NBDMIRROR_LOGD_OWNERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto.h"

struct client;

/* The client owns its log, with this epoch; else E_STALE is said.  Counts
 * as a sign of life.
 */
bool request_of_owner (struct client *c, const struct proto_msg *msg,
                       uint64_t epoch);

/* ... with any epoch. */
bool request_of_any_epoch (struct client *c, const struct proto_msg *msg);

void renew_request (struct client *c, const struct proto_msg *msg);

/* server.on_gone: the log keeps its owner, which has no connection now. */
void ownership_gone (struct client *c, const char *why);

#endif /* NBDMIRROR_LOGD_OWNERSHIP_H */
