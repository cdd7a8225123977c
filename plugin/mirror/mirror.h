/* SPDX-License-Identifier: BSD-3-Clause */

/* One mirrored disk, as plugin.c and the control socket see it. */

#ifndef NBDMIRROR_MIRROR_H
#define NBDMIRROR_MIRROR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "leg.h"
#include "status.h"

#define MIRROR_MAX_LEGS 8

enum sync_policy {
  SYNC_DEFAULT,
  SYNC_FORCE,
  SYNC_NONE
};
enum read_policy {
  READ_AUTO,
  READ_FIRST,
  READ_ROUND_ROBIN
};

enum leg_records {
  RECORDS_AUTO,
  RECORDS_ON,
  RECORDS_OFF
};

/* The parameters, checked one by one and against each other.  Atomic ones can
 * change while the mirror runs (order-set.c).
 */
struct mirror_config {
  unsigned nr_legs;
  char *leg[MIRROR_MAX_LEGS]; /* absolute path, URI, or "missing" */
  char *log;                  /* "core", "disk:/PATH", "userspace:..." */
  char *log_tls_psk, *log_tls_certificates, *log_tls_username; /* or NULL */
  uint64_t region_size; /* bytes, 0 = not given */
  enum sync_policy sync;
  int source_leg; /* source=N@G: N, -1 = not given */
  uint64_t source_generation;
  uint64_t size;          /* bytes, 0 = not given */
  uint32_t minimum_block; /* bytes, a power of two, 0 = not given */
  unsigned connections;
  _Atomic enum read_policy read_policy;
  atomic_int write_mostly;                          /* leg number, -1 = none */
  atomic_uint_fast64_t resync_rate, resync_min;     /* bytes/s; rate 0 = no
                                                 * ceiling */
  atomic_uint leg_timeout, log_timeout, quarantine; /* seconds */
  unsigned drain;                                   /* seconds */
  atomic_uint flush_timeout, leg_fail_after;        /* seconds; 0 = none */
  atomic_uint local_timeout; /* seconds; 0 = none, for ever (watch.h) */
  atomic_uint hold_timeout;  /* seconds; 0: it does not hold (hold.h) */
  enum leg_records leg_records;
  char *checksums; /* "on", absolute path, or NULL: off */
  bool verify_reads;
  unsigned beat_ms; /* between two heartbeats on a leg */
  bool plan;
  char *control; /* absolute path or NULL */

  /* Another mirror asks for the log; true if the server will end for it,
   * false if only when its clients have left within drain.  Any thread; must
   * not block.
   */
  bool (*on_release) (void);

  void (*on_certificates) (const char *dir); /* as in struct leg_options */

  /* An operator wants the server to end, when its clients have left, but in
   * that many seconds at most.  As above.
   */
  void (*on_stop) (unsigned drain);
};

/* How the legs are to be made. */
void mirror_leg_options (const struct mirror_config *config,
                         struct leg_options *options);

struct mirror;

/* After the fork: connect the legs, start the worker.  -1 with the error
 * reported.
 */
int mirror_start (struct mirror *m);

/* No new requests (they fail with ESHUTDOWN), wait for those under way, stop the
 * threads, clear what can be cleared, close the log.
 *
 * A leg that does not answer until the deadline is given up, and a log too,
 * little later; so it takes at most STOP_GRACE_NS beyond the deadline.  False
 * if a thread still hangs then, in a local leg or a name server: the process
 * must end.  If a request hangs in a leg what was written stays marked.
 */
#define STOP_GRACE_NS (3 * NSEC_PER_SEC)
bool mirror_stop (struct mirror *m, uint64_t deadline);

/* NULL is allowed. */
void mirror_free (struct mirror *m);

/* Fixed once it is open, but that size grows (order-grow.c): who connects later
 * sees that.
 */
struct mirror_limits {
  atomic_uint_fast64_t size;
  uint32_t min_block, preferred_block;
  bool rotational;
};

const struct mirror_limits *mirror_limits (const struct mirror *m);

/* The data path.  Each returns 0, or -1 with errno set for the client, and
 * blocks until the request is done on every leg it was sent to.  What is not
 * aligned to min_block gets EINVAL, and no leg sees it.
 *
 * mirror_zero, fast: EOPNOTSUPP unless all legs zero (or, with may_trim, trim)
 * cheaply now.  No other request gets that: nbdkit would end by an assertion.
 */
int mirror_pread (struct mirror *m, void *buf, uint64_t offset,
                  uint64_t count);
int mirror_pwrite (struct mirror *m, const void *buf, uint64_t offset,
                   uint64_t count, bool fua);
int mirror_zero (struct mirror *m, uint64_t offset, uint64_t count, bool fua,
                 bool may_trim, bool fast);
int mirror_trim (struct mirror *m, uint64_t offset, uint64_t count, bool fua);
int mirror_flush (struct mirror *m);
int mirror_cache (struct mirror *m, uint64_t offset, uint64_t count);

/* As leg_extents, from a leg that has the data; where something may not have
 * been flushed all is data (block-status.h).
 */
int mirror_extents (struct mirror *m, uint64_t offset, uint64_t count,
                    struct leg_extent *extents, size_t *nr);

void mirror_status (struct mirror *m, struct mirror_status *status);

#endif /* NBDMIRROR_MIRROR_H */
