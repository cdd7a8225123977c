/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log:
 *
 *   disk.c         life cycle, and the thread that runs the cycles
 *   disk-create.c  anew, or longer; disk-grow.c: how
 *   disk-load.c    what is on the medium
 *   disk-find.c    which of its records counts
 *   disk-write.c   changing it, in phases
 *   disk-record.c  slots and header
 *   disk-map.c     the images of the maps
 *   disk-look.c    is the file still where a start would look for it?
 *   disk-io.c      where it meets the store
 *   disk-format.c  byte by byte; disk-number.c: block 9
 *
 * Words: the *image* of a map is what the medium holds, or will hold when
 * the writes of its *unsure* blocks are synced.  Wanted is what the truth
 * in memory (truth.h) says.  A flush lowers: the image becomes image OR
 * wanted.  Only then may a commit raise: the image becomes wanted.  The
 * kernel's bitmap is a map like the others, wanted where a region is marked
 * or missed by anyone; it is only written inverted.
 *
 * Invariants:
 *
 *   (1) image OR unsure: a block that is not unsure is on the medium as in
 *       the image.  A block becomes unsure before it is written, and sure
 *       only when everything written with it was synced without an error.
 *   (2) On the medium, the maps that a slot needs are durable before it.
 *   (3) A slot is only overwritten when a newer one is durable elsewhere.
 *
 * Locks: io_lock is held while the store is used, and guards what is under
 * its line; log->lock is taken inside it, for moments.
 */

#ifndef NBDMIRROR_LOG_DISK_H
#define NBDMIRROR_LOG_DISK_H

#include "disk-format.h"
#include "group-commit.h"
#include "store.h"
#include "truth.h"

/* The maps of dirty-log.h, then two more. */
enum {
  DISK_MAP_KERNEL = LOG_NR_MAPS, /* from byte 0: header and slots, too */
  DISK_MAP_NAMES,                /* the area's first ten blocks */
  DISK_NR_MAPS,
};

struct disk_map {
  /* Protected by io_lock. */
  uint64_t blocks; /* 0: not kept (shared_map) */
  uint8_t *image;
  uint8_t *target; /* what a commit that lowered blocks will raise to ... */
  struct bitset raising; /* ... in these */
  struct bitset unsure;

  /* Protected by log->lock. */
  struct bitset changed; /* blocks whose image may differ from wanted */
};

struct disk_log {
  struct dirty_log log;

  /* Read-only once disk_log_open_store returned. */
  bool read_only, may_be_moved;
  char host[LOG_HOST_SIZE];

  pthread_mutex_t io_lock;

  /* Protected by io_lock (and by nothing at start-up). */
  struct log_store *store;
  struct disk_layout layout;
  struct disk_map map[DISK_NR_MAPS];
  struct disk_slot slot;     /* the newest one sent to the medium */
  struct disk_slot target;   /* what a commit will raise it to */
  uint64_t durable_sequence; /* of the slot that must not be overwritten */
  bool slot_unsure;          /* 'slot' may not be on the medium */
  uint64_t header_nr;        /* nr_regions in the header */
  uint64_t old_area;         /* offset of an area to be given up, or 0 */
  bool blank;                /* found all zero */
  bool creating;             /* created in memory, not yet on the medium */
  bool converting;           /* ... and what is there is the kernel's log */
  bool growing;              /* the kernel's bitmap is shorter than the maps */
  bool marks_first;      /* ... before a missed map explains them (rule 18) */
  bool wrote;            /* the current cycle used the store; io_lock */
  bool moved;            /* the store says so, and is not written any more */
  uint64_t flush_number; /* the last one sent to the medium */

  /* Only used by who does the I/O: disk-look.c. */
  uint64_t next_look;    /* at the file; NO_DEADLINE: there is none */
  uint64_t next_renewal; /* not before, the last one failed */
  enum file_place place; /* what was said of it; FILE_HERE: nothing */

  /* Protected by log->lock. */
  bool ready;          /* loaded or created: there is something to flush */
  bool touched;        /* a flush was begun */
  bool lowering;       /* the next flush may have to write */
  bool grows;          /* the images are to follow the maps */
  bool record_changed; /* names, too */
  bool threaded;       /* flushes are left to the thread */
  bool stop, exited;
  struct group_commit group;
  pthread_cond_t work;
  pthread_t thread;
};

static inline struct disk_log *
disk (struct dirty_log *log)
{
  return (struct disk_log *) log;
}

/* Log and store are the log's from here on, also if this fails: NULL with
 * the error reported.  For unit tests, and disk.c.
 */
struct dirty_log *disk_log_open_store (struct log_store *store,
                                       const char *name, unsigned flags);

#endif /* NBDMIRROR_LOG_DISK_H */
