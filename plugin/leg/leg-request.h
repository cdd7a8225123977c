/* SPDX-License-Identifier: BSD-3-Clause */

/* Ask the medium, and answer who asked the leg.  No lock may be held. */

#ifndef NBDMIRROR_LEG_REQUEST_H
#define NBDMIRROR_LEG_REQUEST_H

#include <stdint.h>

#include "leg.h"

/* Send io to the medium, if its owner still lets it; answered is called once,
 * from any thread, maybe from inside.  Does not block on the network.
 */
void leg_send (struct leg_io *io,
               void (*answered) (struct leg_io *io, int err, uint64_t now));

/* Why a request that the medium has done does not succeed all the same:
 * the leg was lost, or the request promises durability after a flush failed.
 * 0, or an errno.
 */
int leg_why_refused (const struct leg_io *io);

/* Count and note the result of a request, 0 or an errno, and call done. */
void leg_finish (struct leg_io *io, int err, uint64_t now);

/* The same for a list by next. */
void leg_finish_list (struct leg_io *list, int err);

#endif /* NBDMIRROR_LEG_REQUEST_H */
