/* SPDX-License-Identifier: BSD-3-Clause */

/* The record of a leg that is a file: a file beside it.  For
 * record-area.c, but for the last function.  What blocks, blocks as the leg does.  Errors: -1 with errno.
 */

#ifndef NBDMIRROR_RECORD_BESIDE_H
#define NBDMIRROR_RECORD_BESIDE_H

#include "record-area.h"

/* Beside the leg itself, not beside a symbolic link to it.  To be freed; NULL
 * with errno.
 */
char *beside_path (const struct leg *leg);

/* Fill in area->fd; 0 also if there is none. */
int beside_open (struct record_area *area, int flags);

/* Bytes that are not there are zero. */
int beside_read (struct record_area *area, uint8_t *buf, size_t len,
                 uint64_t offset);

/* *unsent: it may not be written now. */
int beside_write (struct record_area *area, const void *buf, size_t len,
                  uint64_t offset, bool sync, bool *unsent);

/* Make it, all zeroes, durable with its name. */
int beside_make (struct record_area *area);

/* If it is not there any more, make it: 1; 0: it is there. */
int beside_restore (struct record_area *area);

/* A file that was a leg has another name now: the record beside it goes along, if it
 * was left behind.  0 also if there is none, or one is there already; -1 with errno.
 * Blocks.
 */
int beside_follow (const char *old_leg, const char *new_leg);

#endif /* NBDMIRROR_RECORD_BESIDE_H */
