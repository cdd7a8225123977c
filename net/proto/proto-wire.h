/* SPDX-License-Identifier: BSD-3-Clause */

/* Fields, to bytes and from bytes.
 *
 * A payload is described once, as a list of fields, for both directions:
 * the functions wire_... append a field to a buffer or take it from a
 * frame, and what is checked is checked both ways.
 */

#ifndef NBDMIRROR_PROTO_WIRE_H
#define NBDMIRROR_PROTO_WIRE_H

#include "proto.h"

#define PROTO_RUN_SIZE 12 /* packed: first u64, nr u32 */

struct wire {
  struct buffer *buf;        /* to append to, or NULL ... */
  const uint8_t *next, *end; /* ... to take these bytes */
  int error; /* errno of the first failure; nothing happens after it */
};

/* Fail with EINVAL unless ok. */
void wire_check (struct wire *w, bool ok);

void wire_u8 (struct wire *w, uint8_t *v);
void wire_u32 (struct wire *w, uint32_t *v);
void wire_u64 (struct wire *w, uint64_t *v);
void wire_bool (struct wire *w, bool *v);
void wire_id (struct wire *w, uint8_t id[PROTO_ID_SIZE]);
void wire_str (struct wire *w, struct proto_str *str, uint32_t max,
               bool (*ok) (struct proto_str str));
void wire_runs (struct wire *w, struct proto_runs *runs);

bool proto_run_ok (uint64_t first, uint64_t nr);

#endif /* NBDMIRROR_PROTO_WIRE_H */
