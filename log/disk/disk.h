/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log: parts shared by disk.c (life cycle), disk-load.c (what is on
 * the medium) and disk-write.c (changing it).
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

/* The maps of backend.h, then two more. */
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
  bool read_only;
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
  bool wrote;            /* the current cycle used the store */
  uint64_t flush_number; /* the last one sent to the medium */

  /* Protected by log->lock. */
  bool ready;          /* loaded or created: there is something to flush */
  bool touched;        /* a flush was begun */
  bool lowering;       /* the next flush may have to write */
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

/* --- disk-map.c: images --- */

/* Make images for log->info.geo and d->layout; old contents are kept as far as
 * the maps were there.  0, or -1 with errno.
 */
int disk_maps_resize (struct disk_log *d);
void disk_maps_free (struct disk_log *d);

/* Byte offset of a map's first block in the store. */
uint64_t disk_map_offset (const struct disk_log *d, unsigned map);

/* One word of an image, set = dirty in all maps. */
uint64_t disk_image_get (const struct disk_log *d, unsigned map,
                         const uint8_t *image, uint64_t word);
void disk_image_put (const struct disk_log *d, unsigned map, uint8_t *image,
                     uint64_t word, uint64_t bits);

/* The bits changed; both for log->lock. */
void disk_map_touch (struct disk_log *d, unsigned map, uint64_t first,
                     uint64_t nr);
void disk_map_touch_all (struct disk_log *d);

/* Take wanted into the images (log->lock and io_lock held). */
void disk_maps_lower (struct disk_log *d, bool will_raise);
void disk_maps_raise (struct disk_log *d);

/* --- disk-load.c --- */

/* Find out what the store holds and load it.  -1 with the error reported
 * if it must not be touched.
 */
int disk_load (struct disk_log *d);

/* --- disk-io.c --- */

/* Aligned for the store; free it.  NULL with errno. */
void *disk_buffer (size_t size);

/* Reads zeroes beyond the end of the store. */
int disk_read (struct disk_log *d, void *buf, uint64_t count, uint64_t offset);

/* The end of a device cuts a block short. */
int disk_store_write (struct disk_log *d, const void *buf, uint64_t count,
                      uint64_t offset);
int disk_store_sync (struct disk_log *d);

/* Block 0 as it is in the image, and sync. */
int disk_block_0_write (struct disk_log *d);

/* Whether this extent of the store is zero (what is beyond its end is), and
 * whether all of it seems to be: rule (10); create looks at the whole
 * extent it uses.  1, 0, or -1 with errno.
 */
int disk_is_zero (struct disk_log *d, uint64_t offset, uint64_t count);
int disk_is_blank (struct disk_log *d);

/* --- disk-create.c: the ops create and grow --- */

int disk_log_create (struct dirty_log *log);
int disk_log_grow (struct dirty_log *log);

/* --- disk-record.c: slots and header --- */

/* What the slot should say, with flags of what is known of the log. */
void disk_slot_build (struct disk_log *d, struct disk_slot *slot);

/* Keep legs stale that are not in-sync on the medium; what was wanted when
 * the commit lowered, but legs that failed since stay stale.
 */
void disk_slot_lower (struct disk_log *d, struct disk_slot *slot);
void disk_slot_raise (struct disk_log *d, struct disk_slot *slot);

bool disk_slot_same (const struct disk_slot *a, const struct disk_slot *b);

/* Write third copy, slot and header, each synced. */
int disk_record_write (struct disk_log *d, const struct disk_slot *wanted);

/* Put a slot, the header, into the image of block 0. */
void disk_slot_put (struct disk_log *d, const struct disk_slot *slot);
void disk_header_put (struct disk_log *d);

/* --- disk-write.c --- */

/* One flush, or one commit, with io_lock held: 0, or -1 with errno. */
int disk_write_lowering (struct disk_log *d, bool will_raise);
int disk_write_raising (struct disk_log *d);

/* The last thing: nothing is marked, and all is committed. */
int disk_write_clean (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_H */
