/* SPDX-License-Identifier: BSD-3-Clause */

/* What a scrub tells about itself. */

#ifndef NBDMIRROR_SCRUB_STATUS_H
#define NBDMIRROR_SCRUB_STATUS_H

struct mirror;
struct scrub_status;

/* Into a status of zeroes.  m->lock is held. */
void scrub_status_locked (const struct mirror *m, struct scrub_status *st);

#endif /* NBDMIRROR_SCRUB_STATUS_H */
