/* SPDX-License-Identifier: BSD-3-Clause */

/* What may be in strings: for wire_str. */

#ifndef NBDMIRROR_PROTO_STR_H
#define NBDMIRROR_PROTO_STR_H

#include <stdbool.h>

#include "proto.h"

bool proto_ascii_ok (struct proto_str str);
bool proto_text_ok (struct proto_str str);
bool proto_json_ok (struct proto_str str);
bool proto_leg_name_ok (struct proto_str str);

/* proto_name_ok, or empty. */
bool proto_name_or_empty_ok (struct proto_str name);

#endif /* NBDMIRROR_PROTO_STR_H */
