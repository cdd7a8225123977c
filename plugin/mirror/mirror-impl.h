/* SPDX-License-Identifier: BSD-3-Clause */

/* The state of a mirror, shared by the files that make it up; each has a
 * header of its own with what the others may call.
 *
 * Threads: nbdkit's request threads; one worker (sweep, recording of
 * failures); RESYNC_THREADS copiers; one that scrubs; for each leg one that
 * brings it back; those of the legs and of the log.
 *
 * Locks: m->lock, then the log's own.  Neither is held across I/O, a flush
 * or a message.  Legs call leg->on_lost without locks.
 *
 * Sets of legs are masks of log slots.  Every configured leg is in just one
 * of in_sync, resyncing, failed, missing; the writing set is in_sync |
 * resyncing.  in_sync is never empty, and whoever is in it misses nothing
 * (invariant I1 of dirty-log.h).  While the mirror holds (hold.h) the only leg
 * in in_sync is used by its rejoiner alone.
 */

#ifndef NBDMIRROR_MIRROR_IMPL_H
#define NBDMIRROR_MIRROR_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "beat.h"
#include "bitset.h"
#include "deadline.h"
#include "dirty-log.h"
#include "hold.h"
#include "hot.h"
#include "leg.h"
#include "mirror.h"
#include "range.h"
#include "rate.h"
#include "records.h"
#include "recovery.h"
#include "scrub-state.h"
#include "slow.h"
#include "sums.h"
#include "unstable.h"
#include "witness.h"

#define COPY_CHUNK (UINT64_C (1) << 20) /* bytes locked and copied at once */
#define RETRY_NS (250 * NSEC_PER_MSEC)  /* between tries of a failed log */
#define REPAIRS_PER_HOUR 20             /* of one leg */

#define SLOT_BIT(slot) (1u << (slot))

/* For every slot of the mask. */
#define FOR_EACH_SLOT(slot, mask) \
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) \
    if ((mask) &SLOT_BIT (slot))

/* A configured leg: named by the user, or recorded in the log. */
struct member {
  /* Read-only while it is configured; but orders give it another leg, name and
   * index, when no thread of its own runs, under lock.  Who used the leg that
   * left may yet print its name, so what it reads is never half there, and is
   * freed with the mirror.
   */
  struct mirror *mirror;
  unsigned slot;
  atomic_uint index;       /* the number the user knows it by */
  char *_Atomic name;      /* "" if it was never named */
  struct leg *_Atomic leg; /* NULL: nobody named it.  Open while it is in
                            * use */

  pthread_t rejoiner; /* only used by start and stop, and orders */
  bool has_rejoiner;
  bool by_record; /* only used by the rejoiner: its record says who it is, */
  bool is_older;  /* and that it is an older state of it */

  /* Only used by the watcher, under lock. */
  bool hang_said;
  uint64_t hang_began; /* the call that was the oldest at its last look */
  uint64_t hang_ns;    /* for how long it has seen that one */

  struct slow slow;

  /* Protected by lock. */
  bool rejoiner_exited;
  enum leg_kind kind;
  enum leg_place place; /* of the file of a leg in use: place.h */
  unsigned users;       /* who may be using the leg now */
  bool refused;         /* at the last try it was another one */
  bool parked;          /* an operator wants it out of use (order-legs.c) */
  bool to_close;        /* and closed: */
  bool closed;          /* it is */
  bool try_now;         /* bring it back without delay */
  bool leaves;          /* its own threads end */
  bool renamed;         /* its rejoiner has not used what the log knows */
  bool retired;         /* leg and name are */
  unsigned replaces;    /* 1 + slot of the leg that goes when it is in-sync; 0:
                           * none */
  uint64_t joined_ns;   /* when it came back last, 0 = never */
  uint64_t stalled_until; /* no copies to it before this: they failed, or a
                           * write may still land (S21) */
  bool unsettled;         /* one may have, and was not flushed */
  unsigned stalls;        /* in a row */
  bool stall_reported;    /* since it became a resync target */
  uint64_t kept_said[LEG_CACHE + 1]; /* per request, when last; 0: never */
  uint64_t read_repairs;             /* since start */
  uint64_t repair_began[REPAIRS_PER_HOUR]; /* a ring; 0: never */
  unsigned next_repair;                    /* in it */
  uint64_t repairs_used_up;                /* when last said; 0: never */
};

/* Of a leg that comes back. */
struct rejoin_times {
  uint64_t first_ns, max_ns, steady_ns;
};

/* A mirror that becomes larger (order-grow.c). */
struct grow {
  atomic_uint_fast64_t to; /* bytes; 0: it does not */

  /* Protected by m->lock. */
  uint64_t done;  /* zeroed up to here, on these legs, which have not left the
                   * in-sync ones since: */
  unsigned equal; /* (member-state.c and hold.c see to that) */
  bool longer;    /* the log is */
};

struct hot_waiter;
struct retired;

struct mirror {
  /* Read-only once it is open. */
  struct mirror_config config;
  struct mirror_limits limits;
  struct dirty_log *log;   /* also when it was moved */
  char *_Atomic moved_log; /* where to, as a start is to name it; NULL: it was
                            * not.  Only orders change it; old ones are retired */
  unsigned region_shift;
  atomic_uint_fast64_t nr_regions; /* it grows (order-grow.c) */
  size_t max_hot;
  struct rejoin_times rejoin;
  atomic_uint_fast64_t quarantine_ns; /* S21 */
  atomic_uint_fast64_t local_timeout_ns;
  uint64_t watch_ns; /* watch.h */
  struct member member[LOG_MAX_LEGS];
  atomic_uint configured; /* only orders change it, under lock (order-add.c) */
  struct leg *(*new_leg) (const char *name, const struct leg_options *options);
  struct retired
    *retired; /* legs and names that orders took away; only used by
                            * them, for others may still print them */

  pthread_mutex_t lock;
  pthread_cond_t cond; /* anything below changed that someone waits for */

  /* Protected by lock. */
  unsigned in_sync, resyncing, failed, missing; /* member-state.h */
  unsigned promoting; /* of resyncing: may be in-sync by the log already */
  unsigned joined;    /* of promoting: the legs' records must call them so */
  unsigned primary;   /* slot, always in in_sync */
  struct range_list ranges;
  struct hot_table hot;
  struct hot_waiter *hot_queue; /* hot-limit.h */
  uint64_t seq;                 /* writes ended so far */
  uint64_t flushed_seq; /* those ended before the last flush of all began */
  uint64_t failures, failures_recorded; /* S4: equal, or no acknowledgement */
  unsigned active;                      /* client requests inside */
  bool stopping;
  uint64_t stop_deadline;   /* of requests under way, once stopping */
  bool stopped;             /* no thread of ours runs any more */
  bool orders_end;          /* orders do not wait any more */
  uint64_t suspended_until; /* by an operator; 0: it is not */
  bool wake_worker;
  unsigned round_robin;
  uint64_t sweeps;
  bool sweep_unstored; /* the last one could not reach the log, so nothing was
                        * cleared */
  struct resync resync;
  struct grow grow;
  struct records records; /* has a lock of its own */
  struct beats beats;
  struct hold hold;            /* the last in-sync leg is away */
  struct unstable unstable;    /* what its server may lose */
  struct witnesses *witnesses; /* NULL: hold-timeout= is 0 */
  pthread_cond_t rejoin_wake;  /* a leg is out of use, or the end */
  uint64_t held_until;         /* S21; 0 = nothing is held */

  atomic_uint_fast64_t log_bad_since; /* the first wait for the log that was
                                       * in vain began; 0 = it works */

  struct bitset held; /* read-only once it is open: regions in which
                       * writes wait until held_until; nr 0 = none */
  struct rate rate;
  struct scrub scrub; /* has a lock of its own for its file */
  struct sums sums;

  pthread_t watcher;
  uint64_t slow_window_ns; /* only used by the watcher */
  bool watching;           /* only used by start and stop */

  /* The worker. */
  pthread_t worker;
  bool worker_started; /* only used by start and stop */
  /* Protected by lock. */
  bool worker_stop;
  uint64_t last_deadline; /* then: of its last sweep */
  bool worker_exited;
};

/* The log as a start is to name it. */
static inline const char *
log_spec (const struct mirror *m)
{
  const char *moved = m->moved_log;

  return moved ? moved : m->config.log ? m->config.log : "";
}

static inline unsigned
writing_set (const struct mirror *m)
{
  return m->in_sync | m->resyncing;
}

/* Of the writing set, who can be used now. */
static inline unsigned
usable_set (const struct mirror *m)
{
  return writing_set (m) & ~m->hold.legs;
}

/* Wake the worker.  m->lock is held. */
static inline void
worker_wake_locked (struct mirror *m)
{
  m->wake_worker = true;
  pthread_cond_broadcast (&m->cond);
}

#endif /* NBDMIRROR_MIRROR_IMPL_H */
