/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bitset.h"

int
bitset_init (struct bitset *bs, uint64_t nr)
{
  uint64_t words = bitset_words (nr);

  memset (bs, 0, sizeof *bs);
  if (nr == 0)
    return 0;
  bs->words = calloc (words, sizeof *bs->words);
  bs->summary = calloc (bitset_words (words), sizeof *bs->summary);
  if (!bs->words || !bs->summary) {
    bitset_free (bs);
    return -1;
  }
  bs->nr = nr;
  return 0;
}

void
bitset_free (struct bitset *bs)
{
  free (bs->words);
  free (bs->summary);
  memset (bs, 0, sizeof *bs);
}

/* The bits of a word that belong to the bits first ... end - 1. */
static uint64_t
word_mask (uint64_t word, uint64_t first, uint64_t end)
{
  uint64_t start = word * 64, mask = UINT64_MAX;

  if (first > start)
    mask &= UINT64_MAX << (first - start);
  if (end - start < 64)
    mask &= ~(UINT64_MAX << (end - start));
  return mask;
}

/* The first word at or after 'word' that has a set bit. */
static uint64_t
next_word (const struct bitset *bs, uint64_t word)
{
  uint64_t words = bitset_words (bs->nr), i = word / 64, bits;

  if (word >= words)
    return words;
  bits = bs->summary[i] & UINT64_MAX << (word % 64);
  while (bits == 0 && ++i < bitset_words (words))
    bits = bs->summary[i];
  return bits ? i * 64 + (uint64_t) __builtin_ctzll (bits) : words;
}

int
bitset_resize (struct bitset *bs, uint64_t nr)
{
  struct bitset copy;
  uint64_t words = bitset_words (nr < bs->nr ? nr : bs->nr);

  if (bitset_init (&copy, nr) == -1)
    return -1;
  for (uint64_t w = next_word (bs, 0); w < words; w = next_word (bs, w + 1))
    bitset_put_word (&copy, w, bs->words[w] & word_mask (w, 0, nr));
  bitset_free (bs);
  *bs = copy;
  return 0;
}

void
bitset_put_word (struct bitset *bs, uint64_t word, uint64_t value)
{
  uint64_t *old = &bs->words[word], bit = UINT64_C (1) << (word % 64);

  assert (word < bitset_words (bs->nr));
  assert (!(value & ~word_mask (word, 0, bs->nr)));
  /* An untouched page of a large set stays untouched. */
  if (*old == value)
    return;
  bs->count -= (uint64_t) __builtin_popcountll (*old);
  bs->count += (uint64_t) __builtin_popcountll (value);
  *old = value;
  if (value)
    bs->summary[word / 64] |= bit;
  else
    bs->summary[word / 64] &= ~bit;
}

bool
bitset_set (struct bitset *bs, uint64_t bit)
{
  assert (bit < bs->nr);
  if (bitset_test (bs, bit))
    return false;
  bitset_put_word (bs, bit / 64,
                   bs->words[bit / 64] | UINT64_C (1) << (bit % 64));
  return true;
}

bool
bitset_clear (struct bitset *bs, uint64_t bit)
{
  assert (bit < bs->nr);
  if (!bitset_test (bs, bit))
    return false;
  bitset_put_word (bs, bit / 64,
                   bs->words[bit / 64] & ~(UINT64_C (1) << (bit % 64)));
  return true;
}

void
bitset_set_range (struct bitset *bs, uint64_t first, uint64_t nr)
{
  uint64_t end = first + nr;

  assert (first <= bs->nr && nr <= bs->nr - first);
  for (uint64_t w = first / 64; w * 64 < end; ++w)
    bitset_put_word (bs, w, bs->words[w] | word_mask (w, first, end));
}

void
bitset_clear_range (struct bitset *bs, uint64_t first, uint64_t nr)
{
  uint64_t end = first + nr;

  assert (first <= bs->nr && nr <= bs->nr - first);
  for (uint64_t w = next_word (bs, first / 64); w * 64 < end;
       w = next_word (bs, w + 1))
    bitset_put_word (bs, w, bs->words[w] & ~word_mask (w, first, end));
}

void
bitset_or (struct bitset *dst, const struct bitset *src)
{
  uint64_t words = bitset_words (src->nr);

  assert (dst->nr == src->nr);
  for (uint64_t w = next_word (src, 0); w < words; w = next_word (src, w + 1))
    bitset_put_word (dst, w, dst->words[w] | src->words[w]);
}

uint64_t
bitset_next_set (const struct bitset *bs, uint64_t from)
{
  uint64_t w = from / 64, bits;

  if (from >= bs->nr)
    return bs->nr;
  bits = bs->words[w] & UINT64_MAX << (from % 64);
  if (bits == 0) {
    w = next_word (bs, w + 1);
    if (w == bitset_words (bs->nr))
      return bs->nr;
    bits = bs->words[w];
  }
  return w * 64 + (uint64_t) __builtin_ctzll (bits);
}

uint64_t
bitset_next_clear (const struct bitset *bs, uint64_t from)
{
  uint64_t w = from / 64, bits, bit;

  if (from >= bs->nr)
    return bs->nr;
  bits = ~bs->words[w] & UINT64_MAX << (from % 64);
  while (bits == 0 && ++w < bitset_words (bs->nr))
    bits = ~bs->words[w];
  if (bits == 0)
    return bs->nr;
  bit = w * 64 + (uint64_t) __builtin_ctzll (bits);
  return bit < bs->nr ? bit : bs->nr;
}
