/* SPDX-License-Identifier: BSD-3-Clause */

/* Which of two records knows more (record-format.h, at the end). */

#ifndef NBDMIRROR_RECORD_ORDER_H
#define NBDMIRROR_RECORD_ORDER_H

#include <stdbool.h>

#include "record-format.h"

bool record_same_id (const uint8_t a[RECORD_ID_SIZE],
                     const uint8_t b[RECORD_ID_SIZE]);
bool record_no_id (const uint8_t id[RECORD_ID_SIZE]);

/* Its leg was the only one in-sync, so the mirror could not go on without it; and
 * whoever became in-sync beside it stands in its record (S18).
 */
bool record_was_alone (const struct leg_record *r);

/* Its leg was not in-sync: it served nobody, in whatever line. */
bool record_was_stale (const struct leg_record *r);

/* Both are of one mirror.  a knows all that b does: it is as new or newer, in
 * the same line.  If neither knows the other, nobody can say which is right.
 */
bool record_knows (const struct leg_record *a, const struct leg_record *b);

/* More heartbeats than a leg may be late with its own: it, or the mirror, was busy;
 * or it was asked for something that takes long, for patience_ms at most; or its
 * server lost what it had not stored yet.
 */
bool record_beats_are_many (uint64_t beats, uint32_t interval_ms,
                            uint64_t patience_ms);

/* The leg had a later record, or for long a later beat, than those on it now: it
 * was rolled back.  beat: NULL if it has none.
 */
bool record_is_older (const struct leg_record *r, const struct leg_beat *beat,
                      const struct record_had *had, uint64_t patience_ms);

#endif /* NBDMIRROR_RECORD_ORDER_H */
