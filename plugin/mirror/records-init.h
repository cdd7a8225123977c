/* SPDX-License-Identifier: BSD-3-Clause */

/* Before the fork: which legs have a record, what all records say, and that no
 * two legs are one disk.
 */

#ifndef NBDMIRROR_RECORDS_INIT_H
#define NBDMIRROR_RECORDS_INIT_H

#include <stdint.h>

#include "record-area.h"

struct mirror;

/* What a mirror goes on from. */
struct records_origin {
  const struct leg_record *newest; /* of this mirror; NULL: there is none */
  uint64_t left; /* its history ends at this generation; 0 = it goes on */
  unsigned keep; /* slots whose legs have a record from now on */
  struct record_area area[LOG_MAX_LEGS]; /* of the legs that are open; they are
                                          * the mirror's from now on */
  uint8_t id[LOG_MAX_LEGS][RECORD_ID_SIZE]; /* of the legs; zero: none yet */
  struct record_had had[LOG_MAX_LEGS];      /* for certain, here or not */
};

/* Files are made; the record of a leg that shall have none is taken away; who
 * gets a trailer is written at once, so that a second leg on the same disk gives
 * itself away.  The log is as planned, the legs are open.  -1 with the error
 * reported.  Blocks.
 */
int records_init (struct mirror *m, struct records_origin *origin);
void records_free (struct mirror *m);

#endif /* NBDMIRROR_RECORDS_INIT_H */
