/* SPDX-License-Identifier: BSD-3-Clause */

/* A log's record in the protocol between a mirror and its log server. */

#ifndef NBDMIRROR_LOG_RECORD_WIRE_H
#define NBDMIRROR_LOG_RECORD_WIRE_H

#include <stdint.h>

struct log_record;
struct proto_record;

/* All but the epoch, as far as the peer's features go (PROTO_FEATURE_...).  What
 * the wire has of the names is the record's.
 */
void log_record_to_wire (struct proto_record *wire,
                         const struct log_record *record, uint64_t features);

/* The names are copies. */
void log_record_from_wire (struct log_record *record,
                           const struct proto_record *wire);

#endif /* NBDMIRROR_LOG_RECORD_WIRE_H */
