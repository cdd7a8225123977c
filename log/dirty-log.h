/* SPDX-License-Identifier: BSD-3-Clause */

/* The dirty log: which regions of a mirror may differ between its legs,
 * and which legs may be trusted, across a crash.  Modelled on the kernel's
 * struct dm_dirty_log_type (include/linux/dm-dirty-log.h); differences are
 * said at each operation.
 *
 * A log holds, for a mirror of nr_regions regions:
 *
 *   marked      region r may have a write in flight (kernel: not "clean");
 *   missed[s]   leg s may lack the data of region r (kernel: not "in
 *               sync", but kept for each leg);
 *   leg[s]      the record of the leg in slot s: in-sync or stale, its
 *               identity, the generation at which it was last in-sync;
 *   generation  grows whenever the set of in-sync legs shrinks.
 *
 * Invariant I1: a leg whose record says in-sync misses nothing.  Marking a
 * region as missed by an in-sync leg makes that leg stale (new generation)
 * in the same flush.
 *
 * "Lowering" changes reduce trust: mark, missed, leg becomes stale.
 * "Raising" changes restore it: clear, no longer missed, leg becomes
 * in-sync.
 *
 * The contract of every backend:
 *
 *   (1) Changes only alter memory.  They never block on I/O and never
 *       fail, so a caller may hold its own lock around them.
 *   (2) dirty_log_flush makes every lowering change queued before the call
 *       durable.  One write serves all callers that wait (group commit);
 *       a caller is only served by a write that began after its call.
 *   (3) dirty_log_commit does what flush does, and afterwards makes the
 *       raising changes queued before the call durable.  All lowering
 *       changes are durable before the first raising one is written.
 *   (4) A flush or commit that failed leaves its changes queued; the next
 *       one writes everything again whose state on the medium is unknown
 *       (a second fdatasync that succeeds proves nothing about data lost
 *       by the first).
 *   (5) A backend may forget a raising change, never a lowering one.
 *
 * Threads: every function may be called from any thread unless it says
 * "start-up only"; the log has its own lock, taken last
 * (mirror lock -> log lock).  Only functions that say so block on I/O.
 *
 * Slots are 0 ... LOG_MAX_LEGS - 1; slot masks have bit s for slot s.
 *
 * log-data.h has what a log holds, log-life.h how it is opened and closed.
 */

#ifndef NBDMIRROR_DIRTY_LOG_H
#define NBDMIRROR_DIRTY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "bitset.h"
#include "log-data.h"

struct dirty_log;

/* What is known of the log, which stays its own: create and grow change it,
 * nothing else does.
 */
const struct log_info *dirty_log_info (const struct dirty_log *log);

/* Copies of the record, of one leg's, or of just its state. */
void dirty_log_get_record (struct dirty_log *log, struct log_record *record);
void dirty_log_get_leg (struct dirty_log *log, unsigned slot,
                        struct log_leg *leg);
enum log_leg_state dirty_log_leg_state (struct dirty_log *log, unsigned slot);

/* Replace identity, kind, size and name of a leg's record, or make a new
 * one.  Its state, if new, is stale and it misses everything.  After
 * start-up only for a leg that is not in use, with the name that it has; part
 * of the next flush.
 */
void dirty_log_set_leg (struct dirty_log *log, unsigned slot, uint32_t kind,
                        const uint8_t id[LOG_ID_SIZE], uint64_t size,
                        const char *name);

/* What an operator has ordered of a leg (struct log_leg).  Part of the next flush. */
void dirty_log_set_orders (struct dirty_log *log, unsigned slot, bool parked,
                           unsigned replaces);

/* Forget a leg; who was to replace it is a leg as others. */
void dirty_log_remove_leg (struct dirty_log *log, unsigned slot);

/* Record the primary.  Neither lowering nor raising: durable with the next
 * flush that follows.
 */
void dirty_log_set_primary (struct dirty_log *log, unsigned slot);

/* What clients are told from now on, and what they were told (record.min_block).
 * Start-up only, durable as the primary is.
 */
void dirty_log_set_min_block (struct dirty_log *log, uint32_t min_block);
uint32_t dirty_log_min_block (struct dirty_log *log);

/* Kernel: mark_region.  A write to the region may be in flight. */
void dirty_log_mark (struct dirty_log *log, uint64_t region);

/* Kernel: clear_region.  All legs agree again, or the region is in the
 * missed map of those that do not.
 */
void dirty_log_clear (struct dirty_log *log, uint64_t region);

/* Both for a run of regions. */
void dirty_log_mark_run (struct dirty_log *log, uint64_t first, uint64_t nr);
void dirty_log_clear_run (struct dirty_log *log, uint64_t first, uint64_t nr);

/* Not kept by a log on a server, for its client, over a restart. */
void dirty_log_get_recent (struct dirty_log *log, struct log_recent *recent);

/* Kernel: is_clean.  The region has no mark. */
bool dirty_log_is_clean (struct dirty_log *log, uint64_t region);

/* Kernel: in_sync, for one leg.  True if leg 'slot' misses none of the
 * regions first ... first + nr - 1.
 */
bool dirty_log_in_sync (struct dirty_log *log, unsigned slot, uint64_t first,
                        uint64_t nr);

/* Kernel: set_region_sync, for a run of regions of one leg.  false is
 * lowering (a leg that was in-sync becomes stale, I1); true is raising.
 */
void dirty_log_set_region_sync (struct dirty_log *log, unsigned slot,
                                uint64_t first, uint64_t nr, bool in_sync);

/* No kernel counterpart (lvm keeps this).  A leg that was in-sync or a
 * resync target is not written any more: its record becomes stale, new
 * generation if it was in-sync, and all marked regions, queued marks
 * included, go into its missed map (rule S5).  Lowering.
 */
void dirty_log_leg_failed (struct dirty_log *log, unsigned slot);

/* The leg is in-sync.  Asserts that it misses nothing.  Raising. */
void dirty_log_leg_in_sync (struct dirty_log *log, unsigned slot);

/* Start-up only: generation = the given one, which must be larger. */
void dirty_log_set_generation (struct dirty_log *log, uint64_t generation);

/* Replace the record.  For the log server: there the client's log follows the
 * rules, and the server's copies.  -1 with errno EINVAL if it breaks I1 (a leg
 * that misses something is in-sync) or the generation goes back.
 */
int dirty_log_set_record (struct dirty_log *log,
                          const struct log_record *record);

/* Number of the last flush or commit that is durable; until there was one, of
 * the last one that the store knows.
 */
uint64_t dirty_log_flush_number (struct dirty_log *log);

/* The first run of set bits of a map at or after 'from'.  False if there is
 * none.
 */
bool dirty_log_next_run (struct dirty_log *log, unsigned map, uint64_t from,
                         uint64_t *first, uint64_t *nr);

/* Number of set bits of a map. */
uint64_t dirty_log_count (struct dirty_log *log, unsigned map);

/* set |= map.  The set has as many bits as the log has regions; a log that
 * has none yet adds nothing.
 */
void dirty_log_add_map (struct dirty_log *log, unsigned map,
                        struct bitset *set);

/* Rule S19.  May this mirror use its legs now?  False when the lease of a
 * log on a server is over: the legs may be another mirror's by now.  To be
 * asked immediately before each request to a leg.  Costs a load for a log
 * without a lease, and reading the clock (vDSO) for one with.
 */
bool dirty_log_valid (struct dirty_log *log);

/* Wait until it is valid (again).  0, or -1 with errno: ETIMEDOUT at the
 * deadline, ESTALE if another mirror has the log now, so that it never will
 * be.  Blocks.
 */
int dirty_log_wait_valid (struct dirty_log *log, uint64_t deadline);

/* Kernel: flush.  Contract (2).  0, or -1 with errno: ETIMEDOUT if the
 * deadline passed (the changes stay queued and may still become durable),
 * else the store's error.  The first failure of a series is reported, and
 * the recovery from it.  Blocks: do not hold a lock.
 */
int dirty_log_flush (struct dirty_log *log, uint64_t deadline);

/* From now on nobody waits for a flush or commit any longer than this, those
 * who wait now included.  Until it is called again.
 */
void dirty_log_hurry (struct dirty_log *log, uint64_t deadline);

/* Contract (3).  Returns as flush.  Blocks: do not hold a lock. */
int dirty_log_commit (struct dirty_log *log, uint64_t deadline);

/* Kernel: get_resync_work.  Find the first region at or after 'from' that
 * one of the legs in 'slots' misses and that is not handed out; hand out
 * the run of such regions that starts there, at most max of them.  Does
 * not wrap around.  False if there is none.  Unlike the kernel's, the
 * cursor is the caller's, so failed regions are found again.
 */
bool dirty_log_get_resync_work (struct dirty_log *log, unsigned slots,
                                uint64_t from, uint64_t max, uint64_t *first,
                                uint64_t *nr);

/* The run is no longer handed out (whatever came of it). */
void dirty_log_put_resync_work (struct dirty_log *log, uint64_t first,
                                uint64_t nr);

/* Kernel: get_sync_count.  Number of regions that no leg misses. */
uint64_t dirty_log_get_sync_count (struct dirty_log *log);

/* Kernel: status.  A consistent copy of the counters and records. */
void dirty_log_status (struct dirty_log *log, struct log_status *status);

#endif /* NBDMIRROR_DIRTY_LOG_H */
