/* SPDX-License-Identifier: BSD-3-Clause */

/* The requests of one connection: those that its server owes the answer to,
 * and those that wait until fewer bytes are under way.
 *
 * How many may be is for the server to say.  One that works on all that it has
 * at the same time, and is slow, answers nothing for as long as all of it takes;
 * so it gets less at a time when its answers take long, and more as long as
 * they are quick.
 *
 * No locks: the caller has one for the connection.
 */

#ifndef NBDMIRROR_NBD_QUEUE_H
#define NBDMIRROR_NBD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "leg.h"

struct nbd_queue {
  struct leg_io *first, *last; /* unanswered, in the order they were sent */
  struct leg_io *waiting;      /* first come, first served */
  struct leg_io **waiting_end;
  uint64_t window, max_window; /* how many bytes may be under way, if it is not
                                * one request alone */
  uint64_t in_flight; /* bytes of what is unanswered, or about to be sent */
};

void nbd_queue_init (struct nbd_queue *q);

/* Nothing is known of the server yet, and this is what it gets at most. */
void nbd_queue_begin (struct nbd_queue *q, uint64_t max_window);

/* The request may be sent now, and counts as under way; else it waits. */
bool nbd_queue_enter (struct nbd_queue *q, struct leg_io *io);

/* One that waits, and may be sent now; it counts as under way.  Or NULL. */
struct leg_io *nbd_queue_next (struct nbd_queue *q);

/* A request that counts as under way was not sent. */
void nbd_queue_give_up (struct nbd_queue *q, const struct leg_io *io);

/* It is sent; it was answered, after so long. */
void nbd_queue_sent (struct nbd_queue *q, struct leg_io *io);
void nbd_queue_answered (struct nbd_queue *q, struct leg_io *io,
                         uint64_t took_ns);

/* All that is there, as a list by next, unanswered ones first. */
struct leg_io *nbd_queue_clear (struct nbd_queue *q);

#endif /* NBDMIRROR_NBD_QUEUE_H */
