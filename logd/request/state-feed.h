/* SPDX-License-Identifier: BSD-3-Clause */

/* A log's state to a client. */

#ifndef NBDMIRROR_LOGD_STATE_FEED_H
#define NBDMIRROR_LOGD_STATE_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "proto.h"

struct client;
struct served;

/* What the log, which is open, says of itself, but lease and epoch. */
void state_describe (struct served *l, bool reader,
                     struct proto_attached *attached);

/* Send all of the state, then this last reply, to the new owner, or to one
 * that only reads.
 */
void state_send (struct client *c, struct served *l, bool reader, uint64_t id,
                 const struct proto_attached *attached);

#endif /* NBDMIRROR_LOGD_STATE_FEED_H */
