/* SPDX-License-Identifier: BSD-3-Clause */

/* What a client's request waits for, beside its own I/O: the lease of the log
 * before and after it (S19), and before its answer the record of every leg
 * that has failed (S4).
 */

#ifndef NBDMIRROR_ACKNOWLEDGE_H
#define NBDMIRROR_ACKNOWLEDGE_H

#include <stdint.h>

struct mirror;

/* Of all waiting for the log that a request does which came in at arrival.
 * Time spent in the queue for the range counts, or overlapping requests would
 * add up; but whoever comes to the front late still gets a try, unless the log
 * has been bad for as long.
 */
uint64_t log_deadline (const struct mirror *m, uint64_t arrival);

/* dirty_log_flush, and note whether the log is bad.  No lock is held. */
int log_flush (struct mirror *m, uint64_t deadline);

/* A client's range is made of whole blocks of every leg: 0, or -1 with errno
 * EINVAL.  Who does not look sends a leg what it must refuse, and that would
 * count as the leg's error.
 */
int request_check (const struct mirror *m, uint64_t offset, uint64_t count);

/* A client's request comes in, and waits while the mirror is suspended
 * (suspend.h) or holds (hold.h), and for the lease of the log (S19) until log_deadline.  0: leave it later; or -1 with errno ESHUTDOWN, EIO.  m->lock
 * is held, and given up while waiting.
 */
int request_enter_locked (struct mirror *m, uint64_t arrival);
void request_leave_locked (struct mirror *m);

/* Wait for the lease until the deadline, or until there is no hope.  0, or -1
 * with errno EIO.  No lock is held.
 */
int lease_wait (struct mirror *m, uint64_t deadline);

/* The lease, which an answer with data needs, too.  Waits for it until
 * log_deadline; 0, or -1 with errno EIO.  m->lock is held, and given up while
 * waiting.
 */
int lease_needed_locked (struct mirror *m, uint64_t arrival);

/* One try to make the failures known so far durable.  m->lock is held, and
 * given up meanwhile.
 */
void record_failures_locked (struct mirror *m, uint64_t deadline);

/* What an acknowledgement needs: all failures durably recorded (S4), and the
 * lease (S19).  Waits for them until log_deadline; 0, or -1.  m->lock is
 * held, and given up while waiting.
 */
int acknowledge_locked (struct mirror *m, uint64_t arrival);

#endif /* NBDMIRROR_ACKNOWLEDGE_H */
