/* SPDX-License-Identifier: BSD-3-Clause */

/* A mirror of in-memory legs and an in-memory log that do what a test says.
 *
 * Whenever the log's image changes, the fixture looks at what a power
 * failure at this moment would leave: wherever the image vouches for a leg,
 * the leg must hold, on the medium, what the source holds on the medium.
 * fx_free fails the test if that was ever not so.
 */

#ifndef NBDMIRROR_MIRROR_FIXTURE_H
#define NBDMIRROR_MIRROR_FIXTURE_H

#include "mem-leg.h"
#include "mem-log.h"
#include "mirror-impl.h"
#include "unit-wait.h"

#define BLOCK 512u

struct fx {
  struct mirror *m;
  struct dirty_log *log;
  struct leg *leg[LOG_MAX_LEGS];
  unsigned nr_legs;
  bool started;
  atomic_bool too_trusting;
  struct mem_log_image kept; /* protected by kept_lock */
  pthread_mutex_t kept_lock;
};

/* Legs 0 ... nr_legs - 1; those in the mask resyncing miss everything, the
 * others are in-sync, the first of them is the primary.  All zeroes, all
 * clean.  Nothing runs: no worker, no copiers.
 */
struct fx *fx_new (unsigned nr_legs, uint64_t nr_regions,
                   unsigned region_shift, unsigned resyncing);

/* What fx_new makes its legs with: mem_leg_new, until the test says otherwise.
 * With others the log is not to be observed.
 */
extern struct leg *(*fx_make_leg) (const char *name, uint64_t size);

/* hold-timeout= of fx_new's mirror, 0 until the test says otherwise. */
extern unsigned fx_hold_timeout;

/* Before fx_start: legs are LEG_FILE unless told otherwise. */
void fx_set_kind (struct fx *fx, unsigned leg, enum leg_kind kind);

/* mirror_start: worker, copiers, and who brings legs back. */
void fx_start (struct fx *fx);

/* Stop, check, free. */
void fx_free (struct fx *fx);

/* Put a byte everywhere in [offset, offset + count) of a leg, durably, behind
 * the mirror's back.
 */
void fx_fill (struct fx *fx, unsigned leg, uint64_t offset, uint64_t count,
              int byte);

/* The byte of a leg at offset, as reads see it. */
int fx_byte (struct fx *fx, unsigned leg, uint64_t offset);

/* Both legs read the same everywhere. */
bool fx_same (struct fx *fx, unsigned leg1, unsigned leg2);

/* Number of requests of this kind that the leg was sent so far. */
unsigned fx_sent (struct fx *fx, unsigned leg, enum leg_op op);

/* The masks, read under the lock. */
unsigned fx_in_sync (struct fx *fx);
unsigned fx_resyncing (struct fx *fx);
unsigned fx_failed (struct fx *fx);

/* Number of requests that hold or wait for a range. */
unsigned fx_ranges (struct fx *fx);

bool fx_is_clean (struct fx *fx, uint64_t region);
bool fx_misses (struct fx *fx, unsigned leg, uint64_t region);

/* From now on the image is kept, not checked: mirror_stop frees it with the
 * log.  The last one is the caller's to free.
 */
void fx_keep_image (struct fx *fx);
struct mem_log_image *fx_kept_image (struct fx *fx);

/* This process is stopped for a little more than a second. */
void fx_stand_still (void);

/* What the image says. */
bool fx_image_marked (struct fx *fx, uint64_t region);
bool fx_image_missed (struct fx *fx, unsigned leg, uint64_t region);
enum log_leg_state fx_image_state (struct fx *fx, unsigned leg);

/* --- a client's request in a thread of its own --- */

enum op_kind {
  OP_WRITE,
  OP_WRITE_FUA,
  OP_ZERO,
  OP_TRIM,
  OP_READ,
  OP_FLUSH,
  OP_SWEEP, /* sweep (m, true) */
  OP_STOP,  /* mirror_stop */
};

struct op {
  struct fx *fx;
  enum op_kind kind;
  uint64_t offset, count;
  int byte; /* WRITE: of what; READ, at the end: the first */
  pthread_t thread;
  uint8_t *buf;
  /* At the end. */
  int result, error;
  atomic_bool ended;
};

void op_start (struct fx *fx, struct op *op, enum op_kind kind,
               uint64_t offset, uint64_t count, int byte);
bool op_ended (struct op *op);
void op_join (struct op *op);     /* whatever came of it */
void op_succeeds (struct op *op); /* join */
void op_fails (struct op *op, int error);

/* In the caller. */
void do_succeeds (struct fx *fx, enum op_kind kind, uint64_t offset,
                  uint64_t count, int byte);
void do_fails (struct fx *fx, enum op_kind kind, uint64_t offset,
               uint64_t count, int byte, int error);

#endif /* NBDMIRROR_MIRROR_FIXTURE_H */
