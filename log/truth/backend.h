/* SPDX-License-Identifier: BSD-3-Clause */

/* A dirty log from inside, and what a type of log implements.  The truth in
 * memory is the same for all (truth.h); a type keeps a durable copy of it.
 */

#ifndef NBDMIRROR_LOG_BACKEND_H
#define NBDMIRROR_LOG_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "dirty-log.h"
#include "log-life.h"

struct dirty_log {
  const struct dirty_log_ops *ops;
  char *name; /* info.name */

  /* Read-only once dirty_log_open returned, but for create and grow. */
  struct log_info info;
  struct bitset kernel_dirty; /* nr = 0 but for LOG_FOUND_KERNEL_SINCE */

  /* Read-only once dirty_log_start returned.  May be NULL. */
  void (*on_release) (void *opaque);
  void *opaque;

  /* Protected by lock. */
  pthread_mutex_t lock;
  struct log_record record;
  struct bitset marked;
  struct bitset missed[LOG_MAX_LEGS]; /* nr = 0 until opened or created */
  struct bitset out_of_sync;          /* the union of all missed[] */
  struct bitset recovering;           /* handed out as resync work */
  struct log_recent recent;
  struct log_counters counters;
  uint64_t flush_number; /* dirty_log_flush_number */
  bool stay_unclean;     /* dirty_log_stay_unclean */
  bool failed;           /* the last flush or commit failed */
  bool misplaced;        /* a start would not find it */
  bool disconnected;     /* its server cannot be reached */
  bool lost;             /* for ever; disconnected, too */
  struct log_server_status server[LOG_MAX_SERVERS]; /* of a list */
  unsigned nr_servers;
  char last_error[256]; /* why, "" if never */
  time_t last_error_time;

  /* log-move.c.  Who was given this log uses that one, NULL: this; once it is set
   * nothing here changes any more.  Written with lock held.
   */
  struct dirty_log *_Atomic successor;
  bool gated;          /* nobody may begin to flush */
  bool over;           /* it is closed, and can be freed */
  unsigned inside;     /* calls that wait for the store */
  pthread_cond_t gate; /* one of these changed */

  /* CLOCK_BOOTTIME, ns: until when the owner may use the legs.  Only a log
   * with a lease ever changes it.
   */
  atomic_uint_fast64_t valid_until;
};

struct dirty_log_ops {
  /* A specification is "TYPE", or "TYPE:NAME" if the type wants a name. */
  const char *type;
  const char *name_is; /* what NAME is, for messages; NULL = no name */

  /* The whole of dirty_log_open, the specification taken apart. */
  struct dirty_log *(*open) (const char *name,
                             const struct log_options *options);

  /* Geometry, record and maps were made anew, all empty; maps and geometry
   * became longer, for which log->lock is held.  0, or -1 with the error
   * reported.
   */
  int (*create) (struct dirty_log *log);
  int (*grow) (struct dirty_log *log);

  /* dirty_log_reserve for so many regions; NULL if there is nothing to do. */
  int (*reserve) (struct dirty_log *log, uint64_t nr_regions, bool ask,
                  char *why, size_t size);

  int (*start) (struct dirty_log *log);

  /* dirty_log_close without freeing anything, false if a thread still needs what
   * there is; and that.
   */
  bool (*close) (struct dirty_log *log, uint64_t deadline);
  void (*free) (struct dirty_log *log);

  /* The log is another one from now on: what says so is written to the store, and
   * nothing later, also at the end.  0, or -1 with errno, EOPNOTSUPP if there is no
   * place for it.  NULL: there is no store.  Blocks.
   */
  int (*moved) (struct dirty_log *log, const char *spec);

  /* nr >= 1 bits of a map, or something in the record, changed.  Called with log->lock held; must not block or fail.
   */
  void (*map_changed) (struct dirty_log *log, unsigned map, uint64_t first,
                       uint64_t nr, bool lowering);
  void (*record_changed) (struct dirty_log *log, bool lowering);

  /* dirty_log_flush, or dirty_log_commit. */
  int (*flush) (struct dirty_log *log, bool commit, uint64_t deadline);

  /* dirty_log_look; NULL if there is nothing to look at. */
  void (*look) (struct dirty_log *log);

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
