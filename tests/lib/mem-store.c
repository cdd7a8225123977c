/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem-store.h"

#define SECTOR 512
#ifndef CAPACITY
#define CAPACITY (UINT64_C (4) << 20)
#endif

struct pending {
  uint64_t sector;
  bool lost; /* a sync failed since */
  uint8_t data[SECTOR];
};

struct mem_store {
  struct log_store store;
  uint8_t *cached, *durable;
  uint64_t cached_size, durable_size, largest_size;
  struct pending *pending;
  size_t nr_pending, room;
  unsigned calls, fail_at, crash_at;
  bool dead;
  void (*on_call) (void *);
  void *arg;
};

static struct mem_store *
mem (struct log_store *store)
{
  return (struct mem_store *) store;
}

/* Returns 0 if the call is to be carried out. */
static int
count_call (struct mem_store *m)
{
  if (m->on_call)
    m->on_call (m->arg);
  m->calls++;
  if (m->crash_at && m->calls >= m->crash_at)
    m->dead = true;
  if (m->dead || m->calls == m->fail_at) {
    errno = EIO;
    return -1;
  }
  return 0;
}

static void
add_pending (struct mem_store *m, uint64_t sector, const uint8_t *data)
{
  if (m->nr_pending == m->room) {
    m->room = m->room ? m->room * 2 : 1024;
    m->pending = realloc (m->pending, m->room * sizeof *m->pending);
    assert (m->pending);
  }
  m->pending[m->nr_pending].sector = sector;
  m->pending[m->nr_pending].lost = false;
  memcpy (m->pending[m->nr_pending++].data, data, SECTOR);
}

static int
mem_read (struct log_store *store, void *buf, size_t count, uint64_t offset)
{
  assert (offset + count <= store->size);
  memcpy (buf, mem (store)->cached + offset, count);
  return 0;
}

static void
set_size (struct mem_store *m, uint64_t size)
{
  m->cached_size = m->store.size = size;
  if (size > m->largest_size)
    m->largest_size = size;
}

/* A write that fails, or during which power fails, may have been done. */
static int
mem_write (struct log_store *store, const void *buf, size_t count,
           uint64_t offset)
{
  struct mem_store *m = mem (store);
  bool was_dead = m->dead;
  int r = count_call (m);

  assert (offset % SECTOR == 0 && count % SECTOR == 0);
  assert (offset + count <= CAPACITY);
  assert (!store->fixed_size || offset + count <= store->size);
  if (was_dead)
    return -1;
  memcpy (m->cached + offset, buf, count);
  for (size_t i = 0; i < count; i += SECTOR)
    add_pending (m, (offset + i) / SECTOR, (const uint8_t *) buf + i);
  if (offset + count > store->size)
    set_size (m, offset + count);
  return r;
}

static void
make_durable (struct mem_store *m)
{
  size_t kept = 0;

  for (size_t i = 0; i < m->nr_pending; ++i) {
    const struct pending *p = &m->pending[i];
    bool overwritten = false;

    if (!p->lost)
      memcpy (m->durable + p->sector * SECTOR, p->data, SECTOR);
    for (size_t j = i + 1; p->lost && j < m->nr_pending; ++j)
      overwritten |= m->pending[j].sector == p->sector && !m->pending[j].lost;
    if (p->lost && !overwritten)
      m->pending[kept++] = *p;
  }
  m->nr_pending = kept;
  m->durable_size = m->cached_size;
}

static int
mem_sync (struct log_store *store)
{
  struct mem_store *m = mem (store);

  if (count_call (m) == -1) {
    for (size_t i = 0; i < m->nr_pending; ++i)
      m->pending[i].lost = true;
    return -1;
  }
  make_durable (m);
  return 0;
}

static int
mem_create (struct log_store *store)
{
  return count_call (mem (store));
}

static int
mem_extend (struct log_store *store, uint64_t size)
{
  struct mem_store *m = mem (store);

  assert (size <= CAPACITY);
  if (store->fixed_size || size <= store->size)
    return 0;
  if (count_call (m) == -1)
    return -1;
  set_size (m, size);
  return 0;
}

static void
mem_close (struct log_store *store)
{
  (void) store;
}

static const struct log_store_ops mem_ops = {
  .read = mem_read,
  .write = mem_write,
  .sync = mem_sync,
  .create = mem_create,
  .create_done = mem_create,
  .extend = mem_extend,
  .close = mem_close,
};

struct mem_store *
mem_store_new (uint64_t size)
{
  struct mem_store *m = calloc (1, sizeof *m);

  assert (m && size <= CAPACITY);
  m->store.ops = &mem_ops;
  m->store.fixed_size = size > 0;
  m->cached = calloc (1, CAPACITY);
  m->durable = calloc (1, CAPACITY);
  assert (m->cached && m->durable);
  set_size (m, size);
  m->durable_size = size;
  return m;
}

struct mem_store *
mem_store_file (const void *bytes, uint64_t size)
{
  struct mem_store *m = mem_store_new (0);

  memcpy (m->cached, bytes, size);
  memcpy (m->durable, bytes, size);
  set_size (m, size);
  m->durable_size = size;
  return m;
}

void
mem_store_free (struct mem_store *m)
{
  free (m->cached);
  free (m->durable);
  free (m->pending);
  free (m);
}

struct log_store *
mem_store_open (struct mem_store *m)
{
  return &m->store;
}

unsigned
mem_store_calls (const struct mem_store *m)
{
  return m->calls;
}

void
mem_store_fail_at (struct mem_store *m, unsigned n)
{
  m->fail_at = n ? m->calls + n : 0;
}

void
mem_store_crash_at (struct mem_store *m, unsigned n)
{
  m->crash_at = n ? m->calls + n : 0;
}

void
mem_store_on_call (struct mem_store *m, void (*fn) (void *), void *arg)
{
  m->on_call = fn;
  m->arg = arg;
}

/* Half of the time, sectors survive with the same probability each; else
 * all, or none, or only the first ones.
 */
static bool
survives (unsigned mode, size_t i, size_t nr, unsigned *seed)
{
  switch (mode) {
  case 0:
    return false;
  case 1:
    return true;
  case 2:
    return i < (size_t) rand_r (seed) % (nr + 1);
  default:
    return rand_r (seed) % 2;
  }
}

void
mem_store_crash (struct mem_store *m, unsigned *seed)
{
  unsigned mode = (unsigned) rand_r (seed) % 6;
  uint64_t size = rand_r (seed) % 2 ? m->durable_size : m->cached_size;

  for (size_t i = 0; i < m->nr_pending; ++i) {
    const struct pending *p = &m->pending[i];

    if (!survives (mode, i, m->nr_pending, seed))
      continue;
    memcpy (m->durable + p->sector * SECTOR, p->data, SECTOR);
    if ((p->sector + 1) * SECTOR > size)
      size = (p->sector + 1) * SECTOR;
  }
  if (m->store.fixed_size)
    size = m->store.size;
  m->nr_pending = 0;
  memset (m->durable + size, 0, m->largest_size - size);
  memcpy (m->cached, m->durable, m->largest_size);
  m->durable_size = size;
  set_size (m, size);
  m->dead = false;
  m->crash_at = m->fail_at = 0;
}

uint8_t *
mem_store_bytes (struct mem_store *m)
{
  return m->cached;
}

uint64_t
mem_store_size (const struct mem_store *m)
{
  return m->cached_size;
}
