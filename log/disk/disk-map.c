/* SPDX-License-Identifier: BSD-3-Clause */

/* The images of the maps. */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "byte-order.h"
#include "disk-map.h"

#define BLOCK_WORDS (DISK_BLOCK / 8)
#define KERNEL_SKIP (DISK_BITMAP_OFFSET / 8)

/* Aligned for O_DIRECT; untouched pages cost nothing. */
static uint8_t *
image_alloc (uint64_t blocks)
{
  void *p = mmap (NULL, blocks * DISK_BLOCK, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  return p == MAP_FAILED ? NULL : p;
}

static void
image_free (uint8_t *image, uint64_t blocks)
{
  if (image)
    munmap (image, blocks * DISK_BLOCK);
}

static void
map_free (struct disk_map *map)
{
  image_free (map->image, map->blocks);
  image_free (map->target, map->blocks);
  bitset_free (&map->raising);
  bitset_free (&map->unsure);
  bitset_free (&map->changed);
  memset (map, 0, sizeof *map);
}

static int
image_resize (uint8_t **image, uint64_t old_blocks, uint64_t blocks)
{
  uint64_t keep = blocks < old_blocks ? blocks : old_blocks;
  uint8_t *copy = NULL;

  if (blocks > 0) {
    copy = image_alloc (blocks);
    if (!copy)
      return -1;
    if (keep > 0)
      memcpy (copy, *image, keep * DISK_BLOCK);
  }
  image_free (*image, old_blocks);
  *image = copy;
  return 0;
}

/* After a failure the map is good for nothing but map_free. */
static int
map_resize (struct disk_map *map, uint64_t blocks)
{
  uint64_t old = map->blocks;

  if (blocks == old)
    return 0;
  if (image_resize (&map->image, old, blocks) == -1)
    return -1;
  map->blocks = blocks;
  image_free (map->target, old);
  map->target = NULL;
  if (blocks > 0 && !(map->target = image_alloc (blocks)))
    return -1;
  return bitset_resize (&map->raising, blocks) |
         bitset_resize (&map->unsure, blocks) |
         bitset_resize (&map->changed, blocks);
}

int
disk_maps_resize (struct disk_log *d)
{
  uint64_t blocks = d->layout.map_size / DISK_BLOCK;
  bool kept = !d->log.info.shared_map;

  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    if (map_resize (&d->map[m], kept ? blocks : 0) == -1)
      return -1;
  if (map_resize (&d->map[DISK_MAP_NAMES], kept ? DISK_AREA_HEAD_BLOCKS : 0) ==
      -1)
    return -1;
  return map_resize (&d->map[DISK_MAP_KERNEL],
                     d->layout.head_size / DISK_BLOCK);
}

void
disk_maps_free (struct disk_log *d)
{
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    map_free (&d->map[m]);
}

uint64_t
disk_map_offset (const struct disk_log *d, unsigned map)
{
  if (map == DISK_MAP_KERNEL)
    return 0;
  if (map == DISK_MAP_NAMES)
    return d->layout.area_offset;
  return d->layout.area_offset + DISK_AREA_HEAD_BLOCKS * DISK_BLOCK +
         map * d->layout.map_size;
}

/* The one place that knows that the kernel's bits mean clean. */
static uint64_t
invert (const struct disk_log *d, uint64_t word, uint64_t bits)
{
  uint64_t nr = d->layout.nr_regions - word * 64;

  return nr < 64 ? ~bits & ~(UINT64_MAX << nr) : ~bits;
}

uint64_t
disk_image_get (const struct disk_log *d, unsigned map, const uint8_t *image,
                uint64_t word)
{
  if (map != DISK_MAP_KERNEL)
    return get_le64 (image + word * 8);
  return invert (d, word, get_le64 (image + DISK_BITMAP_OFFSET + word * 8));
}

void
disk_image_put (const struct disk_log *d, unsigned map, uint8_t *image,
                uint64_t word, uint64_t bits)
{
  if (map != DISK_MAP_KERNEL)
    put_le64 (image + word * 8, bits);
  else
    put_le64 (image + DISK_BITMAP_OFFSET + word * 8, invert (d, word, bits));
}

static uint64_t
wanted_word (struct disk_log *d, unsigned map, uint64_t word)
{
  if (map == DISK_MAP_KERNEL)
    return d->log.marked.words[word] | d->log.out_of_sync.words[word];
  return truth_map (&d->log, map)->words[word];
}

/* The first word of a block; of the block behind the last: their number. */
static uint64_t
block_word (const struct disk_log *d, unsigned map, uint64_t block)
{
  uint64_t word = block * BLOCK_WORDS;
  uint64_t words = bitset_words (d->layout.nr_regions);

  if (map == DISK_MAP_KERNEL)
    word -= block > 0 ? KERNEL_SKIP : 0;
  return word < words ? word : words;
}

static uint64_t
block_of (unsigned map, uint64_t region)
{
  uint64_t word = region / 64;

  return (map == DISK_MAP_KERNEL ? word + KERNEL_SKIP : word) / BLOCK_WORDS;
}

static void
touch_one (struct disk_log *d, unsigned map, uint64_t first, uint64_t nr)
{
  uint64_t block = block_of (map, first);
  uint64_t last = block_of (map, first + nr - 1);

  if (d->map[map].blocks > 0)
    bitset_set_range (&d->map[map].changed, block, last - block + 1);
}

void
disk_map_touch (struct disk_log *d, unsigned map, uint64_t first, uint64_t nr)
{
  touch_one (d, map, first, nr);
  touch_one (d, DISK_MAP_KERNEL, first, nr);
}

void
disk_map_touch_all (struct disk_log *d)
{
  for (unsigned m = 0; m <= DISK_MAP_KERNEL; ++m)
    bitset_set_range (&d->map[m].changed, 0, d->map[m].blocks);
}

int
disk_map_grow_changed (struct disk_log *d, uint64_t nr_regions)
{
  struct disk_layout layout;

  disk_layout_init (&layout, nr_regions, 0);
  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    if (d->map[m].blocks > 0 &&
        bitset_resize (&d->map[m].changed, layout.map_size / DISK_BLOCK) == -1)
      return -1;
  return bitset_resize (&d->map[DISK_MAP_KERNEL].changed,
                        layout.head_size / DISK_BLOCK);
}

/* Returns true if the image is still dirtier than wanted. */
static bool
lower_block (struct disk_log *d, unsigned m, uint64_t block)
{
  struct disk_map *map = &d->map[m];
  uint64_t end = block_word (d, m, block + 1), have, want;
  bool raise = false;

  for (uint64_t w = block_word (d, m, block); w < end; ++w) {
    have = disk_image_get (d, m, map->image, w);
    want = wanted_word (d, m, w);
    if (want & ~have) {
      disk_image_put (d, m, map->image, w, have | want);
      bitset_set (&map->unsure, block);
    }
    raise |= (have & ~want) != 0;
  }
  return raise;
}

static void
take_target (struct disk_log *d, unsigned m, uint64_t block)
{
  uint64_t end = block_word (d, m, block + 1);

  for (uint64_t w = block_word (d, m, block); w < end; ++w)
    disk_image_put (d, m, d->map[m].target, w, wanted_word (d, m, w));
  bitset_set (&d->map[m].raising, block);
}

void
disk_maps_lower (struct disk_log *d, bool will_raise)
{
  for (unsigned m = 0; m <= DISK_MAP_KERNEL; ++m) {
    struct disk_map *map = &d->map[m];

    bitset_clear_range (&map->raising, 0, map->blocks);
    for (uint64_t b = bitset_next_set (&map->changed, 0); b < map->blocks;
         b = bitset_next_set (&map->changed, b + 1)) {
      if (!lower_block (d, m, b))
        bitset_clear (&map->changed, b);
      else if (will_raise)
        take_target (d, m, b);
    }
  }
}

/* Raise to what was wanted when this commit lowered: everything lowered
 * later is not durable yet, and something raised later may rely on it.
 */
static void
raise_block (struct disk_log *d, unsigned m, uint64_t block)
{
  struct disk_map *map = &d->map[m];
  uint64_t end = block_word (d, m, block + 1), have, want, bits;
  bool differs = false;

  for (uint64_t w = block_word (d, m, block); w < end; ++w) {
    have = disk_image_get (d, m, map->image, w);
    want = wanted_word (d, m, w);
    bits = have & (disk_image_get (d, m, map->target, w) | want);
    if (bits != have) {
      disk_image_put (d, m, map->image, w, bits);
      bitset_set (&map->unsure, block);
    }
    differs |= bits != want;
  }
  if (!differs)
    bitset_clear (&map->changed, block);
}

void
disk_maps_raise (struct disk_log *d)
{
  for (unsigned m = 0; m <= DISK_MAP_KERNEL; ++m) {
    struct disk_map *map = &d->map[m];

    for (uint64_t b = bitset_next_set (&map->raising, 0); b < map->blocks;
         b = bitset_next_set (&map->raising, b + 1))
      raise_block (d, m, b);
  }
}
