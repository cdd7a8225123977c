/* SPDX-License-Identifier: BSD-3-Clause */

/* A bitset with a summary level, so that finding the next set bit and
 * counting do not cost a scan of the whole set.
 *
 * summary bit w is set iff words[w] != 0; count is the number of set bits.
 * Memory is allocated zeroed and never touched before it is needed, so a
 * large empty set costs address space only.
 *
 * Not thread-safe: the owner's lock guards it.  Bit numbers must be below
 * nr (asserted: they come from our own code, ranges from outside are
 * checked before).
 */

#ifndef NBDMIRROR_BITSET_H
#define NBDMIRROR_BITSET_H

#include <stdbool.h>
#include <stdint.h>

struct bitset {
  uint64_t nr;       /* number of bits */
  uint64_t count;    /* number of set bits */
  uint64_t *words;   /* bit b is words[b / 64] >> (b % 64) & 1 */
  uint64_t *summary; /* as above, one bit for each word */
};

/* All bits clear.  0, or -1 with errno (ENOMEM).  nr may be 0. */
int bitset_init (struct bitset *bs, uint64_t nr);

/* Harmless on a zeroed or already freed bitset. */
void bitset_free (struct bitset *bs);

/* Make the set nr bits long; bits above the old length are clear, bits at
 * and above a smaller new length are forgotten.  0, or -1 with errno and the
 * set unchanged.
 */
int bitset_resize (struct bitset *bs, uint64_t nr);

/* Number of 64-bit words that hold nr bits. */
static inline uint64_t
bitset_words (uint64_t nr)
{
  return nr / 64 + (nr % 64 != 0);
}

static inline bool
bitset_test (const struct bitset *bs, uint64_t bit)
{
  return bs->words[bit / 64] >> (bit % 64) & 1;
}

/* Both return true if the bit changed. */
bool bitset_set (struct bitset *bs, uint64_t bit);
bool bitset_clear (struct bitset *bs, uint64_t bit);

/* Replace a whole word, keeping count and summary right.  Bits at or above
 * nr must be zero.
 */
void bitset_put_word (struct bitset *bs, uint64_t word, uint64_t value);

/* The bits first ... first + nr - 1. */
void bitset_set_range (struct bitset *bs, uint64_t first, uint64_t nr);
void bitset_clear_range (struct bitset *bs, uint64_t first, uint64_t nr);

/* dst |= src; both have the same length. */
void bitset_or (struct bitset *dst, const struct bitset *src);

/* The first set (clear) bit at or after from, or bs->nr if there is none.
 * from may be >= nr.  bitset_next_clear scans word by word.
 */
uint64_t bitset_next_set (const struct bitset *bs, uint64_t from);
uint64_t bitset_next_clear (const struct bitset *bs, uint64_t from);

#endif /* NBDMIRROR_BITSET_H */
