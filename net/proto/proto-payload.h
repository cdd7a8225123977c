/* SPDX-License-Identifier: BSD-3-Clause */

/* What is in the frames: an own function for each form, for both directions.
 */

#ifndef NBDMIRROR_PROTO_PAYLOAD_H
#define NBDMIRROR_PROTO_PAYLOAD_H

#include "proto.h"

struct wire;

/* Append msg's fields, or take them; failures are w->error. */
typedef void payload_fn (struct wire *w, struct proto_msg *msg);

payload_fn payload_answer;
payload_fn payload_attach;
payload_fn payload_attached;
payload_fn payload_change;
payload_fn payload_create;
payload_fn payload_epoch_flags;
payload_fn payload_flushed;
payload_fn payload_grow;
payload_fn payload_hello;
payload_fn payload_hello_reply;
payload_fn payload_json;
payload_fn payload_named;
payload_fn payload_nothing;
payload_fn payload_query;
payload_fn payload_record;
payload_fn payload_renewed;
payload_fn payload_text;

#endif /* NBDMIRROR_PROTO_PAYLOAD_H */
