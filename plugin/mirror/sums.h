/* SPDX-License-Identifier: BSD-3-Clause */

/* Region checksums: a CRC-32C of each 4 KiB block that clients wrote, in a file beside
 * the log's.  Where two legs differ they say which one is right.
 *
 * A block whose sum is not known has none: what was never written, what was written in
 * part, and what was being written when the mirror ended without a clean shutdown:
 *
 *   1. a sum changes while its region is marked, before the range is given up;
 *   2. the sweep makes the file durable before it clears a mark;
 *   3. a start after an unclean end forgets the sums of all marked regions.
 *
 * So a sum of a region without a mark is right, whatever crashed.  Who looks at one holds
 * the range, at least shared.
 *
 * The file is only believed as long as nobody can have written without it: it says up
 * to which flush of the log it was there, and whether it was closed (sums-open.c).  If
 * it can't be written it is removed, and there are no sums any more.
 *
 * Little endian:
 *
 *      0  magic 8       "nbdmirrC"
 *      8  version u32   1
 *     12  crc32c u32    of the 4096 bytes with this field zero
 *     16  uuid 16       of the mirror
 *     32  size u64      of the mirror
 *     40  number u64    of a flush of the log
 *     48  closed u8     0: in use, or not closed; 1
 *     49  zero
 *   4096  a u32 for each block; 0: not known
 */

#ifndef NBDMIRROR_SUMS_H
#define NBDMIRROR_SUMS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SUMS_BLOCK UINT64_C (4096)
#define SUMS_HEAD 4096

struct sums {
  /* Read-only while the mirror runs. */
  char *path; /* NULL: there are none */
  int fd;
  uint64_t size; /* of the mirror */
  uint8_t uuid[16];
  bool verify; /* what clients read */

  atomic_bool on;    /* it is written, and believed */
  atomic_bool stuck; /* it can't be written, nor removed */
  pthread_mutex_t fail_lock;

  /* Since start: blocks compared with their sums, ranges of a leg that were wrong, and
   * those written again from another one.
   */
  atomic_uint_fast64_t verified, wrong, repaired;
};

void sums_init (struct sums *s);
void sums_free (struct sums *s);

/* What one has becomes the other's; both are initialized. */
void sums_move (struct sums *to, struct sums *from);

/* As long as it has to be. */
uint64_t sums_file_size (const struct sums *s);

/* A client's write or zero (buf NULL) of the range is on all legs.  None of what was
 * there is known any more, or none of what is.  The range is taken against all others.
 * They block.
 */
void sums_written (struct sums *s, const void *buf, uint64_t offset,
                   uint64_t count);
void sums_forget (struct sums *s, uint64_t offset, uint64_t count);

enum sums_verdict {
  SUMS_UNKNOWN, /* of no whole block in the range */
  SUMS_RIGHT,   /* those that are known */
  SUMS_WRONG,   /* not all of them */
};

/* What a leg holds in the range.  Blocks; no lock is held. */
enum sums_verdict sums_check (struct sums *s, const void *buf, uint64_t offset,
                              uint64_t count);

/* Before marks are cleared.  False: they must not be. */
bool sums_sync (struct sums *s);

/* The header, durably.  -1 with errno. */
int sums_write_head (struct sums *s, uint64_t number, bool closed);

/* It is not used any more: it can't be written.  Reported once.  errno says why. */
void sums_fail (struct sums *s);

#endif /* NBDMIRROR_SUMS_H */
