/* SPDX-License-Identifier: BSD-3-Clause */

/* Who owns a log: a state machine without I/O and without a clock of its
 * own.  Times are nanoseconds of one clock that goes on while the system is
 * suspended (CLOCK_BOOTTIME).
 *
 *   free --grant--> held --tick at the end--> over --grant--> held
 *     ^               |  ^                     |  |
 *     +---release-----+  +------renew----------+  |
 *     +---release, fence--------------------------+
 *
 * Rules:
 *
 *   (1) Each session that gets the log has a new epoch, one larger.  What
 *       carries another epoch is refused.
 *   (2) Nobody but the holder gets the log before the lease is over, and it
 *       is only over when a tick says so: the holder's frames that came
 *       before the tick count.
 *   (3) A lease that is over is still the holder's until somebody else gets
 *       the log: the holder may renew it.
 *   (4) Time in which the server did not run does not count.
 *   (5) The length is that of the epoch: with a shorter one the holder, who
 *       may not hear of it, would believe in the longer one.
 *
 * A lease that ends later here than on the holder's side is always safe.
 */

#ifndef NBDMIRROR_LEASE_H
#define NBDMIRROR_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto.h"

#define LEASE_ADDRESS_SIZE 160

struct lease_holder {
  uint8_t session[PROTO_ID_SIZE];
  char host[PROTO_MAX_HOST + 1];
  uint32_t pid;
  char address[LEASE_ADDRESS_SIZE];
};

/* What must survive a restart of the server. */
struct lease_record {
  uint64_t epoch; /* of the last session that got the log, 0 = none ever */
  bool held;
  struct lease_holder holder; /* also if not held: the last one */
  uint64_t length;            /* ns */
};

struct lease {
  struct lease_record record;
  uint64_t until; /* held: when it ends */
  bool over;      /* held: it has ended */
};

enum lease_answer {
  LEASE_GRANT, /* a new epoch */
  LEASE_AGAIN, /* the same one */
  LEASE_WAIT,
  LEASE_STALE, /* another session had the log meanwhile */
  LEASE_OTHER, /* the session never had this log */
};

/* What the lease says to a session that wants the log; again: the epoch
 * that it believes to have, or 0.
 */
enum lease_answer lease_ask (const struct lease *l,
                             const uint8_t session[PROTO_ID_SIZE],
                             uint64_t again);

/* The record that has to be durable before the session is told. */
struct lease_record lease_granted (const struct lease *l,
                                   const struct lease_holder *holder,
                                   uint64_t length);
struct lease_record lease_released (const struct lease *l);

/* Released, and the last holder's epoch is over. */
struct lease_record lease_fenced (const struct lease *l);

/* The record is durable: it is what counts from now on. */
void lease_set (struct lease *l, const struct lease_record *record,
                uint64_t now);

/* After a restart: the holder has a full lease from the start on. */
void lease_restore (struct lease *l, const struct lease_record *record,
                    uint64_t started);

/* The holder asked for more. */
void lease_renew (struct lease *l, uint64_t now);

/* Returns true if the lease is over. */
bool lease_tick (struct lease *l, uint64_t now);

/* The server did not run for so long until now. */
void lease_absent (struct lease *l, uint64_t ns, uint64_t now);

/* ns until it ends. */
uint64_t lease_left (const struct lease *l, uint64_t now);

#endif /* NBDMIRROR_LEASE_H */
