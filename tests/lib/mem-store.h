/* SPDX-License-Identifier: BSD-3-Clause */

/* A store in memory that can fail and lose power.
 *
 * What was written is only durable when a sync returned.  At a crash each
 * 512-byte sector keeps its durable content or any of the contents written
 * since, independently of all others.  After a sync that failed, the writes
 * it should have made durable are as after fdatasync on Linux: readable,
 * but no later sync makes them durable.
 */

#ifndef NBDMIRROR_MEM_STORE_H
#define NBDMIRROR_MEM_STORE_H

#include "store.h"

struct mem_store;

/* size > 0: a device of that size; 0: a file that does not exist. */
struct mem_store *mem_store_new (uint64_t size);
void mem_store_free (struct mem_store *m);

/* To be handed to disk_log_open_store; its close does not free m. */
struct log_store *mem_store_open (struct mem_store *m);

/* The calls that change the medium are counted. */
unsigned mem_store_calls (const struct mem_store *m);

/* The n-th call from now fails once with EIO (0 = none). */
void mem_store_fail_at (struct mem_store *m, unsigned n);

/* From the n-th call from now on, nothing reaches the medium any more. */
void mem_store_crash_at (struct mem_store *m, unsigned n);

/* Called at the start of each counted call. */
void mem_store_on_call (struct mem_store *m, void (*fn) (void *), void *arg);

/* Power off and on again. */
void mem_store_crash (struct mem_store *m, unsigned *seed);

/* Content as read, for tests to look at and to damage. */
uint8_t *mem_store_bytes (struct mem_store *m);
uint64_t mem_store_size (const struct mem_store *m);

/* A file with this content, durable. */
struct mem_store *mem_store_file (const void *bytes, uint64_t size);

#endif /* NBDMIRROR_MEM_STORE_H */
