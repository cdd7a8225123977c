/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a server keeps its logs, and their leases: a directory that is its
 * own, or something that several servers share.
 *
 * Of a depot that is shared a server may change a log only while it has the
 * log's seat, which nobody else has at the same time.  A seat can be lost;
 * then nothing of the log is changed any more, whatever is asked.
 *
 * Functions block and report their errors unless said otherwise.  Those for
 * one log are called by one thread at a time, that of its worker.
 */

#ifndef NBDMIRROR_LOGD_DEPOT_H
#define NBDMIRROR_LOGD_DEPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lease.h"
#include "proto.h"

struct depot;
struct dirty_log;
struct json_object;
struct seat;

#define DEPOT_SERVER_SIZE 300 /* "HOST:PORT" */

/* A log that is there, open or not. */
struct depot_entry {
  char name[PROTO_MAX_NAME + 1];
  struct lease_record record;     /* zeroed if it cannot be read */
  char server[DEPOT_SERVER_SIZE]; /* who has the seat, "" if nobody */
};

struct depot_ops {
  /* After the last fork; before: 0, or -1. */
  int (*start) (struct depot *d);

  /* Before free: do not try for long any more.  Does not block. */
  void (*hurry) (struct depot *d);

  /* No seat is left. */
  void (*free) (struct depot *d);

  /* Get the seat of a log.  0; -1 with errno EREMOTE and who has it in
   * server, without a message; or -1.  NULL: there are no seats.
   */
  int (*take) (struct depot *d, const char *log, struct seat **seat,
               char server[DEPOT_SERVER_SIZE]);

  /* Who has it: as take, but it stays where it is. */
  int (*look) (struct depot *d, const char *log,
               char server[DEPOT_SERVER_SIZE]);

  /* Give the seat up, and free it. */
  void (*leave) (struct seat *seat);

  /* The seat is lost for ever; it may be relied on now (CLOCK_BOOTTIME).
   * Any thread; do not block.
   */
  bool (*is_lost) (const struct seat *seat);
  bool (*is_valid) (const struct seat *seat, uint64_t now);

  /* Whether there is a log of this name.  1, 0, or -1. */
  int (*exists) (struct depot *d, struct seat *seat, const char *log);

  /* The log; with a seat, unless it is only read.  NULL on failure. */
  struct dirty_log *(*open) (struct depot *d, struct seat *seat,
                             const char *log, unsigned flags);

  /* As lease_file_read and lease_file_write. */
  int (*read_lease) (struct depot *d, struct seat *seat, const char *log,
                     struct lease_record *record);
  int (*write_lease) (struct depot *d, struct seat *seat, const char *log,
                      const struct lease_record *record, const uint8_t *uuid);

  /* The log and its lease.  0, or -1 with errno. */
  int (*remove) (struct depot *d, struct seat *seat, const char *log);

  /* Call add for the log named only, or, with "", for all.  0, or -1 with errno
   * and no message, also if add returns -1.  Any thread, one at a time.
   */
  int (*list) (struct depot *d, const char *only,
               int (*add) (void *opaque, const struct depot_entry *entry),
               void *opaque);

  /* What there is to say of it, into the object.  NULL: nothing.  Does not
   * block.
   */
  void (*status) (const struct depot *d, struct json_object *obj);

  /* The same for Prometheus; names begin with the prefix. */
  void (*metrics) (const struct depot *d, FILE *f, const char *prefix);
};

struct depot {
  const struct depot_ops *ops;
  const char *name;   /* for messages */
  const char *server; /* where clients find us; NULL: there is no other one */
};

/* A directory, which nobody else has.  NULL with the error reported; dir is
 * used until it is freed.
 */
struct depot *depot_dir_open (const char *dir);

#endif /* NBDMIRROR_LOGD_DEPOT_H */
