/* SPDX-License-Identifier: BSD-3-Clause */

/* Which frame has which payload. */

#ifndef NBDMIRROR_PROTO_TYPES_H
#define NBDMIRROR_PROTO_TYPES_H

#include <stdbool.h>

#include "proto-payload.h"
#include "proto.h"

bool proto_type_known (unsigned type);

/* What a frame of this type, flags, id and error has as payload; NULL if
 * there is no such frame.
 */
payload_fn *proto_payload (const struct proto_msg *msg);

#endif /* NBDMIRROR_PROTO_TYPES_H */
