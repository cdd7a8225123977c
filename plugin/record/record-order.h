/* SPDX-License-Identifier: BSD-3-Clause */

/* Which of two records knows more (record-format.h, at the end). */

#ifndef NBDMIRROR_RECORD_ORDER_H
#define NBDMIRROR_RECORD_ORDER_H

#include <stdbool.h>

#include "record-format.h"

bool record_same_id (const uint8_t a[RECORD_ID_SIZE],
                     const uint8_t b[RECORD_ID_SIZE]);
bool record_no_id (const uint8_t id[RECORD_ID_SIZE]);

/* Both are of one mirror.  a knows all that b does: it is as new or newer, in
 * the same line.  If neither knows the other, nobody can say which is right.
 */
bool record_knows (const struct leg_record *a, const struct leg_record *b);

#endif /* NBDMIRROR_RECORD_ORDER_H */
