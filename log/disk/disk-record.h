/* SPDX-License-Identifier: BSD-3-Clause */

/* Slots and header. */

#ifndef NBDMIRROR_LOG_DISK_RECORD_H
#define NBDMIRROR_LOG_DISK_RECORD_H

#include "disk.h"

/* What the slot should say, with flags of what is known of the log. */
void disk_slot_build (struct disk_log *d, struct disk_slot *slot);

/* Keep legs stale that are not in-sync on the medium; what was wanted when
 * the commit lowered, but legs that failed since stay stale.
 */
void disk_slot_lower (struct disk_log *d, struct disk_slot *slot);
void disk_slot_raise (struct disk_log *d, struct disk_slot *slot);

bool disk_slot_same (const struct disk_slot *a, const struct disk_slot *b);

/* Write third copy, slot and header, each synced. */
int disk_record_write (struct disk_log *d, const struct disk_slot *wanted);

/* Put a slot, the header, into the image of block 0. */
void disk_slot_put (struct disk_log *d, const struct disk_slot *slot);
void disk_header_put (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_RECORD_H */
