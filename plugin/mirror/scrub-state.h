/* SPDX-License-Identifier: BSD-3-Clause */

/* The state of a scrub (S17).
 *
 *   scrub.c          its thread
 *   scrub-next.c     what is next
 *   scrub-step.c     a step: what came of it, and how fast
 *   scrub-compare.c  a chunk: do the legs hold the same?
 *   scrub-repair.c   a range where they do not is made equal
 *   scrub-look.c     what the legs hold
 *   scrub-restart.c  what a restart goes on with: when it is read and written
 *   scrub-keep.c     and how
 *   scrub-list.c     what was found
 */

#ifndef NBDMIRROR_SCRUB_STATE_H
#define NBDMIRROR_SCRUB_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "scrub-list.h"

enum scrub_phase {
  SCRUB_IDLE,    /* there never was one */
  SCRUB_RUNNING, /* or it waits until it can */
  SCRUB_PAUSED,
  SCRUB_STOPPED, /* by an operator, before the end */
  SCRUB_DONE,
};

#define SCRUB_NO_LEG 255 /* of repair_from */

/* What a restart goes on with. */
struct scrub_kept {
  enum scrub_phase phase;
  bool repair;          /* at once, what is found */
  unsigned repair_from; /* slot that is right, or SCRUB_NO_LEG: the majority */
  uint64_t begin, end;  /* bytes; whole blocks of all legs */
  uint64_t position;    /* compared so far */
  uint64_t rate;        /* bytes/s; 0: as copies */
  uint64_t found_bytes; /* that differed */
  uint64_t repaired_bytes;
  struct scrub_list differ, unread;
};

struct scrub {
  pthread_t thread; /* only used by start and stop */
  bool started;
  char *path; /* read-only once it started; NULL: kept in memory only */
  pthread_mutex_t keep_lock; /* held while that is written */
  pthread_cond_t wake;

  /* Protected by m->lock. */
  bool stop, exited;
  struct scrub_kept now;
  unsigned serial; /* of scrubs: grows when another begins */
  bool repairing;  /* what is in the list */
  unsigned repairing_from;
  uint64_t repair_cursor;        /* byte */
  const char *waits;             /* why it can't go on; NULL: it can */
  uint64_t sleep_until, next_ns; /* for the rate */
  bool changed;                  /* and not kept yet */
  bool keep_failed;
};

#endif /* NBDMIRROR_SCRUB_STATE_H */
