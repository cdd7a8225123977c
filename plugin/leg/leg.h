/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg: one side of the mirror.  Knows nothing of mirrors and logs.
 *
 * Requests are asynchronous: leg_submit returns at once and io->done is
 * called exactly once, from any thread, possibly before leg_submit
 * returns.  So the latency of a request that goes to several legs is the
 * slowest leg's, not the sum.
 *
 * A leg is "lost" when what it acknowledged earlier can no longer be
 * relied on: the connection broke, or was silent for too long (rule S5a).  A lost leg fails all requests, current
 * and later, with ENOTCONN (or the first cause), calls on_lost once, and
 * stays lost until leg_close + leg_open, or leg_reconnect.  No request is ever
 * sent twice.
 *
 * FLUSH requests pass a gate (rule S8): one flush of a leg runs at a time;
 * a request that arrives while one runs is served by the next one, so it
 * covers everything that completed before it arrived.  When a flush fails,
 * all who wait fail, and so does every later FLUSH and FUA until leg_close +
 * leg_open: a second try that succeeds proves nothing.  Reads and plain
 * writes go on; whether to use the leg any more is the owner's to decide.  A
 * FUA write is the leg's own FUA, or a write followed by a pass through the
 * gate (rule S7).
 *
 * A leg that cannot zero, trim or cache has not failed: it is emulated.
 *
 * Thread-safe, except open, quiesce, start, reconnect, look and close, which
 * belong to one thread at a time and must not be called from done or on_lost.
 * done and
 * on_lost may run inside leg_submit: do not hold a lock that they take.
 * on_lost must not wait for anything: requests of the leg may be answered
 * only after it has returned.
 *
 * Open and start report their own errors.  Failed requests and losses are
 * kept in last_error and otherwise only shown as debug messages: what they
 * mean for the mirror, and one message about it, is the owner's part.
 */

#ifndef NBDMIRROR_LEG_H
#define NBDMIRROR_LEG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "leg-calls.h"
#include "leg-kind.h"
#include "leg-latency.h"

#define LEG_ID_SIZE 16
#define LEG_ERROR_SIZE 256 /* of a text that says what went wrong */

enum leg_op {
  LEG_READ,
  LEG_WRITE,
  LEG_ZERO, /* the range reads as zeroes afterwards */
  LEG_FLUSH,
  LEG_CACHE,  /* advice: the range will be read */
  LEG_STATUS, /* private: see leg_extents */
  LEG_CALL,   /* private: see leg_aside */
};

#define LEG_FUA 1u       /* WRITE, ZERO: durable before done */
#define LEG_MAY_TRIM 2u  /* ZERO: holes may be punched */
#define LEG_UNCOUNTED 4u /* not in the counters of what was sent */

/* One request.  The caller owns it and its buffer until done is called;
 * after that the leg does not touch either.
 */
struct leg_io {
  /* Set by the caller. */
  enum leg_op op;
  unsigned flags;
  void *buf; /* READ: filled; WRITE: not changed */
  uint64_t offset, count;
  void (*done) (struct leg_io *io);
  void *opaque;

  /* Valid in done: 0 or an errno. */
  int error;
  bool unsent; /* it, or some of it, as may_write said no */

  /* Private to the leg. */
  struct leg *leg;
  struct leg_io *next, *prev;
  void *medium;      /* of the subtype */
  int64_t cookie;    /* of libnbd */
  uint64_t start_ns; /* when the medium was asked */
  uint64_t sent_ns;  /* the same, by the clock of its connection */
  void (*answered) (struct leg_io *io, int err, uint64_t now);
};

struct leg_extent {
  uint64_t length;
  bool hole; /* not allocated; says nothing about the content */
  bool zero; /* reads as zeroes */
};

/* What leg_extents_sampled does beyond leg_extents. */
struct leg_sampling {
  unsigned places; /* to read, spread over all that is called zero */
  uint64_t wanted; /* bytes: as long as they are fewer, and zeroes at the end,
                    * the medium is asked further, some dozens of times; runs
                    * that it cut are put together */
};

struct leg_counters {
  atomic_uint_fast64_t reads, writes, read_bytes, write_bytes, flushes;
  atomic_uint_fast64_t read_errors, write_errors, flush_errors;
};

struct leg_options {
  unsigned connections; /* NBD: how many, where the server allows it */
  /* NBD: how long connecting may take, and a server that owes answers may be
   * silent; while it owes the answer to a flush, 0 = the same; and a request may
   * take, 0 = any time.  See nbd-pace.h.
   */
  atomic_uint_fast64_t timeout_ns, flush_timeout_ns, fail_after_ns;
  /* NBD, may be NULL: the URI names this directory of certificates, which are
   * read now, for a connection.  Called without locks, from any thread.
   */
  void (*on_certificates) (const char *dir);
  /* Local: what hangs in the kernel is left behind when the leg is lost
   * (aside.h).  Each request costs a copy and a change of thread.
   */
  bool leave_behind;
};

struct leg_ops;

struct leg {
  const struct leg_ops *ops;

  /* Read-only once leg_new returns. */
  char *name; /* as the user typed it (a path: made absolute) */
  enum leg_kind kind;
  struct leg_options options;
  void (*on_lost) (struct leg *leg); /* may be NULL; called without locks,
                                      * from any thread */
  /* May be NULL: asked immediately before a WRITE or ZERO, or a piece of
   * one, goes to the medium; called as on_lost is.
   */
  bool (*may_write) (struct leg *leg);
  /* May be NULL: called as on_lost is, when the leg is distrusted. */
  void (*on_distrust) (struct leg *leg);
  void *opaque; /* of the owner, for all of them */

  /* Set by the owner while nobody uses the leg: what leg_report is told is
   * not reported, the owner looks at last_error.
   */
  bool quiet;

  /* Read-only once leg_open returns, but that the owner may note that the medium
   * is larger now (leg_measure).
   */
  atomic_uint_fast64_t size;

  /* Read-only once leg_open returns. */
  uint32_t min_block; /* power of two; requests must be aligned to it */
  /* Longer requests are split; multiples of min_block.  Of those without data
   * (ZERO, CACHE), 0 = the same.
   */
  uint32_t max_request, max_bare;
  uint8_t id[LEG_ID_SIZE]; /* identity: a hint.  File:
                            * inode and birth time, which unlike device
                            * numbers survive a reboot; block: leg-id.h;
                            * NBD: nbd-identity.h */
  bool rotational;
  bool can_fua; /* has a FUA of its own */

  atomic_bool fast_zero; /* ZERO is cheaper than a WRITE of zeroes */
  atomic_bool fast_trim; /* the same for ZERO with LEG_MAY_TRIM */
  atomic_bool lost;
  atomic_bool distrusted;       /* its block status lied; until leg_open */
  atomic_bool cancelled;        /* private: leg_cancel was called */
  atomic_bool no_zero, no_trim; /* private: the medium can't do ZERO, ZERO
                                 * with LEG_MAY_TRIM */
  atomic_int refusal;     /* private: errno of new requests, 0 = serving */
  atomic_int flush_error; /* of the flush that failed; 0 = none.  Set by the
                           * leg only */
  struct leg_counters counters;
  struct leg_calls calls;     /* of a local leg */
  struct leg_latency latency; /* of what succeeded, for each 64 KiB of it */
  atomic_uint_fast64_t in_flight;       /* requests */
  atomic_uint_fast64_t read_latency_ns; /* moving average, 4 KiB equivalent */
  atomic_uint_fast64_t next_offset;     /* end of the last read */

  pthread_mutex_t lock;
  char last_error[LEG_ERROR_SIZE]; /* protected by lock; "" = none */
  time_t last_error_time;          /* the same */
  /* Protected by lock: the flush gate. */
  bool flush_running;
  struct leg_io *flush_batch;   /* served by the flush that runs */
  struct leg_io *flush_waiters; /* served by the one after it */
  struct leg_io flush_io;       /* the one flush; no lock while it runs */
};

/* What leg_open may do. */
#define LEG_READ_ONLY 1u /* take no ownership, write nothing (plan=1) */

/* A leg named by a path or an NBD URI, not opened yet.  The kind of a path
 * is known after leg_open.  NULL with the error reported.
 */
struct leg *leg_new (const char *name, const struct leg_options *options);

/* Open or connect, take ownership (rule S19; a running owner's pid is in the
 * message; of an NBD leg nbd-lock.h says what it covers), learn size, limits and identity.  After
 * this the leg serves requests.  -1 with the error reported and errno set:
 * EBUSY if it has another owner, ECANCELED after leg_cancel, else what open
 * or connect said.  Blocks.
 */
int leg_open (struct leg *leg, unsigned flags);

/* Stop all threads and connections but keep what owns the leg, so that the
 * process may fork.  No request may be under way.  leg_start undoes it;
 * -1 with the error reported if the leg can't be reached any more or has
 * another size now.  Both block.
 */
void leg_quiesce (struct leg *leg);
int leg_start (struct leg *leg);

/* What has become of the file behind an open leg. */
enum leg_place {
  LEG_IN_PLACE, /* or nothing is known to the contrary */
  LEG_ASTRAY,   /* whole, but not where its name leads (file-name.h) */
  LEG_GONE,     /* nothing, or another file, is under its name */
  LEG_CUT,      /* it is shorter than it was */
};

struct leg_sight {
  enum leg_place place;
  uint64_t end;             /* LEG_CUT: its size now */
  char why[LEG_ERROR_SIZE]; /* but for LEG_IN_PLACE */
};

/* Look at the file of a leg, by its name as well.  Only a regular file is ever
 * not in its place: a block device keeps its content without a name.  To be
 * called about once a second; blocks as stat does.  As for close, by one
 * thread at a time.
 */
void leg_look (struct leg *leg, struct leg_sight *sight);

/* How large the medium of an open leg is now: a file or device may have become
 * longer, an NBD server does not tell before it is connected anew.  -1 with errno.
 * Blocks as stat does.
 */
int leg_measure (struct leg *leg, uint64_t *size);

/* It is lost.  For who was refused by it, and may hear of the loss before
 * on_lost: waits until that is known.  Takes the leg's own lock.
 */
bool leg_is_lost (struct leg *leg);

/* Connect a leg that is open anew, whatever became of the connections; it is
 * not lost any more, and stays owned also if it can't be reached: -1 with the
 * error reported and errno set.  What it acknowledged earlier may be gone, so
 * its size, and that it is the same, is for the owner to check.  Blocks.
 */
int leg_reconnect (struct leg *leg);

/* Fail everything under way, stop, release.  The struct stays. */
void leg_close (struct leg *leg);

/* leg_close and free.  NULL is allowed. */
void leg_free (struct leg *leg);

/* Start a request.  One that does not lie within size or is not aligned to
 * min_block is answered with EINVAL; the medium is not asked, and it is no
 * error of the leg.  Never blocks on the network; a local leg may do the
 * I/O in the caller when it has lately been faster than waking a thread.
 */
void leg_submit (struct leg *leg, struct leg_io *io);

/* Submit and wait.  0, or -1 with errno. */
int leg_run (struct leg *leg, enum leg_op op, unsigned flags, void *buf,
             uint64_t offset, uint64_t count);

/* Block status from offset on, for at most count bytes: up to *nr extents,
 * in order, without gaps, clipped to the range; they may cover less than
 * the range but at least one byte.  A leg without block status, or that is
 * distrusted, is one extent of data.  0, or -1 with errno; as for leg_submit,
 * EINVAL for a bad range is no error of the leg.  Blocks.
 *
 * Both ends of each extent that is called zero were read, and are zero; see
 * struct leg_sampling for more of that.  What can't be read, or changes too fast, is called data.  Where the medium
 * calls zeroes what is not, also after a flush of the leg, which this sends
 * then, the leg is distrusted.
 */
int leg_extents (struct leg *leg, uint64_t offset, uint64_t count,
                 struct leg_extent *extents, size_t *nr);
int leg_extents_sampled (struct leg *leg, uint64_t offset, uint64_t count,
                         struct leg_extent *extents, size_t *nr,
                         const struct leg_sampling *how);

/* A range within one that leg_extents called zero some time ago: read both of
 * its ends.  True if they are still zero, and the leg is not distrusted.  Asks
 * the medium, as above, only if they are not.  Blocks.
 */
bool leg_reads_zero (struct leg *leg, uint64_t offset, uint64_t count);

/* The leg's block status was caught lying about offset: it is not used any
 * more until leg_open.  Said in one message and last_error; on_distrust is
 * called.
 */
void leg_distrust_extents (struct leg *leg, uint64_t offset);

/* Flush a leg that was opened just now.  Until then block status may call a
 * hole what was written to it earlier and is in its cache (nbdkit's cache
 * filter does that).  -1 with the error reported.  Blocks.
 */
int leg_settle (struct leg *leg);

/* A call of the kernel that may hang as the leg does, on a file beside it for
 * example: run (arg), which returns 0, or -1 with errno.  Where
 * options.leave_behind is set it is left behind as requests are; then, and for
 * a leg that is lost, -1 with errno.  So arg, of up to LEG_ASIDE_MAX bytes, is
 * a copy while it runs, and copied back at its end; what it points to must
 * live until leg_close has returned.  Blocks.
 */
#define LEG_ASIDE_MAX (1u << 20)
int leg_aside (struct leg *leg, int (*run) (void *arg), void *arg,
               size_t size);

/* The leg can't be relied on any more: fail everything, call on_lost. */
void leg_lose (struct leg *leg, int err, const char *why);

/* Report an error of the leg: message and last_error ("subject: " is the
 * leg's name).  Keeps errno.
 */
void leg_report (struct leg *leg, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* The leg is not wanted any more: leg_open, also one that runs in another
 * thread, and all requests fail soon, for ever.  Does not block.
 */
void leg_cancel (struct leg *leg);

/* Copy the last error ("" if there was none).  Returns when it was, in seconds
 * since 1970, or 0.
 */
uint64_t leg_last_error (struct leg *leg, char *buf, size_t size);

/* The identity is, or was by the rules of an earlier version, that of this
 * leg, which has been opened.
 */
bool leg_has_id (const struct leg *leg, uint32_t kind,
                 const uint8_t id[LEG_ID_SIZE]);

#endif /* NBDMIRROR_LEG_H */
