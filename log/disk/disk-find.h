/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading slots and deciding which one counts.  All return -1 with errno if
 * the store cannot be read.
 */

#ifndef NBDMIRROR_LOG_DISK_FIND_H
#define NBDMIRROR_LOG_DISK_FIND_H

#include "disk.h"

/* What was found in the slots. */
struct disk_findings {
  struct disk_header header;
  enum disk_verdict verdict[2];
  struct disk_slot slot[2];
  uint8_t moved_uuid[16]; /* rule (25), if a verdict says so */
  char moved_to[DISK_MOVED_TEXT];
  bool third_valid;
  struct disk_slot third;
  uint64_t third_offset;
};

/* Read header, A and B; rules (1) to (8). */
int disk_find_slots (struct disk_log *d, struct disk_findings *f);

/* Whether A or B has the magic of a slot. */
bool disk_find_magic (const struct disk_findings *f);

/* Look for the third copy where rule (9) says; or everywhere. */
int disk_find_third (struct disk_log *d, struct disk_findings *f);
int disk_find_scan (struct disk_log *d, struct disk_findings *f);

/* The newer valid one of A (0) and B (1), or -1. */
int disk_find_newest (const struct disk_findings *f);

/* Rule (9): 1 with the slot that counts, or 0. */
int disk_find_choose (const struct disk_findings *f, struct disk_slot *chosen);

#endif /* NBDMIRROR_LOG_DISK_FIND_H */
