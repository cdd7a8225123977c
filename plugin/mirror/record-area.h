/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the record of a leg lies, and its I/O: a file beside a leg that is a
 * file, LEG.mirrorleg; the end of a device or export, which the mirror leaves
 * out (record-format.h).
 *
 * An area is used by one thread at a time, but for the beat, which another may
 * read and write meanwhile.  What blocks, blocks as the leg does.  Errors: -1
 * with errno; of a trailer the leg keeps them, too.
 */

#ifndef NBDMIRROR_RECORD_AREA_H
#define NBDMIRROR_RECORD_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "leg.h"
#include "record-format.h"

struct record_area {
  struct leg *leg;  /* open */
  char *path;       /* of the file beside it; NULL: a trailer, or none */
  int fd;           /* of that file, -1 = it is not there */
  uint64_t trailer; /* offset in the leg; 0 = there is no room for one */
  bool in_use;      /* there is a record, or will be */
  unsigned next;    /* slot of the next record */
};

/* What was found in one. */
struct record_found {
  enum record_verdict verdict;
  struct leg_record record; /* if RECORD_VALID */
  bool other_file; /* ... but it is of another file than the leg, which
                             * was copied or replaced: RECORD_BLANK */
  bool has_beat;
  struct leg_beat beat;
  bool zero; /* all of a trailer's bytes are */
};

/* Find the area of an open leg; makes nothing.  mirror_size: 0 if it is not
 * known yet.
 */
int record_area_open (struct record_area *area, struct leg *leg,
                      uint64_t mirror_size, bool read_only);

/* Forget it; the leg stays open.  Zeroed ones may be closed, too. */
void record_area_close (struct record_area *area);

/* Read all of it.  in_use becomes true if there is a record that is valid. */
int record_area_read (struct record_area *area, struct record_found *found);

/* What was found is valid, and was written for this place.  After the leg has grown
 * by one slot there is a valid one, too.
 */
bool record_area_in_place (const struct record_area *area,
                           const struct record_found *found);

/* The leg may have grown since its record was written to its end: look for one
 * of this mirror in a trailer at that offset, of a leg that was smaller.  True: it is
 * in *found, as if it were in its place, but for zero, which stays; its leg_size says
 * how large the leg was.  area->in_use stays.  *error: it can't be read.
 */
bool record_area_read_old (const struct record_area *area, uint64_t offset,
                           const uint8_t mirror[RECORD_ID_SIZE],
                           struct record_found *found, bool *error);

/* What was found so can move to the end: the two places do not overlap, and nothing
 * is there.
 */
bool record_area_can_move (const struct record_area *area,
                           const struct record_found *found);

/* Make the file, or note that the trailer is in use. */
int record_area_make (struct record_area *area);

/* Take the record away, if there is one. */
int record_area_remove (struct record_area *area);

/* If the file of an area in use was removed, or replaced, make it anew: 1, and
 * there is no record in it; 0: it is there.
 */
int record_area_restore (struct record_area *area);

/* Begin to write a record: done is called when it is durable, or io.error says why
 * not.  Without the lease neither it nor a beat is written, be it to a leg or to a
 * file.
 */
struct record_write {
  uint8_t buf[RECORD_SLOT_SIZE];
  struct leg_io io;
};
void record_area_submit (struct record_area *area, struct record_write *w,
                         const struct leg_record *r,
                         void (*done) (struct leg_io *io), void *opaque);
void record_area_written (struct record_area *area);

/* The same for one record, which is durable when this returns 0. */
int record_area_write (struct record_area *area, const struct leg_record *r);

/* The beat alone: RECORD_VALID fills it in.  Flushed only with LEG_FUA, and on a
 * trailer.
 */
int record_area_read_beat (struct record_area *area,
                           enum record_verdict *verdict,
                           struct leg_beat *beat);
int record_area_write_beat (struct record_area *area,
                            const struct leg_beat *beat, unsigned flags);

#endif /* NBDMIRROR_RECORD_AREA_H */
