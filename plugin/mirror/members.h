/* SPDX-License-Identifier: BSD-3-Clause */

/* Which legs are used, and how one leaves. */

#ifndef NBDMIRROR_MEMBERS_H
#define NBDMIRROR_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "leg.h"

struct mirror;

/* Who sends requests to legs holds them from the section that chooses them
 * until the last answer: a leg that failed is closed and opened again only
 * when nobody holds it.  So who holds a leg waits for no range, and for nothing
 * else that a held-up request may have (hold.h): they would wait for each other.
 * m->lock is held.
 */
void members_use_locked (struct mirror *m, unsigned slots);
void members_unuse_locked (struct mirror *m, unsigned slots);

/* S5, in memory: the leg is not used any more.  False if it was not used,
 * or is the last in-sync leg, which is never given up.  m->lock is held.
 */
bool member_fail_locked (struct mirror *m, unsigned slot);

/* As above for each of a mask; returns those that failed now. */
unsigned members_fail_locked (struct mirror *m, unsigned slots);

/* Those of a mask that are lost: each is failed, or, if it is the last in-sync
 * leg, the mirror holds (hold.h), or that leg is lost for good.  Returns those
 * that failed now.  Who got an error may be earlier than leg->on_lost.  m->lock
 * is held.
 */
unsigned members_lost_locked (struct mirror *m, unsigned slots);

/* S6, S12: a write to these regions ended in an error; every leg but the
 * primary misses them.  m->lock is held.
 */
void members_miss_locked (struct mirror *m, uint64_t first, uint64_t nr);

/* leg->on_lost, leg->on_distrust and leg->may_write of every member's leg. */
void member_on_lost (struct leg *leg);
void member_on_distrust (struct leg *leg);
bool member_may_write (struct leg *leg);

#endif /* NBDMIRROR_MEMBERS_H */
