/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log, byte by byte.  Encoding and decoding only, no I/O.
 *
 * All fields are little endian.  The file is a kernel dm-log:
 *
 *      0  header: magic u32 "rRiM", version u32, nr_regions u64
 *     16  slot A, 496 bytes
 *    512  slot B, 496 bytes
 *   1008  zero
 *   1024  the kernel's bitmap: bit r % 8 of byte r / 8 is region r, set =
 *         clean; rounded up to 8 bytes, padding bits zero
 *
 * and at area_offset, a multiple of 4096 behind the bitmap, our area:
 *
 *   block 0        third copy of the newest slot (496 bytes, then zero)
 *   blocks 1 ... 8 the legs' names as typed
 *   block 9        the flush number, and the regions cleared last
 *   mark map       same order of bits, set = marked
 *   missed maps    of slots 0 ... 7, set = missed
 *
 * Blocks have 4096 bytes; each map is rounded up to whole blocks.
 *
 * A slot:
 *
 *      0  magic 8          "nbdmirrL"
 *      8  version u32      high half incompatible, low half compatible
 *     12  crc32 u32        of the 496 bytes with this field zero (zlib)
 *     16  sequence u64     the newest slot has the highest
 *     24  uuid 16          of the mirror
 *     40  size u64         of the mirror, bytes
 *     48  region_size u32  bytes
 *     52  flags u32        DISK_CLEAN_SHUTDOWN ...
 *     56  generation u64
 *     64  area_offset u64  (DISK_SHARED_MAP: 0; DISK_CREATING: of the area
 *                          of the log that is being replaced, or 0)
 *     72  owner pid u32
 *     76  primary u8
 *     77  min_block u8     since version 2.1: the smallest block that clients
 *                          were told is 2^(this - 1) bytes; 0: not known
 *     78  zero 2
 *     80  owner host 64    padded with zeroes
 *    144  zero 32
 *    176  legs 8 x 40:
 *           0  id 16
 *          16  generation u64   of the log when last in-sync
 *          24  size u64         bytes
 *          32  state u8         enum log_leg_state
 *          33  kind u8          enum leg_kind, and what operators ordered:
 *                              leg-byte.h
 *          34  zero 6
 *
 * The flush number grows with each flush that writes.  Block 9 has an even
 * one at 0, an odd one at 512, so that the older outlives a torn write:
 *
 *      0  magic 8          "nbdmirrF"
 *      8  crc32 u32        of these 40 bytes with this field zero (zlib)
 *     12  zero 4
 *     16  uuid 16          of the mirror
 *     32  number u64
 *
 * Behind each number, in its sector, are the regions whose marks were
 * cleared last.  A version that does not know them leaves them as they are,
 * and so does not vouch for them:
 *
 *     40  crc32 u32        of the 176 bytes with this field and that of the
 *                          number zero (zlib)
 *     44  count u32        at most 16
 *     48  regions 16 x u64 the last one first; unused ones zero
 *
 * Magic, version, crc and the length of 496 bytes are the same in all
 * versions, so that damage is told from a version of the future.
 *
 * Acceptance rules.  A slot is valid if and only if
 *
 *   (1) it begins with the magic and its crc is right;
 *   (2) the high half of its version is ours (if not: the log is refused
 *       and not written to);
 *   (3) all bytes said to be zero are zero (not checked if the low half is
 *       higher than ours), min_block is zero if the low half is 0, and no
 *       unknown flag is set;
 *   (4) region_size is a power of two between 64 KiB and 64 MiB, size is
 *       not 0, and there are at most 64 Mi regions;
 *   (5) area_offset is a multiple of 4096, behind the bitmap; 0 with
 *       DISK_SHARED_MAP;
 *   (6) primary is below 8, min_block is at most 17 (64 KiB), leg states are
 *       known, an unused leg is all zero, no leg's generation is above the
 *       log's, owner host is printable and ends in a zero byte;
 *   (7) the parity of its sequence fits its place: even in A, odd in B, any
 *       in the third copy; the third copy's area_offset says where it is;
 *   (8) the area lies inside the file or device.
 *
 * Of A, B and a third copy with the same uuid, the highest sequence wins.
 *
 *   (9) If A or B is neither valid nor all zero, the survivor need not be
 *       the newest: only a valid third copy, at least as new, vouches.  It
 *       is looked for where the valid slot says, behind the bitmap, and if
 *       none is valid at each 4 KiB boundary of the first 256 MiB.
 *
 * Then, in this order:
 *
 *  (10) all zero: a new log;
 *  (11) header magic right, version neither 1 nor 2: refused, not written;
 *  (12) header magic right, no slot magic: the kernel's own log;
 *       header magic wrong, no slot magic and no third copy: not a log,
 *       refused; with a third copy: damaged;
 *  (13) no slot valid: damaged;
 *  (14) the newest slot has DISK_CREATING: a new log;
 *  (15) header magic wrong: damaged;
 *  (16) version 1: ours.  nr_regions is what size and region_size say, or
 *       smaller (a growth did not finish; the regions behind it count as
 *       dirty), else damaged;
 *  (17) version 2: ours, but the kernel used it since.  nr_regions is what
 *       size and region_size say, else refused.
 *
 * Loading what was accepted:
 *
 *  (18) a region is marked if the mark map says so, or if the kernel's bit
 *       is clear (dirty) and no missed map has it;
 *  (19) DISK_SHARED_MAP: each region whose kernel bit is clear is marked,
 *       and missed by every stale leg;
 *  (20) an in-sync leg whose missed map is not empty is stale;
 *  (21) DISK_CLEAN_SHUTDOWN counts only if nothing is marked;
 *  (22) a name whose length or crc is wrong is "";
 *  (23) the flush number is the higher one of those in block 9 whose magic,
 *       crc and uuid are right, or 0;
 *  (24) the regions cleared last are those behind that number if their crc
 *       and count are right and they exist, or none.
 *
 * A log that was moved has slots of version 3.0, which programs that know only 2
 * refuse.  Up to the uuid they are as others; then
 *
 *     144  where to 352       as typed, type included; cut off if longer, padded
 *                             with zeroes
 *
 *  (25) If A or B is such a slot (magic, crc and version right, the text ends in a
 *       zero byte), the log is refused with what it says, whatever else there
 *       is.  Only a move back to it, of the same mirror, makes it a new log.
 */

#ifndef NBDMIRROR_DISK_FORMAT_H
#define NBDMIRROR_DISK_FORMAT_H

#include "dirty-log.h"

#define DISK_BLOCK UINT64_C (4096)

#define DISK_MAGIC UINT32_C (0x4d695272)
#define DISK_VERSION_OURS 1
#define DISK_VERSION_KERNEL 2
#define DISK_HEADER_SIZE 16
#define DISK_BITMAP_OFFSET 1024

#define DISK_SLOT_MAGIC "nbdmirrL"
#define DISK_SLOT_VERSION \
  UINT32_C (0x00020001) /* 1: before the first release */
#define DISK_SLOT_SIZE 496
#define DISK_MOVED_VERSION UINT32_C (0x00030000)
#define DISK_MOVED_TEXT 352 /* with the final NUL */
#define DISK_SLOT_OFFSET(sequence) ((sequence) % 2 ? 512 : 16)

#define DISK_CLEAN_SHUTDOWN 1u
#define DISK_CREATING 2u
#define DISK_SHARED_MAP 4u
#define DISK_ALL_FLAGS (DISK_CLEAN_SHUTDOWN | DISK_CREATING | DISK_SHARED_MAP)

/* Third copy, names, flush number. */
#define DISK_FLUSH_NUMBER_BLOCK (1 + LOG_MAX_LEGS)
#define DISK_AREA_HEAD_BLOCKS (2 + LOG_MAX_LEGS)

struct disk_header {
  bool magic_ok;
  uint32_t version;
  uint64_t nr_regions;
};

struct disk_leg {
  uint8_t id[LOG_ID_SIZE];
  uint64_t generation;
  uint64_t size;
  uint8_t state;
  uint8_t kind;
};

struct disk_slot {
  uint64_t sequence;
  uint8_t uuid[16];
  uint64_t size;
  uint32_t region_size;
  uint32_t flags;
  uint64_t generation;
  uint64_t area_offset;
  uint32_t owner_pid;
  uint8_t primary;
  uint32_t min_block; /* bytes; 0: not known */
  char owner_host[LOG_HOST_SIZE];
  struct disk_leg leg[LOG_MAX_LEGS];
};

enum disk_verdict {
  DISK_SLOT_BLANK,   /* all zero */
  DISK_SLOT_NONE,    /* no magic */
  DISK_SLOT_BAD,     /* magic, but not valid */
  DISK_SLOT_FOREIGN, /* of an incompatible version */
  DISK_SLOT_MOVED,   /* rule (25) */
  DISK_SLOT_VALID,   /* rules (1) to (6) */
};

/* Where things are, in bytes. */
struct disk_layout {
  uint64_t nr_regions;
  uint64_t bitmap_end; /* of the kernel's bitmap, with padding */
  uint64_t head_size;  /* the same, rounded up to whole blocks */
  uint64_t map_size;   /* of one of our maps */
  uint64_t area_offset;
  uint64_t area_size;
};

/* area_offset 0 means: directly behind the bitmap. */
void disk_layout_init (struct disk_layout *layout, uint64_t nr_regions,
                       uint64_t area_offset);

void disk_header_encode (uint8_t buf[DISK_HEADER_SIZE],
                         const struct disk_header *header);
void disk_header_decode (struct disk_header *header,
                         const uint8_t buf[DISK_HEADER_SIZE]);

void disk_slot_encode (uint8_t buf[DISK_SLOT_SIZE],
                       const struct disk_slot *slot);

/* The slot is only filled in if the verdict is DISK_SLOT_VALID. */
enum disk_verdict disk_slot_decode (struct disk_slot *slot,
                                    const uint8_t buf[DISK_SLOT_SIZE]);

/* The slot of a log that was moved: it says of which mirror, and where to, cut off
 * if that is too long.  Decode only what disk_slot_decode called so.
 */
void disk_moved_encode (uint8_t buf[DISK_SLOT_SIZE],
                        const struct disk_slot *slot, const char *spec);
void disk_moved_decode (uint8_t uuid[16], char spec[DISK_MOVED_TEXT],
                        const uint8_t buf[DISK_SLOT_SIZE]);

static inline uint64_t
disk_slot_regions (const struct disk_slot *slot)
{
  return slot->size / slot->region_size +
         (slot->size % slot->region_size != 0);
}

/* One of the blocks 1 ... 8.  name is a LOG_NAME_SIZE buffer. */
void disk_name_encode (uint8_t buf[DISK_BLOCK], const char *name);
void disk_name_decode (char *name, const uint8_t buf[DISK_BLOCK]);

#endif /* NBDMIRROR_DISK_FORMAT_H */
