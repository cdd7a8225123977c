/* SPDX-License-Identifier: BSD-3-Clause */

/* The memory of the writes that are kept (unstable.h).  Most writes are of
 * one page: for these there are places of UNSTABLE_PLACE bytes, which are used
 * again and again, so that one costs no malloc, and who walks over thousands of
 * them finds them side by side.  They stay until the end.
 *
 * Any thread; nothing blocks.
 */

#ifndef NBDMIRROR_UNSTABLE_MEMORY_H
#define NBDMIRROR_UNSTABLE_MEMORY_H

#include <pthread.h>
#include <stddef.h>

#define UNSTABLE_PLACE 4096

struct unstable_write;

struct unstable_memory {
  pthread_mutex_t lock; /* taken last, also under m->lock */

  /* Protected by lock. */
  struct slab *slabs;
  struct unstable_write *spare;
};

void unstable_memory_init (struct unstable_memory *um);
void unstable_memory_destroy (struct unstable_memory *um);

/* With room for that many bytes of data, of which only ->data and ->room are
 * set; NULL: no memory.
 */
struct unstable_write *unstable_memory_get (struct unstable_memory *um,
                                            size_t size);

/* A list, by ->next; may be NULL. */
void unstable_memory_put (struct unstable_memory *um,
                          struct unstable_write *list);

#endif /* NBDMIRROR_UNSTABLE_MEMORY_H */
