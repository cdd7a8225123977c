/* SPDX-License-Identifier: BSD-3-Clause */

/* The last in-sync leg never fails by being away (S5a).
 *
 * It can't be given up, for no other leg has all data.  So when its connection
 * is lost the mirror holds: nobody uses the leg, requests wait, those under way
 * too, and its rejoiner brings it back (hold-return.h).  Then all goes on, and
 * what waited has succeeded, or is done again where it changes nothing.
 *
 * After hold-timeout= requests get EIO, and the leg is still being brought back.
 *
 * What the leg's server may have lost must be in memory (unstable.h).  If it is
 * not, the leg is lost for good: requests get EIO until a restart, which
 * decides what is right.
 *
 * Who waits for this may hold a range, but uses no leg (members_use_locked).
 */

#ifndef NBDMIRROR_HOLD_H
#define NBDMIRROR_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leg.h"

struct mirror;

struct hold {
  /* Read-only once it is open: between tries to bring the leg back. */
  uint64_t first_ns, max_ns;

  /* Protected by m->lock. */
  unsigned legs; /* mask of the only in-sync leg, which is away; 0: none is */
  uint64_t since_ns, until_ns;
  uint64_t looked_ns; /* hold_look came last; 0: never */
  uint64_t leg_size;
  uint32_t leg_min_block;
  unsigned ended;               /* times that it came back */
  bool given_up;                /* the mirror ends, and it is not back */
  unsigned lost;                /* mask: it is lost for good; or 0 */
  bool said, expired_said;      /* in messages */
  char why[LEG_ERROR_SIZE];     /* it is away */
  char trouble[LEG_ERROR_SIZE]; /* why it could not be brought back; or "" */
};

/* The only in-sync leg is lost: hold, if that can be.  m->lock is held. */
void hold_begin_locked (struct mirror *m, unsigned slot);

/* It is back, and has all data.  m->lock is held. */
void hold_end_locked (struct mirror *m);

/* Wait while the mirror holds.  -1 with errno EIO if it goes on holding after
 * hold-timeout=, or at the end of the mirror.  m->lock is held, and given up
 * while waiting.
 */
int hold_wait_locked (struct mirror *m);

/* Of a request that is tried again, all zero before its first try. */
struct hold_tries {
  unsigned ended;   /* set by the caller: m->hold.ended before this try */
  uint64_t lost_ns; /* the first one failed; 0: none did */
};

/* A try has failed.  True if that was because the leg was away, and now it is
 * back: try again.  But not for ever, for the server may be lost by just this
 * request: one that fails by it after hold-timeout= again has failed.  As above.
 */
bool hold_again_locked (struct mirror *m, struct hold_tries *tries);

/* To be called each m->watch_ns: time in which this process stood still does not
 * count.  No lock is held.
 */
void hold_look (struct mirror *m);

/* It goes on holding, and requests do not wait for it any more. */
bool hold_is_over_locked (const struct mirror *m);

/* At the end of the mirror: wait for the leg if something would be lost without
 * it, until the deadline at most, and then give up.  No lock is held.
 */
void hold_stop (struct mirror *m, uint64_t deadline);

/* Say what is new: it holds, or requests do not wait any more.  No lock is
 * held.
 */
void hold_report (struct mirror *m);

/* What the last in-sync leg that is away means, and why it is; "" if it is not.
 * m->lock is held.
 */
void hold_reason_locked (const struct mirror *m, char *buf, size_t size);

#endif /* NBDMIRROR_HOLD_H */
