/* SPDX-License-Identifier: BSD-3-Clause */

/* A dirty log whose store is a struct in memory, and that does what a test
 * tells it to.  The image is what a restart would find.
 */

#ifndef NBDMIRROR_MEM_LOG_H
#define NBDMIRROR_MEM_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"

#define MEM_LOG_MAX_REGIONS 512
#define MEM_LOG_NAME 32

struct mem_log_image {
  uint64_t nr_regions;
  uint64_t generation;
  bool unclean; /* at the end: dirty_log_stay_unclean was called */
  unsigned primary;
  enum log_leg_state state[LOG_MAX_LEGS];
  char name[LOG_MAX_LEGS][MEM_LOG_NAME]; /* as much of it as fits */
  bool marked[MEM_LOG_MAX_REGIONS];
  bool missed[LOG_MAX_LEGS][MEM_LOG_MAX_REGIONS];
};

/* A mask of calls. */
#define MEM_LOG_FLUSH 1u  /* dirty_log_flush */
#define MEM_LOG_COMMIT 2u /* dirty_log_commit, before anything is stored */
#define MEM_LOG_RAISE \
  4u /* dirty_log_commit, half done: what lowers trust
                           * is stored, what raises it is not */

/* A log found as ours, clean, generation 1: legs 0 ... nr_legs - 1 are
 * in-sync, the primary is 0.
 */
struct dirty_log *mem_log_new (uint64_t size, uint32_t region_size,
                               unsigned nr_legs);

/* As start-up finds it: after an unclean end; or after dm-mirror has used it
 * and left the region dirty.
 */
void mem_log_found_unclean (struct dirty_log *log);
void mem_log_found_kernel_since (struct dirty_log *log, uint64_t region);

/* The next times calls (UINT_MAX: all) of the mask fail with err. */
void mem_log_fail (struct dirty_log *log, unsigned calls, unsigned times,
                   int err);

/* One in n calls fails at random, n = 0: none. */
void mem_log_fail_randomly (struct dirty_log *log, unsigned n);

/* From now on calls of the mask stop there, until they are released (or
 * their deadline passes); 0 releases all.
 */
void mem_log_hold (struct dirty_log *log, unsigned calls);

/* Let the next n calls of the mask pass the hold. */
void mem_log_release (struct dirty_log *log, unsigned n);

/* Wait until nr calls have begun and not ended (one of them has taken its
 * copy of the memory, the others wait for it); false after 10 seconds.
 */
bool mem_log_wait_inside (struct dirty_log *log, unsigned nr);

void mem_log_get_image (struct dirty_log *log, struct mem_log_image *image);

/* The lease: it runs on, is over, or is lost for ever. */
enum mem_log_lease {
  MEM_LOG_VALID,
  MEM_LOG_EXPIRED,
  MEM_LOG_LOST,
};

void mem_log_set_lease (struct dirty_log *log, enum mem_log_lease lease);

/* Number of times that somebody had to wait for it. */
unsigned mem_log_lease_waits (struct dirty_log *log);

/* Call fn after each change of the image, without locks. */
void mem_log_observe (struct dirty_log *log,
                      void (*fn) (const struct mem_log_image *image,
                                  void *opaque),
                      void *opaque);

#endif /* NBDMIRROR_MEM_LOG_H */
