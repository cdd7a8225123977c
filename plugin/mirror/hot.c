/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>

#include "hot.h"

#define NR_BUCKETS 8192

int
hot_init (struct hot_table *t)
{
  t->count = 0;
  t->nr_buckets = NR_BUCKETS;
  t->bucket = calloc (t->nr_buckets, sizeof *t->bucket);
  return t->bucket ? 0 : -1;
}

void
hot_free (struct hot_table *t)
{
  if (!t->bucket)
    return;
  for (size_t i = 0; i < t->nr_buckets; ++i)
    while (t->bucket[i])
      hot_drop (t, t->bucket[i]);
  free (t->bucket);
  t->bucket = NULL;
}

static struct hot **
bucket_of (const struct hot_table *t, uint64_t region)
{
  /* Fibonacci hashing: neighbours and strides spread alike. */
  uint64_t h = region * UINT64_C (0x9e3779b97f4a7c15);

  return &t->bucket[(h >> 32) & (t->nr_buckets - 1)];
}

struct hot *
hot_find (const struct hot_table *t, uint64_t region)
{
  struct hot *h = *bucket_of (t, region);

  while (h && h->region != region)
    h = h->next;
  return h;
}

struct hot *
hot_get (struct hot_table *t, uint64_t region)
{
  struct hot *h = hot_find (t, region);
  struct hot **b;

  if (h)
    return h;
  h = calloc (1, sizeof *h);
  if (!h)
    return NULL;
  b = bucket_of (t, region);
  h->region = region;
  h->next = *b;
  *b = h;
  t->count++;
  return h;
}

void
hot_drop (struct hot_table *t, struct hot *h)
{
  struct hot **p = bucket_of (t, h->region);

  while (*p != h)
    p = &(*p)->next;
  *p = h->next;
  t->count--;
  free (h);
}

void
hot_for_each (const struct hot_table *t,
              void (*fn) (struct hot *h, void *opaque), void *opaque)
{
  for (size_t i = 0; i < t->nr_buckets; ++i)
    for (struct hot *h = t->bucket[i]; h; h = h->next)
      fn (h, opaque);
}
