/* SPDX-License-Identifier: BSD-3-Clause */

/* The heartbeat on each leg that has a record: it tells other mirrors, on this
 * host and elsewhere, that the leg is in use, and by whom.  Each leg has a thread
 * of its own, so that one that hangs does not silence the others.
 *
 * Before each beat the one on the leg is read.  If it is another mirror's, both
 * write to the leg: this one stops writing there, for good (sanlock and ext4's
 * multi-mount protection do so, too).  What was written since the last look was
 * in vain; a host that sleeps can't look.
 */

#ifndef NBDMIRROR_BEAT_H
#define NBDMIRROR_BEAT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"
#include "record-format.h"

struct member;
struct mirror;

/* Of one member. */
struct beat {
  pthread_t thread;
  bool started;                 /* only used by start and stop */
  bool exited;                  /* protected by m->lock */
  atomic_bool claimed;          /* our beat is on the leg since it is in use */
  atomic_uint_fast64_t written; /* the last of our beats on it; 0: none */

  /* Only used by the leg's rejoiner: what it saw on the leg last. */
  struct leg_beat seen;
  uint64_t seen_since;
};

struct beats {
  /* Read-only once started. */
  uint8_t session[RECORD_ID_SIZE]; /* of this run of the mirror */
  uint64_t began_ns;
  pthread_cond_t wake; /* with m->lock: the end */
  struct beat of[LOG_MAX_LEGS];
};

void beats_init (struct mirror *m);
void beats_free (struct mirror *m);

/* The first beats, and the threads.  -1 with the error reported.  Blocks. */
int beats_start (struct mirror *m);

/* End the threads: false if one hangs in its leg at the deadline. */
bool beats_stop (struct mirror *m, uint64_t deadline);

/* The same for one leg, which comes or goes while the mirror runs
 * (member->leaves).
 */
int beat_thread_start (struct member *member);
bool beat_thread_stop (struct member *member, uint64_t deadline);

/* At the end, when nobody writes any more: the legs are not in use.  Blocks. */
void beats_close (struct mirror *m);

/* A leg that is out was opened anew.  False with the reason reported: another
 * mirror uses it, or may, which takes two beats to find out.  Blocks.
 */
bool beat_lets_in (struct member *member);

/* A leg that is in use, and was away, is connected again.  False with the reason
 * reported: somebody else has used it meanwhile.  Blocks.
 */
bool beat_is_ours (struct member *member);

/* It was let in: from now on the beat on it is this mirror's, also if its server
 * loses what was not flushed.  Blocks.
 */
void beat_claim (struct member *member);

/* A leg that is out, and still open, is not in use any more.  Blocks. */
void beat_end (struct member *member);

#endif /* NBDMIRROR_BEAT_H */
