/* SPDX-License-Identifier: BSD-3-Clause */

/* What a type of dirty log implements.  The truth in memory is the same for
 * all (truth.h); a type keeps a durable copy of it.
 */

#ifndef NBDMIRROR_LOG_BACKEND_H
#define NBDMIRROR_LOG_BACKEND_H

#include "dirty-log.h"

struct dirty_log_ops {
  /* A specification is "TYPE", or "TYPE:NAME" if the type wants a name. */
  const char *type;
  const char *name_is; /* what NAME is, for messages; NULL = no name */

  /* The whole of dirty_log_open, the specification taken apart. */
  struct dirty_log *(*open) (const char *name,
                             const struct log_options *options);

  /* geo, generation and maps were made anew, all empty; maps and geo became
   * longer.  0, or -1 with the error reported.
   */
  int (*create) (struct dirty_log *log);
  int (*grow) (struct dirty_log *log);

  int (*start) (struct dirty_log *log);
  void (*close) (struct dirty_log *log, uint64_t deadline);

  /* nr >= 1 bits of a map, or something in leg[], generation or primary
   * changed.  Called with log->lock held; must not block or fail.
   */
  void (*map_changed) (struct dirty_log *log, unsigned map, uint64_t first,
                       uint64_t nr, bool lowering);
  void (*record_changed) (struct dirty_log *log, bool lowering);

  /* dirty_log_flush, or dirty_log_commit. */
  int (*flush) (struct dirty_log *log, bool commit, uint64_t deadline);

  /* dirty_log_hurry; NULL if flush does not wait. */
  void (*hurry) (struct dirty_log *log, uint64_t deadline);

  /* dirty_log_wait_valid; NULL if there is no lease. */
  int (*wait_valid) (struct dirty_log *log, uint64_t deadline);
};

extern const struct dirty_log_ops core_log_ops;
extern const struct dirty_log_ops disk_log_ops;
extern const struct dirty_log_ops userspace_log_ops;
extern const struct dirty_log_ops userspace_core_log_ops;

#endif /* NBDMIRROR_LOG_BACKEND_H */
