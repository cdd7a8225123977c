/* SPDX-License-Identifier: BSD-3-Clause */

/* A request that goes to the medium in pieces. */

#ifndef NBDMIRROR_LEG_PIECES_H
#define NBDMIRROR_LEG_PIECES_H

#include "leg.h"

/* The longest request of its kind that the medium takes. */
uint32_t leg_max_piece (const struct leg_io *io);

/* Send io, which is longer than leg_max_piece, or WRITEs of zeroes
 * instead of it.  io->answered, set by the caller, gets the first error, or
 * ENOMEM; from any thread, maybe from inside.  Does not block on the network.
 */
void leg_send_pieces (struct leg_io *io);
void leg_send_zeroes (struct leg_io *io);

#endif /* NBDMIRROR_LEG_PIECES_H */
