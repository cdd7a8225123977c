/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg in memory that does what a test tells it to.
 *
 * It has a volatile cache: what is written can be read at once, but only
 * what a FLUSH covered (written before the FLUSH began), or a FUA write
 * where the test set leg->can_fua, survives mem_leg_crash.
 *
 * Between mem_leg_new and leg_open a test may change size, min_block,
 * max_request, can_fua, fast_zero, fast_trim and id.  The content stays
 * over leg_close and leg_open.
 *
 * All functions are thread-safe, except crash: close the leg before it.
 */

#ifndef NBDMIRROR_MEM_LEG_H
#define NBDMIRROR_MEM_LEG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leg.h"

/* For mem_leg_fail and so on: for ever. */
#define MEM_LEG_ALWAYS UINT_MAX

/* What the leg was asked, in order.  seq counts over all legs. */
struct mem_leg_record {
  uint64_t seq;
  enum leg_op op;
  unsigned flags;
  uint64_t offset, count;
};

/* As leg_new.  Aborts when memory is short.  Free with leg_free. */
struct leg *mem_leg_new (const char *name, uint64_t size);

/* What leg_open and leg_start answer from now on: 0 or an errno. */
void mem_leg_fail_open (struct leg *leg, int err);

/* leg_open does not return before hold is false, or the leg is cancelled. */
void mem_leg_hold_open (struct leg *leg, bool hold);

/* Number of calls of leg_open so far; when the nth (1 = the first) came. */
size_t mem_leg_nr_opens (struct leg *leg);
uint64_t mem_leg_open_time (struct leg *leg, size_t nth);

/* What the next leg_open finds: another disk, if size is not larger. */
void mem_leg_replace (struct leg *leg, uint64_t size, uint32_t min_block,
                      const char *id);

/* The next leg_open finds what a power failure would leave on that one, which is
 * closed then, and has that size.
 */
void mem_leg_same_disk (struct leg *leg, struct leg *disk);

/* Each leg_open is the end of a power failure, as mem_leg_crash. */
void mem_leg_crash_at_open (struct leg *leg, unsigned seed);

/* Block status is that of the medium: it does not know of what was written and
 * not flushed.
 */
void mem_leg_status_of_medium (struct leg *leg);

/* Block status calls these blocks of 4 KiB zeroes, whatever they hold. */
void mem_leg_lie (struct leg *leg, uint64_t offset, uint64_t count);

/* Number of times that block status was asked for. */
unsigned mem_leg_nr_queries (struct leg *leg);

/* Bytes of the blocks of 4 KiB that were written and not made a hole since, as
 * in a file system.  (Block status is about what they hold.)
 */
uint64_t mem_leg_allocated (struct leg *leg);

/* A place that cannot be read, EIO; the last one told, count 0: none. */
void mem_leg_bad (struct leg *leg, uint64_t offset, uint64_t count);

/* The medium changes by itself: a late write, a stranger's work. */
void mem_leg_change (struct leg *leg, uint64_t offset, uint64_t count,
                     int byte);

/* Rules.  They apply to the nth call of op from now on (1 = the next) and
 * the times - 1 after it.  The first rule that applies is obeyed; at most 16
 * at a time.
 *
 * fail:  answered with err, nothing is changed.
 * hold:  not done and not answered until mem_leg_release (a FLUSH covers
 *        what was written when it came).
 * delay: not done and not answered before ns have passed, by a thread.
 */
void mem_leg_fail (struct leg *leg, enum leg_op op, unsigned nth,
                   unsigned times, int err);
void mem_leg_hold (struct leg *leg, enum leg_op op, unsigned nth,
                   unsigned times);
void mem_leg_delay (struct leg *leg, enum leg_op op, unsigned nth,
                    unsigned times, uint64_t ns);
void mem_leg_forget_rules (struct leg *leg);

/* Number of requests that are held; wait until it is at least nr (true) or
 * 10 seconds have passed.
 */
size_t mem_leg_nr_held (struct leg *leg);
bool mem_leg_wait_held (struct leg *leg, size_t nr);

/* Do and answer the nr oldest of the held requests, in order, in the
 * caller; err != 0: answer them with err, not done.
 */
void mem_leg_release (struct leg *leg, size_t nr, int err);

/* Power failure: what was not flushed is gone (seed 0), or block by block
 * gone or kept, as the seed decides.
 */
void mem_leg_crash (struct leg *leg, unsigned seed);

/* Copy what a power failure now would leave (seed 0), while the leg runs. */
void mem_leg_read_stable (struct leg *leg, void *buf, uint64_t offset,
                          uint64_t count);

/* Copy what reads see, also of a leg that is lost, or closed after it was open. */
void mem_leg_peek (struct leg *leg, void *buf, uint64_t offset,
                   uint64_t count);

/* The content as reads see it, while nobody writes. */
uint8_t *mem_leg_data (struct leg *leg);

/* A copy of the records so far; the caller frees it. */
struct mem_leg_record *mem_leg_records (struct leg *leg, size_t *nr);

#endif /* NBDMIRROR_MEM_LEG_H */
