/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of a mirror, shared by the files that make it up:
 *
 *   start.c    open: log and legs in, plan out, plan made durable
 *   plan.c     who is the source (design, section 6); no I/O
 *   mirror.c   start, stop, threads
 *   mirror-status.c  what it tells about itself
 *   members.c  which legs are used; failure and its record (S5, S6)
 *   rejoin.c   a leg that failed or was absent comes back
 *   quarantine.c  what waits because a write may still land (S21)
 *   write.c    write, zero, trim, flush
 *   read.c     read, block status, cache
 *   repair.c   what one leg could not read is written to it again (S16)
 *   sweep.c    lazy clears; resynced regions and legs become trusted (S3, S18)
 *   resync.c   which regions that legs miss are copied when
 *   copy.c     copying them
 *   rate.c     how fast it may copy
 *
 * Threads: nbdkit's request threads; one worker (sweep, recording of
 * failures); RESYNC_THREADS copiers; for each leg one that brings it back;
 * those of the legs and of the log.
 *
 * Locks: m->lock, then the log's own.  Neither is held across I/O, a flush
 * or a message.  Legs call leg->on_lost without locks.
 *
 * Sets of legs are masks of log slots.  Every configured leg is in just one
 * of in_sync, resyncing, failed, missing; the writing set is in_sync |
 * resyncing.  in_sync is never empty, and whoever is in it misses nothing
 * (invariant I1 of dirty-log.h).
 */

#ifndef NBDMIRROR_MIRROR_IMPL_H
#define NBDMIRROR_MIRROR_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bitset.h"
#include "deadline.h"
#include "dirty-log.h"
#include "fan.h"
#include "hot.h"
#include "leg.h"
#include "mirror.h"
#include "range.h"
#include "recovery.h"

#define COPY_CHUNK (UINT64_C (1) << 20) /* bytes locked and copied at once */
#define IDLE_NS (2 * NSEC_PER_SEC)      /* a region is cleared after this */
#define TICK_NS NSEC_PER_SEC            /* of the worker */
#define RETRY_NS (250 * NSEC_PER_MSEC)  /* between tries of a failed log */
#define MAX_HOT_BYTES (UINT64_C (2) << 30)
#define MAX_HOT_REGIONS 4096
#define MIN_HOT_REGIONS 256
#define PIECE_REGIONS 128   /* a larger request is served in pieces */
#define REPAIRS_PER_HOUR 20 /* of one leg */
#define REJOIN_FIRST_NS (500 * NSEC_PER_MSEC) /* before the first try */
#define REJOIN_MAX_NS (30 * NSEC_PER_SEC)     /* between tries */
#define REJOIN_STEADY_NS (60 * NSEC_PER_SEC)  /* in use, and it is forgiven */

#define SLOT_BIT(slot) (1u << (slot))

/* For every slot of the mask. */
#define FOR_EACH_SLOT(slot, mask) \
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) \
    if ((mask) &SLOT_BIT (slot))

/* A configured leg: named by the user, or recorded in the log. */
struct member {
  /* Read-only once mirror_open returned. */
  struct mirror *mirror;
  unsigned slot;
  unsigned index;  /* the number the user knows it by */
  char *name;      /* "" if it was never named */
  struct leg *leg; /* NULL: nobody named it.  Open while it is in use */

  pthread_t rejoiner; /* only used by start and stop */
  bool has_rejoiner;

  /* Protected by lock. */
  bool rejoiner_exited;
  enum leg_kind kind;
  unsigned users;         /* who may be using the leg now */
  uint64_t joined_ns;     /* when it came back last, 0 = never */
  uint64_t stalled_until; /* no copies to it before this: they failed, or a
                           * write may still land (S21) */
  unsigned stalls;        /* in a row */
  bool stall_reported;    /* since it became a resync target */
  uint64_t read_repairs;  /* since start */
  uint64_t repair_began[REPAIRS_PER_HOUR]; /* a ring; 0: never */
  unsigned next_repair;                    /* in it */
  uint64_t repairs_used_up;                /* when last said; 0: never */
};

struct rate {
  atomic_uint_fast64_t client_ns; /* last client request */
  pthread_mutex_t lock;
  uint64_t next_ns; /* protected by lock: the ceiling's next free moment */
};

/* Of a leg that comes back. */
struct rejoin_times {
  uint64_t first_ns, max_ns, steady_ns;
};

struct mirror {
  /* Read-only once mirror_open returned. */
  struct mirror_config config;
  struct mirror_limits limits;
  struct dirty_log *log;
  unsigned region_shift;
  uint64_t nr_regions;
  size_t max_hot;
  struct rejoin_times rejoin;
  uint64_t quarantine_ns; /* S21 */
  struct member member[LOG_MAX_LEGS];
  unsigned configured;

  pthread_mutex_t lock;
  pthread_cond_t cond; /* anything below changed that someone waits for */

  /* Protected by lock. */
  unsigned in_sync, resyncing, failed, missing;
  unsigned promoting; /* of resyncing: may be in-sync by the log already */
  unsigned primary;   /* slot, always in in_sync */
  struct range_list ranges;
  struct hot_table hot;
  uint64_t seq;                         /* writes ended so far */
  uint64_t failures, failures_recorded; /* S4: equal, or no acknowledgement */
  unsigned active;                      /* client requests inside */
  bool stopping;
  uint64_t stop_deadline; /* of requests under way, once stopping */
  bool stopped;           /* no thread of ours runs any more */
  bool wake_worker;
  unsigned round_robin;
  uint64_t sweeps;
  struct resync resync;
  pthread_cond_t rejoin_wake; /* a leg is out of use, or the end */
  uint64_t held_until;        /* S21; 0 = nothing is held */

  struct bitset held; /* read-only once mirror_open returned: regions in which
                       * writes wait until held_until; nr 0 = none */
  struct rate rate;

  /* The worker. */
  pthread_t worker;
  bool worker_started; /* only used by start and stop */
  /* Protected by lock. */
  bool worker_stop;
  uint64_t last_deadline; /* then: of its last sweep */
  bool worker_exited;
};

/* One modification on its way.  Lives on the caller's stack. */
struct write_op {
  const struct request *rq;
  unsigned repair; /* it goes to this leg only, which should hold it already;
                    * 0: it goes to all */
  struct range range;
  uint64_t first, nr; /* regions */
  unsigned legs;      /* where it goes */
  struct fan fan;
};

static inline unsigned
writing_set (const struct mirror *m)
{
  return m->in_sync | m->resyncing;
}

/* Wake the worker.  m->lock is held. */
static inline void
worker_wake_locked (struct mirror *m)
{
  m->wake_worker = true;
  pthread_cond_broadcast (&m->cond);
}

/* write.c */

/* What comes before and after a modification of the legs in op->legs; in: rq
 * and repair.  bad: legs on which it failed, as from fan_out.  Both return 0,
 * or -1 with errno; after -1 of write_begin there is nothing to end.  No lock
 * is held.
 */
int write_begin (struct mirror *m, struct write_op *op);
int write_end (struct mirror *m, struct write_op *op, unsigned bad);

/* rejoin.c.  stop: m->stopping is set.  False if a thread still hangs at the
 * deadline, while it opens a leg; it will not touch the log any more.
 */
int rejoin_start (struct mirror *m);
bool rejoin_stop (struct mirror *m, uint64_t deadline);

/* quarantine.c: S21, after an unclean end. */

/* Before the start clears the marks: keep what is marked after an unclean
 * end.  And when it is done.  -1 with the error reported.
 */
int quarantine_marked (const struct dirty_log *log, struct bitset *marked);
int quarantine_init (struct mirror *m, const struct bitset *marked);
/* The legs are connected: count from now on.  m->lock is held. */
void quarantine_begin_locked (struct mirror *m);
/* Until when copies to a leg must wait that is connected now.  m->lock is
 * held.
 */
uint64_t quarantine_until (const struct mirror *m, enum leg_kind kind);
/* Before a write to these regions.  -1 with errno ESHUTDOWN.  m->lock is
 * held, and given up while waiting.
 */
int quarantine_wait_locked (struct mirror *m, uint64_t first, uint64_t nr);
/* True once, when it has ended and marks were cleared, in memory, that the
 * start had kept.
 */
bool quarantine_over (struct mirror *m);
/* The mirror ends.  The log must not be called clean if it ends too early. */
void quarantine_end (struct mirror *m);

/* repair.c: legs of the mask could not read this range, which another leg
 * could.  Write it to them again, where that is possible and the budget allows
 * it.  arrival: of the read.  Blocks; the caller holds no range and no lock.
 */
void read_repair (struct mirror *m, unsigned bad, uint64_t offset,
                  uint64_t count, uint64_t arrival);

/* sweep.c: one round.  at_once: do not wait for regions to be idle.  Waits
 * for the log at most until the deadline.
 */
void sweep (struct mirror *m, bool at_once, uint64_t deadline);

/* resync.c */
int resync_start (struct mirror *m);
/* False if a thread still hangs in a leg at the deadline. */
bool resync_stop (struct mirror *m, uint64_t deadline);
/* Regions that the resyncing legs miss, summed over them. */
uint64_t resync_todo (const struct mirror *m, const struct log_status *ls);

/* rate.c */
void rate_init (struct rate *rate);
/* A client request comes in; returns the time. */
uint64_t rate_client (struct rate *rate);
/* After copying bytes, which took elapsed ns: nanoseconds to pause. */
uint64_t rate_pause (struct mirror *m, uint64_t bytes, uint64_t elapsed);


#endif /* NBDMIRROR_MIRROR_IMPL_H */
