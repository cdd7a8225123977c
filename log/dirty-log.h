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
 */

#ifndef NBDMIRROR_DIRTY_LOG_H
#define NBDMIRROR_DIRTY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bitset.h"

#define LOG_MAX_LEGS 8
#define LOG_MIN_REGION_SIZE (UINT32_C (64) << 10)
#define LOG_MAX_REGION_SIZE (UINT32_C (64) << 20)
#define LOG_MAX_REGIONS (UINT64_C (64) << 20)
#define LOG_ID_SIZE 16
#define LOG_HOST_SIZE 64
#define LOG_NAME_SIZE 4072 /* with the final NUL */
#define LOG_NR_RECENT 16
#define LOG_MAX_MIN_BLOCK (UINT32_C (64) << 10)

enum log_leg_state {
  LOG_LEG_NONE = 0, /* the slot is not used */
  LOG_LEG_IN_SYNC = 1,
  LOG_LEG_STALE = 2,
};

/* The record of one leg. */
struct log_leg {
  enum log_leg_state state;
  uint32_t kind;           /* enum leg_kind */
  uint8_t id[LOG_ID_SIZE]; /* identity, a hint; opaque here */
  uint64_t generation;     /* of the log when it was last in-sync */
  uint64_t size;           /* bytes, when last seen */
  bool parked;             /* an operator has taken it out of use */
  uint8_t replaces; /* 1 + slot of the leg that goes when it is in-sync; 0 */
  char name[LOG_NAME_SIZE]; /* as the user typed it; "" = never named */
};

struct log_geometry {
  uint64_t size;        /* of the mirror, bytes */
  uint32_t region_size; /* bytes, power of two */
  uint64_t nr_regions;  /* ceil (size / region_size) */
};

/* The regions whose marks were cleared last, each once, the last one first:
 * where the legs were made equal last, and so where one that has gone back in
 * time shows.  Regions that some leg misses do not displace the first few
 * that none did: those tell of that leg when it is back.  Only a hint where
 * to look; a log may forget it.
 */
#define LOG_NR_RECENT_EQUAL 8
struct log_recent {
  unsigned nr;
  uint64_t region[LOG_NR_RECENT];
};

/* What dirty_log_open found. */
enum log_found {
  LOG_FOUND_NEW,          /* nothing yet: no file, an empty or all-zero one,
                           * a creation that did not finish, or log=core */
  LOG_FOUND_OURS,         /* our records are valid and the newest */
  LOG_FOUND_KERNEL,       /* a dm-log that was never ours: geometry has only
                           * nr_regions, there are no leg records; "marked"
                           * holds the regions the kernel says are dirty */
  LOG_FOUND_KERNEL_SINCE, /* ours, but dm-mirror used it since: as OURS, and
                           * kernel_dirty says which regions it left dirty */
  LOG_FOUND_DAMAGED,      /* ours, but no valid record is left; generation
                           * is a number of this very damage */
};

/* Flags of dirty_log_open. */
#define LOG_READ_ONLY 1u    /* take no lock, write nothing, create nothing */
#define LOG_MAY_BE_MOVED 2u /* one that was moved is new: info.moved */

/* For a log on a server: TLS is used if one of the first two is given (files
 * as in tls.h).
 */
struct log_options {
  unsigned flags;
  const char *tls_psk, *tls_certificates, *tls_username;
};

struct log_counters {
  uint64_t marks, clears, flushes, flush_errors;
  uint64_t cycles, served; /* group commit: writes, callers they served */
};

#define LOG_USER_SIZE 128 /* of a text that says who owns a log */

/* What a log is, and as what it was found. */
struct log_info {
  const char *name; /* as the user typed it, without the type: "" for core,
                     * the path for disk, SERVERS/NAME for userspace */
  enum log_found found;
  bool moved;       /* found new, but was the log of the mirror uuid until
                            * that was moved */
  bool unclean;     /* found: it was not shut down cleanly */
  bool shared_map;  /* found or created: the device is too small for
                            * our area: marks and missed maps survive only as
                            * the kernel's bitmap, names not at all */
  uint8_t uuid[16]; /* of the mirror */
  struct log_geometry geo; /* 0 as far as it is not known */
  bool leased;             /* it is on a server: whoever had it before has no
                            * lease any more */
  uint64_t owner_pid;      /* found: last owner, 0 = unknown */
  char owner_host[LOG_HOST_SIZE];

  /* LOG_READ_ONLY: who owns it now ("in use by ..."), or "" if nobody does or
   * it can't be told.  Only a log on this host tells.
   */
  char in_use[LOG_USER_SIZE];
};

/* All that a log knows beside its maps. */
struct log_record {
  uint64_t generation;
  unsigned primary;   /* slot */
  uint32_t min_block; /* bytes, a power of two, at most LOG_MAX_MIN_BLOCK: the
                       * smallest block that clients were told; 0: not known */
  struct log_leg leg[LOG_MAX_LEGS];
};

struct dirty_log;

/* Open the log that a specification names: "core", "disk:PATH" (PATH
 * absolute), "userspace:SERVERS/NAME", or "userspace-core:SERVERS/NAME", a
 * log that the server keeps in its memory.  Takes ownership of the store
 * (disk: OFD lock or O_EXCL; server: a lease; an owner is named in the
 * message), reads all there is, writes nothing.  A log that does not exist
 * is not created yet.
 *
 * Returns the log, or NULL with the error reported: owned by a running
 * server, unreadable, not a log, unknown version, not ours to touch.
 *
 * Blocks on I/O; where the owner of a log on a server is silent, until its
 * lease is over.  Start-up only.
 */
struct dirty_log *dirty_log_open (const char *spec, unsigned flags);
struct dirty_log *dirty_log_open_with (const char *spec,
                                       const struct log_options *options);

/* What begins with these bytes means to be a disk log, ours or the kernel's,
 * whether or not it is a good one.
 */
#define LOG_HEAD_SIZE 1024
bool dirty_log_begins (const uint8_t head[LOG_HEAD_SIZE]);

/* Give a log of any kind found a new life: new uuid, the given geometry,
 * generation as given, no legs, nothing marked, nothing missed.  Memory
 * only; the store is written by the first flush (a new file is made
 * durable together with its directory entry before that returns).
 * For LOG_FOUND_KERNEL the caller copies what it wants of "marked" first.
 * 0, or -1 with the error reported (ENOMEM).  Start-up only.
 */
int dirty_log_create (struct dirty_log *log, const struct log_geometry *geo,
                      uint64_t generation);

/* The same with a uuid that is known: for the log server. */
int dirty_log_create_as (struct dirty_log *log, const struct log_geometry *geo,
                         uint64_t generation, const uint8_t uuid[16]);

/* Make a log of ours longer (geo->size only grows; same region size).  The legs
 * in "slots" miss the new regions, and the last old one if it was short; nothing
 * is marked.  Memory only until the next flush: lowering.  0, or -1 with the
 * error reported (ENOMEM, a device too small).
 */
int dirty_log_grow (struct dirty_log *log, uint64_t new_size, unsigned slots);

/* See that there is room for that, and unless it is only a question make it.  0,
 * or -1 with the reason in why.  A log on a server only knows when it grows.
 * Blocks: do not hold a lock.
 */
int dirty_log_reserve (struct dirty_log *log, uint64_t new_size, bool ask,
                       char *why, size_t size);

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

/* Before dirty_log_start: fn is called when another mirror asks for the log.
 * To consent is to close it.  A thread of the log calls it, without locks; it
 * must not block.
 */
void dirty_log_on_release (struct dirty_log *log, void (*fn) (void *opaque),
                           void *opaque);

/* After nbdkit forked: start the backend's thread and record this process
 * as the owner.  Before this call flush and commit work in the caller.
 * 0, or -1 with the error reported.  Blocks.
 */
int dirty_log_start (struct dirty_log *log);

/* Another log takes the place of this one, which is used (log-move.c).  "to" was
 * opened, is new, and belongs to the log from the moment that this returns 0: each
 * call with the old one is one with the new one.  -1 with the reason in why, and the
 * log goes on, with a new generation, which is lowering; "to" is the caller's to
 * close.
 *
 * Until it has ended, for a moment, flushes wait, as for a slow store.  Blocks.  One
 * at a time; no lock is held.
 */
struct log_move {
  const char *spec, *old_spec; /* as a start is to name them */
  uint64_t deadline;

  /* Make durable, where the legs know of it, that the log has this generation
   * now: the old one has a lower one.  Blocks; must not call the log but for
   * questions.
   */
  void (*prove) (void *opaque, uint64_t generation);
  void *opaque;
};

int dirty_log_move (struct dirty_log *log, struct dirty_log *to,
                    const struct log_move *how, char *why, size_t size);

/* Stop the thread.  If nothing is marked and the last commit succeeded, the
 * log is closed as "clean shutdown".  Gives up ownership and frees the log.
 * NULL is allowed.  Blocks; waits for the store at most until deadline.
 */
void dirty_log_close (struct dirty_log *log, uint64_t deadline);

/* Whether dirty_log_close must not say that it was a clean shutdown. */
void dirty_log_stay_unclean (struct dirty_log *log, bool unclean);

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

/* The maps of a log: the marks, and what the leg in slot s missed. */
#define LOG_MAP_MARKED 0
#define LOG_MAP_MISSED(s) (1 + (s))
#define LOG_NR_MAPS (1 + LOG_MAX_LEGS)

/* Two more that can be asked for: what the kernel left dirty (empty but for
 * LOG_FOUND_KERNEL_SINCE), and what any leg misses.
 */
#define LOG_MAP_KERNEL_DIRTY LOG_NR_MAPS
#define LOG_MAP_OUT_OF_SYNC (LOG_NR_MAPS + 1)

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

/* For a log that was not started, at least every few seconds: a log in a file
 * that was removed is written anew (disk-look.h).  One that was started does it
 * by itself.  Blocks: do not hold a lock.  One thread at a time, which is also
 * the one that flushes.
 */
void dirty_log_look (struct dirty_log *log);

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

/* Kernel: status.  A consistent copy of the counters and records.  The leg
 * names are not copied: they change at start-up only.
 */
struct log_status {
  const char *type; /* "core", "disk", "userspace", "userspace-core" */
  bool failed;      /* the last flush failed, or: */
  bool misplaced;   /* a start would not find it: what it says ends with us */
  bool disconnected;
  bool lost;                /* its owner can't use it any more */
  char last_error[256];     /* "" if there was none */
  uint64_t last_error_time; /* seconds since 1970, 0 = never */
  struct log_counters counters;
  uint64_t flush_number;
  uint64_t generation;
  unsigned primary;
  uint64_t marked;      /* regions */
  uint64_t out_of_sync; /* regions that some leg misses */
  uint64_t missed[LOG_MAX_LEGS];
  enum log_leg_state leg_state[LOG_MAX_LEGS];
};

void dirty_log_status (struct dirty_log *log, struct log_status *status);

#endif /* NBDMIRROR_DIRTY_LOG_H */
