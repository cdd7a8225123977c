/* SPDX-License-Identifier: BSD-3-Clause */

/* Sending what a copier has for the targets. */

#ifndef NBDMIRROR_COPY_SEND_H
#define NBDMIRROR_COPY_SEND_H

#include <stdint.h>

#include "fan.h"

struct copier;

/* Targets of the run that have not failed. */
unsigned copy_targets (struct copier *c);

/* Bytes that all targets together need not be sent. */
void copy_count_skipped (struct copier *c, uint64_t bytes);

/* The same to all these targets.  What fails is noted in c->bad, what could
 * not be sent in c->no_lease.  Blocks; no lock is held.
 */
void copy_send (struct copier *c, unsigned targets, const struct request *rq);

#endif /* NBDMIRROR_COPY_SEND_H */
