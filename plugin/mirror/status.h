/* SPDX-License-Identifier: BSD-3-Clause */

/* A snapshot of the mirror for people and programs.  status-json.c turns
 * it into the JSON of `nbdmirror status --json`, which
 * nbdmirror(1) describes.
 */

#ifndef NBDMIRROR_STATUS_H
#define NBDMIRROR_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#define STATUS_MAX_LEGS 16 /* named ones and recorded ones not named */

struct leg_status {
  unsigned index;
  char name[4096];
  const char *kind;  /* "file", "block", "nbd", "missing" */
  const char *state; /* "in-sync", "resyncing", "stale", "failed", "missing" */
  bool primary;
  uint64_t missed_regions;
  uint64_t reads, writes, read_bytes, write_bytes, flushes;
  uint64_t read_errors, write_errors, flush_errors;
  uint64_t read_repairs;
  char last_error[256];
  const char *record;       /* "file", "trailer", "none" */
  char uuid[37];            /* the leg's own; "" if it has no record */
  uint64_t last_error_time; /* seconds since 1970, 0: there was none */
  const char *returns;      /* verdict.h */
  bool write_mostly;
  int replaces; /* index of the leg that goes when it is in-sync; -1: none */
  unsigned no_answer; /* watch.h: seconds, 0: it answers */
  bool slow;          /* slow.h */
  uint64_t p99_us[3]; /* reads, writes, flushes; 0: too few lately */
};

/* A range that a scrub found. */
struct scrub_found {
  uint64_t offset, length;
  unsigned legs; /* mask of indexes: that were compared, or can't be read */

  /* By index: the lowest one that holds the same. */
  uint8_t same_as[STATUS_MAX_LEGS];
};

#define STATUS_MAX_SCRUB 1024

struct scrub_status {
  const char *state; /* "idle", "running", "repairing", "paused", "stopped",
                      * "done" */
  const char *waits; /* why it does not go on; "" */
  uint64_t begin, end, done_bytes, total_bytes, rate;
  uint64_t found_bytes, repaired_bytes;
  char kept_in[4096]; /* a file; "": in memory only */
  unsigned nr_differ, nr_unread;
  bool differ_cut, unread_cut; /* there is more */
  struct scrub_found differ[STATUS_MAX_SCRUB], unread[STATUS_MAX_SCRUB];
};

#define STATUS_MAX_SERVERS 9 /* as of a log */

/* One that the log may be on. */
struct log_server_view {
  char name[272];
  const char *state; /* "connected", "answers", "away", "not-asked" */
};

struct mirror_status {
  char uuid[37];
  uint64_t size, region_size, regions;
  uint64_t grows_to, grown; /* bytes: what it will have, and as far as that is
                             * zeroed; 0: it does not grow */
  uint32_t min_block;
  const char *state; /* "in-sync", "resyncing", "degraded", "held", "failed" */
  char reason[384];  /* "" if all is well */
  uint64_t dirty_regions, out_of_sync_regions, generation;

  unsigned nr_legs;
  struct leg_status leg[STATUS_MAX_LEGS];

  const char *log_type, *log_state; /* "ok", "failed", "disconnected" */
  char log_name[4096];
  bool log_lost; /* for ever */
  unsigned log_nr_servers;
  struct log_server_view log_server[STATUS_MAX_SERVERS];
  char log_last_error[256];
  bool log_misplaced;           /* "failed", as a start would not find it */
  uint64_t log_last_error_time; /* as a leg's */
  uint64_t log_marks, log_clears, log_flushes, log_flush_errors;

  const char *resync_state; /* "idle", "running", "paused" */
  uint64_t done_bytes, total_bytes, copied_bytes, skipped_bytes;
  uint64_t bytes_per_second;
  int64_t eta_seconds; /* -1 = unknown */
  uint64_t sweeps;     /* rounds of the worker, so that tests can wait */

  struct scrub_status scrub;

  /* Of resync and scrub together (rate.h). */
  const char *rate_why; /* "none": neither runs, "idle", "legs", "yielding",
                         * "floor", "limit" */
  uint64_t rate_now, rate_allowed;      /* bytes/s; allowed 0: no limit */
  uint64_t client_p99_us, alone_p99_us; /* 0: not known */

  const char *sums_state; /* "off", "on", "failed" */
  char sums_file[4096];
  bool sums_verify_reads;
  uint64_t sums_verified, sums_wrong, sums_repaired;

  double suspended_seconds; /* that are left; 0: it is not */
  const char *read_policy;
  uint64_t resync_rate, resync_min; /* bytes/s */
  unsigned leg_timeout, flush_timeout, leg_fail_after, log_timeout;
  unsigned quarantine, hold_timeout, local_timeout;
};

#endif /* NBDMIRROR_STATUS_H */
