/* SPDX-License-Identifier: BSD-3-Clause */

/* The hot regions: those with a mark in the log.  Everything else about a
 * region is in the log's bitmaps, so memory does not grow with the device; and
 * there are only so many (hot-limit.h).
 *
 * A region is hot from the moment a write that will mark it is let in until the
 * sweep has cleared it.  It is dirty once a log flush made the mark durable; only
 * then may a leg be written in it (rule S1).
 *
 * The owner's lock guards the table.
 */

#ifndef NBDMIRROR_HOT_H
#define NBDMIRROR_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hot {
  uint64_t region;
  unsigned pending;   /* writes between begin and end */
  bool dirty;         /* the mark is durable */
  bool closed;        /* no write may begin, the sweep will clear it */
  uint64_t last_seq;  /* number of the last write that ended */
  uint64_t last_time; /* and when, nanoseconds */
  struct hot *next;   /* in the bucket */
};

struct hot_table {
  size_t nr_buckets; /* power of two */
  size_t count;
  struct hot **bucket;
};

/* 0, or -1 with errno. */
int hot_init (struct hot_table *t);
void hot_free (struct hot_table *t);

/* NULL if the region is not hot. */
struct hot *hot_find (const struct hot_table *t, uint64_t region);

/* Find or make; NULL with errno if there is no memory. */
struct hot *hot_get (struct hot_table *t, uint64_t region);

/* Remove and free. */
void hot_drop (struct hot_table *t, struct hot *h);

/* Call fn for every entry; fn must not change the table. */
void hot_for_each (const struct hot_table *t,
                   void (*fn) (struct hot *h, void *opaque), void *opaque);

#endif /* NBDMIRROR_HOT_H */
