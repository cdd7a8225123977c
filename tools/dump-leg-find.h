/* SPDX-License-Identifier: BSD-3-Clause */

/* Finding what a leg knows by itself.  Nothing is ever written, and nobody who
 * uses the leg is disturbed.
 */

#ifndef NBDMIRROR_DUMP_LEG_FIND_H
#define NBDMIRROR_DUMP_LEG_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "record-format.h"

enum record_where {
  RECORD_NOWHERE,
  RECORD_ITSELF,  /* the operand is the file with the record */
  RECORD_BESIDE,  /* in a file beside the leg */
  RECORD_TRAILER, /* at the end of the leg */
};

struct leg_find {
  const char *name; /* as typed */
  enum record_where where;
  uint8_t *area;    /* RECORD_AREA bytes of it */
  char *path;       /* where a file beside it would be, or is; or NULL */
  uint64_t trailer; /* where a trailer would begin, or does; 0: no room */
  bool looked_at;   /* it is a file, block device or export */
  bool is_log;      /* it begins like a log */
  bool also;        /* beside it, and it has a trailer, too */
  bool has_id;      /* the file that the record should be of is known */
  uint8_t id[RECORD_ID_SIZE]; /* its identity */
};

/* Look for the record of a file or block device.  0, also if there is none, or
 * -1 with the error reported.  To be freed in either case.
 */
int leg_find (struct leg_find *f, const char *name);

/* Make room for an area, aligned for O_DIRECT.  -1 with the error reported. */
int leg_find_init (struct leg_find *f, const char *name);

/* The area holds something of ours, valid or not. */
bool leg_find_is_record (const uint8_t area[RECORD_AREA]);

/* Report that there is no record, and what was looked for. */
void leg_find_say_none (const struct leg_find *f);

void leg_find_free (struct leg_find *f);

#endif /* NBDMIRROR_DUMP_LEG_FIND_H */
