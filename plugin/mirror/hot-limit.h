/* SPDX-License-Identifier: BSD-3-Clause */

/* The limit of the hot set, and who waits for a place in it.
 *
 * What is hot is what a crash leaves to be copied, so there are at most
 * max_hot hot regions.  Who writes where all is hot already goes on at once.
 * Others wait for the sweep, first come, first served, and get all places of
 * one piece (at most PIECE_REGIONS) together.
 *
 *  1. Who waits holds nothing: no place, no range, no quarantine.  So it holds
 *     up nobody but those behind it, and cannot be part of a deadlock.  Who
 *     has places gives them back without waiting for others that need some:
 *     after them comes only the range, whose holders have theirs.
 *  2. Regions that are written all the time never become idle.  If there are
 *     so many of them that the first one who waits finds no place, the sweep
 *     closes as many as it needs, those that were written least recently:
 *     nobody else may begin to write there, so they become idle, are cleared,
 *     and can be made hot again by whoever has waited for that.
 *  3. What can be waited for only in vain ends: ESHUTDOWN when the mirror
 *     stops, EIO after log_deadline when the log has failed, hangs, or the
 *     lease is over.  When the last in-sync leg cannot be flushed any more no mark will
 *     ever be cleared, and there is no limit: plain writes go on then.
 *
 * All functions are called with m->lock held.
 */

#ifndef NBDMIRROR_HOT_LIMIT_H
#define NBDMIRROR_HOT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most that one write may need is half of it. */
#define MIN_HOT_REGIONS 256

struct mirror;

/* On the stack of the one who waits, in order of arrival. */
struct hot_waiter {
  uint64_t first, nr; /* regions */
  struct hot_waiter *next;
};

/* How many regions of this size, in bytes, may be hot. */
size_t hot_limit (uint32_t region_size);

/* Make the regions hot and count a write in each: the sweep leaves them alone
 * until it has ended.  It is for the caller to mark them.  arrival: of the
 * client's request.  Gives up the lock while it waits for places.  0; or -1
 * with errno, and nothing is held: ESHUTDOWN, EIO, ENOMEM.
 */
int hot_enter_locked (struct mirror *m, uint64_t first, uint64_t nr,
                      uint64_t arrival);

/* It is time to clear what is idle, however short. */
bool hot_crowded (const struct mirror *m);

/* The sweep begins: close what must become idle for the first who waits. */
void hot_close_locked (struct mirror *m);

/* A sweep has cleared nothing: whoever wants to may write there again. */
void hot_reopen_locked (struct mirror *m);

#endif /* NBDMIRROR_HOT_LIMIT_H */
