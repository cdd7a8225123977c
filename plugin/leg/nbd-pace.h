/* SPDX-License-Identifier: BSD-3-Clause */

/* How long a connection to an NBD server may keep us waiting.
 *
 * A pause is no failure, and slow is not dead.  What is limited is how long
 * nothing moves: no byte has come from the server, and none has left for it,
 * though it owes an answer (timeout_ns).
 *
 * A server that owes the answer to a flush or a FUA write, on whichever of the
 * leg's connections, may answer nothing else meanwhile, and so be silent for
 * longer (flush_timeout_ns).  But not one that serves several connections at
 * once: that one is asked for something when it has been silent for a while
 * (pace_should_ask).  And a flush that is sent into a silence is not what caused
 * it.  A flush gets no more than flush_timeout_ns itself, counted from when all
 * that was sent before it has been answered, whatever else moves.
 *
 * Nothing may take longer than fail_after_ns, if that is not 0.
 *
 * Time counts only while this process runs: a server does not answer one that
 * stands still, because it is frozen, debugged, or its host is suspended.  The
 * reader looks at least once in each PACE_TICK_NS while an answer is owed; what
 * is missing between two looks is left out.  For the same reason no time is
 * noted before a request is sent.
 *
 * No I/O, and no locks: the caller has one for the connection.
 */

#ifndef NBDMIRROR_NBD_PACE_H
#define NBDMIRROR_NBD_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadline.h"
#include "leg.h"

#define PACE_TICK_NS (200 * NSEC_PER_MSEC)

/* A connection on which nothing moves is tried after that time. */
#define PACE_IDLE_NS (5 * NSEC_PER_SEC)

struct pace {
  const struct leg_options *options;
  atomic_uint *slow; /* flushes and FUA writes that the leg's server owes;
                      * shared by its connections */

  bool parallel; /* the server answers others while it flushes */

  uint64_t looked_ns; /* when we looked last */
  uint64_t used_ns;   /* when something was sent, or moved */

  /* The clock, and when this was on it: */
  uint64_t clock_ns;
  uint64_t moved_ns; /* something moved, or began to be owed */
  uint64_t first_ns; /* the oldest request became that */
  bool patient;      /* silent because of a flush */
};

/* options and slow must live as long as the pace. */
void pace_init (struct pace *p, const struct leg_options *options,
                atomic_uint *slow);

/* io was sent now; only: no other answer was owed. */
void pace_sent (struct pace *p, struct leg_io *io, bool only, uint64_t now);

/* io is owed no more; it was the oldest one, or not. */
void pace_ended (struct pace *p, const struct leg_io *io, bool oldest);

/* A look; owed: there are unanswered requests; moved: bytes came or left
 * since the last look.
 */
void pace_look (struct pace *p, bool owed, bool moved, uint64_t now);

/* For how long nothing has moved. */
uint64_t pace_silence (const struct pace *p);

/* Is the server still there, and does it answer?  It is time to send it a
 * request to find out, unless one is under way.  (What is owed tells in time,
 * but not a flush.)
 */
bool pace_should_ask (const struct pace *p, bool owed, uint64_t now);

/* It took too long, at the last look; oldest is the oldest request, NULL if
 * there is none.  Then why says what.
 */
bool pace_is_late (const struct pace *p, const struct leg_io *oldest,
                   char *why, size_t size);

#endif /* NBDMIRROR_NBD_PACE_H */
