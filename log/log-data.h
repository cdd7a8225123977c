/* SPDX-License-Identifier: BSD-3-Clause */

/* What a log holds, and what is known about it. */

#ifndef NBDMIRROR_LOG_DATA_H
#define NBDMIRROR_LOG_DATA_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_MAX_LEGS 8
#define LOG_MIN_REGION_SIZE (UINT32_C (64) << 10)
#define LOG_MAX_REGION_SIZE (UINT32_C (64) << 20)
#define LOG_MAX_REGIONS (UINT64_C (64) << 20)
#define LOG_ID_SIZE 16
#define LOG_HOST_SIZE 64
#define LOG_NAME_SIZE 4072 /* with the final NUL */
#define LOG_NR_RECENT 16
#define LOG_MAX_MIN_BLOCK (UINT32_C (64) << 10)

enum log_leg_state {
  LOG_LEG_NONE = 0, /* the slot is not used */
  LOG_LEG_IN_SYNC = 1,
  LOG_LEG_STALE = 2,
};

/* The record of one leg. */
struct log_leg {
  enum log_leg_state state;
  uint32_t kind;           /* enum leg_kind */
  uint8_t id[LOG_ID_SIZE]; /* identity, a hint; opaque here */
  uint64_t generation;     /* of the log when it was last in-sync */
  uint64_t size;           /* bytes, when last seen */
  bool parked;             /* an operator has taken it out of use */
  uint8_t replaces; /* 1 + slot of the leg that goes when it is in-sync; 0 */
  char name[LOG_NAME_SIZE]; /* as the user typed it; "" = never named */
};

struct log_geometry {
  uint64_t size;        /* of the mirror, bytes */
  uint32_t region_size; /* bytes, power of two */
  uint64_t nr_regions;  /* ceil (size / region_size) */
};

/* The regions whose marks were cleared last, each once, the last one first:
 * where the legs were made equal last, and so where one that has gone back in
 * time shows.  Regions that some leg misses do not displace the first few
 * that none did: those tell of that leg when it is back.  Only a hint where
 * to look; a log may forget it.
 */
#define LOG_NR_RECENT_EQUAL 8
struct log_recent {
  unsigned nr;
  uint64_t region[LOG_NR_RECENT];
};

/* What dirty_log_open found. */
enum log_found {
  LOG_FOUND_NEW,          /* nothing yet: no file, an empty or all-zero one,
                           * a creation that did not finish, or log=core */
  LOG_FOUND_OURS,         /* our records are valid and the newest */
  LOG_FOUND_KERNEL,       /* a dm-log that was never ours: geometry has only
                           * nr_regions, there are no leg records; "marked"
                           * holds the regions the kernel says are dirty */
  LOG_FOUND_KERNEL_SINCE, /* ours, but dm-mirror used it since: as OURS, and
                           * kernel_dirty says which regions it left dirty */
  LOG_FOUND_DAMAGED,      /* ours, but no valid record is left; generation
                           * is a number of this very damage */
};

struct log_counters {
  uint64_t marks, clears, flushes, flush_errors;
  uint64_t cycles, served; /* group commit: writes, callers they served */
};

#define LOG_USER_SIZE 128 /* of a text that says who owns a log */

/* What a log is, and as what it was found. */
struct log_info {
  const char *name; /* as the user typed it, without the type: "" for core,
                     * the path for disk, SERVERS/NAME for userspace */
  enum log_found found;
  bool moved;   /* found new, but was the log of the mirror uuid until that was
               * moved */
  bool unclean; /* found: it was not shut down cleanly */
  bool shared_map;         /* found or created: the device is too small for
                            * our area: marks and missed maps survive only as
                            * the kernel's bitmap, names not at all */
  uint8_t uuid[16];        /* of the mirror */
  struct log_geometry geo; /* 0 as far as it is not known */
  bool leased;             /* it is on a server: whoever had it before has no
                            * lease any more */
  uint64_t owner_pid;      /* found: last owner, 0 = unknown */
  char owner_host[LOG_HOST_SIZE];

  /* LOG_READ_ONLY: who owns it now ("in use by ..."), or "" if nobody does or
   * it can't be told.  Only a log on this host tells.
   */
  char in_use[LOG_USER_SIZE];
};

/* All that a log knows beside its maps. */
struct log_record {
  uint64_t generation;
  unsigned primary;   /* slot */
  uint32_t min_block; /* bytes, a power of two, at most LOG_MAX_MIN_BLOCK: the
                       * smallest block that clients were told; 0: not known */
  struct log_leg leg[LOG_MAX_LEGS];
};

/* The maps of a log: the marks, and what the leg in slot s missed. */
#define LOG_MAP_MARKED 0
#define LOG_MAP_MISSED(s) (1 + (s))
#define LOG_NR_MAPS (1 + LOG_MAX_LEGS)

/* Two more that can be asked for: what the kernel left dirty (empty but for
 * LOG_FOUND_KERNEL_SINCE), and what any leg misses.
 */
#define LOG_MAP_KERNEL_DIRTY LOG_NR_MAPS
#define LOG_MAP_OUT_OF_SYNC (LOG_NR_MAPS + 1)

/* Of a log on a server: one that it may be on. */
#define LOG_MAX_SERVERS 9
struct log_server_status {
  char name[272];    /* "HOST:PORT", or a path */
  const char *state; /* "connected", "answers", "away", "not-asked" */
};

/* What dirty_log_status tells.  The leg names are not copied: they change at
 * start-up only.
 */
struct log_status {
  const char *type; /* "core", "disk", "userspace", "userspace-core" */
  bool failed;      /* the last flush failed, or: */
  bool misplaced;   /* a start would not find it: what it says ends with us */
  bool disconnected;
  bool lost;                /* its owner can't use it any more */
  char last_error[256];     /* "" if there was none */
  uint64_t last_error_time; /* seconds since 1970, 0 = never */
  unsigned nr_servers;      /* 0: not on a server */
  struct log_server_status server[LOG_MAX_SERVERS];
  struct log_counters counters;
  uint64_t flush_number;
  uint64_t generation;
  unsigned primary;
  uint64_t marked;      /* regions */
  uint64_t out_of_sync; /* regions that some leg misses */
  uint64_t missed[LOG_MAX_LEGS];
  enum log_leg_state leg_state[LOG_MAX_LEGS];
};

#endif /* NBDMIRROR_LOG_DATA_H */
