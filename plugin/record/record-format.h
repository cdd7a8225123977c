/* SPDX-License-Identifier: BSD-3-Clause */

/* The record of a leg, byte by byte: what a leg knows by itself of the mirror
 * that it belongs to.  Encoding and decoding only, no I/O.
 *
 * The log says which leg holds what; when it is lost, or an older copy of it
 * comes back, the legs' own records say it.  All fields are little endian.  The
 * area of a leg has 64 KiB: a file beside a leg that is a file, or the last of a
 * device or export, which the mirror's size leaves out:
 *
 *      0  slot 0, 4096 bytes
 *   4096  slot 1, 4096 bytes
 *   8192  beat, 512 bytes
 *   8704  zero
 *
 * A trailer begins at the last multiple of 4096 that leaves 64 KiB for it.  A leg
 * with larger blocks has none: a torn write could take both slots.
 *
 * A slot:
 *
 *      0  magic 8            "nbdmirrM"
 *      8  version u32        high half incompatible, low half compatible: 1.1
 *     12  crc32 u32          of the 4096 bytes with this field zero (zlib)
 *     16  sequence u64       counts what was written to all legs
 *     24  mirror 16          uuid of the mirror, and so of its log
 *     40  history 16         random; another one since source=N@G was used
 *     56  parent 16          the history before that; zero: there was none
 *     72  parent_generation u64  at which it was left
 *     80  leg 16             random id of this leg, no other leg has it
 *     96  file 16            identity of the file that this stands beside
 *                            (inode and time of birth); zero in a trailer
 *    112  size u64           of the mirror, bytes
 *    120  leg size u64       bytes, the trailer included
 *    128  generation u64     of the log
 *    136  region_size u32    bytes
 *    140  flags u32          RECORD_CLEAN ...
 *    144  slot u8            of this leg in the log
 *    145  primary u8         slot
 *    146  configured u8      mask of slots
 *    147  in_sync u8         mask of slots: who was in-sync, as this leg knows
 *    148  zero u32
 *    152  owner 112          who wrote this
 *    264  legs 8 x 16        their random ids; zero: not known
 *    392  log name 512       as typed, type included; cut off if longer
 *    904  names 8 x 256      of the legs, as typed; cut off if longer
 *   2952  had 8 x 32         what each leg has for certain, since 1.1
 *   3208  zero
 *
 * What a leg has, since it was in use last, whether it is now or not:
 *
 *      0  sequence u64       of its record; zero: not known
 *      8  session 16         of its beat
 *     24  count u64          the same; zero: not known
 *
 * An owner:
 *
 *      0  pid u32
 *      4  zero u32
 *      8  pid_ns u64         inode of its PID namespace
 *     16  boot 16            boot id of the host
 *     32  machine 16         machine id of the host; zero: it has none
 *     48  host 64            its name, padded with zeroes
 *
 * The beat says that somebody uses the leg, and who:
 *
 *      0  magic 8            "nbdmirrB"
 *      8  version u32        1.0
 *     12  crc32 u32          of the 512 bytes with this field zero (zlib)
 *     16  session 16         random, of this run of the mirror
 *     32  count u64          of the session's beats so far, to all legs
 *     40  interval u32       milliseconds between beats
 *     44  used u32           1 while the mirror runs, 0 when it ended cleanly
 *     48  mirror 16
 *     64  generation u64     of the log, as of this beat
 *     72  flush number u64   the same
 *     80  owner 112
 *    192  zero
 *
 * Acceptance rules.  A slot, or a beat, is valid if and only if
 *
 *   (1) it begins with the magic and its crc is right;
 *   (2) the high half of its version is ours (if not: the leg is refused and
 *       not written);
 *   (3) all bytes said to be zero are zero, in a version also those that a later
 *       one uses, and no unknown flag is set (not checked if the low half is
 *       higher than ours);
 *   (4) the mirror's uuid, the history and the leg's id, or the session, are
 *       not zero;
 *   (5) region_size is a power of two between 64 KiB and 64 MiB, size is not 0
 *       and not more than leg size, generation is not 0; sequence, generation and
 *       count are not more than 2^62, so that they can be counted up,
 *       nor are those of what legs have;
 *   (6) slot is one of configured, in_sync is not empty and in configured,
 *       primary is one of in_sync;
 *   (7) texts end in a zero byte, with only zeroes behind it, and the host is
 *       printable;
 *   (8) interval is between 100 and 60 000.
 *
 * Of two valid slots, which must be of one mirror and one leg, the one with the
 * higher sequence counts; the next one is written over the other.
 *
 *   (9) If one is valid and the other neither valid nor all zero, a write was
 *       torn: the valid one may be one change too old, so it is taken as not
 *       clean.
 *  (10) Both all zero: no record.  No valid one, but something: damaged; the leg
 *       is as one without record, and that is said.
 *
 * Which of two legs knows more: records of one history are ordered by
 * generation, then by sequence: starts that are cut off count it up on some legs
 * only, and those may then be absent.  A history is newer than its parent, of which it
 * knows all up to parent_generation: a record of the parent beyond that, or of
 * any third history, is of another line, and nobody can say which is right.
 * So is, in the same history, the record of a leg that was the only one in-sync
 * beside one that does not call it in-sync: there were two copies of the log.  And
 * so is that of a leg that was in-sync at a later generation than the log knows,
 * beside none that is in-sync by the log.
 *
 * Whether a leg was rolled back: its record has a lower sequence than the newest
 * record says that it has, or its beat is of the same session and has stopped more
 * than a minute before that (record-order.h).  What it misses by the log is too
 * little then.
 */

#ifndef NBDMIRROR_RECORD_FORMAT_H
#define NBDMIRROR_RECORD_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define RECORD_AREA 65536
#define RECORD_SLOT_SIZE 4096
#define RECORD_BEAT_SIZE 512
#define RECORD_BEAT_OFFSET (2 * RECORD_SLOT_SIZE)

#define RECORD_MAGIC "nbdmirrM"
#define RECORD_BEAT_MAGIC "nbdmirrB"
#define RECORD_VERSION UINT32_C (0x00010001)
#define RECORD_BEAT_VERSION UINT32_C (0x00010000)

/* Flags: the mirror ended cleanly, who is in in_sync holds the same. */
#define RECORD_CLEAN 1u
#define RECORD_ALL_FLAGS RECORD_CLEAN

#define RECORD_MAX_LEGS 8
#define RECORD_ID_SIZE 16
#define RECORD_HOST_SIZE 64
#define RECORD_LOG_NAME_SIZE 512 /* with the final NUL */
#define RECORD_NAME_SIZE 256     /* the same */
#define RECORD_MIN_INTERVAL_MS 100
#define RECORD_MAX_INTERVAL_MS 60000

struct record_owner {
  uint32_t pid;
  uint64_t pid_ns;
  uint8_t boot[RECORD_ID_SIZE];
  uint8_t machine[RECORD_ID_SIZE];
  char host[RECORD_HOST_SIZE];
};

/* What a leg has for certain. */
struct record_had {
  uint64_t sequence;
  uint8_t session[RECORD_ID_SIZE];
  uint64_t count;
};

struct leg_record {
  uint64_t sequence;
  uint8_t mirror[RECORD_ID_SIZE];
  uint8_t history[RECORD_ID_SIZE];
  uint8_t parent[RECORD_ID_SIZE];
  uint64_t parent_generation;
  uint8_t leg[RECORD_ID_SIZE];
  uint8_t file[RECORD_ID_SIZE];
  uint64_t size, leg_size;
  uint64_t generation;
  uint32_t region_size;
  uint32_t flags;
  uint8_t slot, primary;
  uint8_t configured, in_sync;
  struct record_owner owner;
  uint8_t legs[RECORD_MAX_LEGS][RECORD_ID_SIZE];
  char log_name[RECORD_LOG_NAME_SIZE];
  char name[RECORD_MAX_LEGS][RECORD_NAME_SIZE];
  struct record_had had[RECORD_MAX_LEGS];
};

struct leg_beat {
  uint8_t session[RECORD_ID_SIZE];
  uint64_t count;
  uint32_t interval_ms;
  bool used;
  uint8_t mirror[RECORD_ID_SIZE];
  uint64_t generation, flush_number;
  struct record_owner owner;
};

enum record_verdict {
  RECORD_BLANK,   /* all zero */
  RECORD_NONE,    /* no magic: somebody's data */
  RECORD_BAD,     /* magic, but not valid */
  RECORD_FOREIGN, /* of an incompatible version */
  RECORD_VALID,
};

/* Where the trailer of a leg of so many bytes begins, whose blocks have
 * min_block bytes; 0: the leg can have none.
 */
uint64_t record_trailer_offset (uint64_t leg_size, uint32_t min_block);

/* Texts that do not fit are cut off. */
void record_encode (uint8_t buf[RECORD_SLOT_SIZE], const struct leg_record *r);

/* Rules (1) to (7).  The record is only filled in if the verdict is
 * RECORD_VALID.
 */
enum record_verdict record_decode (struct leg_record *r,
                                   const uint8_t buf[RECORD_SLOT_SIZE]);

/* Both slots, as they follow each other: rules (9) and (10).  As above.  *next:
 * which of them the next record is written to, whatever the verdict.
 */
enum record_verdict
record_decode_area (struct leg_record *r,
                    const uint8_t buf[2 * RECORD_SLOT_SIZE], unsigned *next);

void record_beat_encode (uint8_t buf[RECORD_BEAT_SIZE],
                         const struct leg_beat *beat);
enum record_verdict record_beat_decode (struct leg_beat *beat,
                                        const uint8_t buf[RECORD_BEAT_SIZE]);

#endif /* NBDMIRROR_RECORD_FORMAT_H */
