/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "record-area.h"
#include "record-beside.h"

#define BEAT_BLOCK 4096 /* written as a whole, on any leg with a trailer */

/* --- where it is --- */

static bool
has_place (const struct record_area *area)
{
  return area->path || area->trailer > 0;
}

static bool
is_file (const struct record_area *area)
{
  return area->path != NULL;
}

/* What lies within the mirror's size is clients' data, whatever it looks like. */
static uint64_t
trailer_behind (const struct leg *leg, uint64_t mirror_size)
{
  uint64_t trailer = record_trailer_offset (leg->size, leg->min_block);

  return trailer >= mirror_size ? trailer : 0;
}

int
record_area_open (struct record_area *area, struct leg *leg,
                  uint64_t mirror_size, bool read_only)
{
  *area = (struct record_area){.leg = leg, .fd = -1};
  if (leg->kind != LEG_FILE) {
    area->trailer = trailer_behind (leg, mirror_size);
    return 0;
  }
  area->path = beside_path (leg);
  if (!area->path)
    return -1;
  return beside_open (area, read_only ? O_RDONLY : O_RDWR);
}

void
record_area_close (struct record_area *area)
{
  if (area->path && area->fd != -1)
    close (area->fd);
  free (area->path);
  *area = (struct record_area){.fd = -1};
}

/* --- reading --- */

static int
read_bytes (struct record_area *area, uint8_t *buf, size_t len,
            uint64_t offset)
{
  if (!is_file (area))
    return leg_run (area->leg, LEG_READ, LEG_UNCOUNTED, buf,
                    area->trailer + offset, len);
  if (area->fd == -1) {
    memset (buf, 0, len);
    return 0;
  }
  return beside_read (area, buf, len, offset);
}

static bool
all_zero (const uint8_t *buf, size_t len)
{
  return buf[0] == 0 && memcmp (buf, buf + 1, len - 1) == 0;
}

static void
look_at_record (struct record_area *area, struct record_found *found,
                const uint8_t *buf)
{
  found->verdict = record_decode_area (&found->record, buf, &area->next);
  if (found->verdict != RECORD_VALID || !is_file (area) ||
      memcmp (found->record.file, area->leg->id, RECORD_ID_SIZE) == 0)
    return;
  found->other_file = true;
  found->verdict = RECORD_BLANK;
}

int
record_area_read (struct record_area *area, struct record_found *found)
{
  CLEANUP_FREE uint8_t *buf = NULL;

  memset (found, 0, sizeof *found);
  if (!has_place (area))
    return 0;
  buf = malloc (RECORD_AREA);
  if (!buf || read_bytes (area, buf, RECORD_AREA, 0) == -1)
    return -1;
  look_at_record (area, found, buf);
  found->has_beat =
    !found->other_file &&
    record_beat_decode (&found->beat, buf + RECORD_BEAT_OFFSET) ==
      RECORD_VALID;
  found->zero = all_zero (buf, RECORD_AREA);
  area->in_use = found->verdict == RECORD_VALID;
  return 0;
}

bool
record_area_in_place (const struct record_area *area,
                      const struct record_found *found)
{
  if (is_file (area) || area->trailer == 0)
    return true;
  return found->verdict == RECORD_VALID &&
         record_trailer_offset (found->record.leg_size,
                                area->leg->min_block) == area->trailer;
}

static bool
was_smaller (const struct record_area *old, const struct record_found *found)
{
  const struct leg_record *r = &found->record;

  return found->verdict == RECORD_VALID && r->leg_size < old->leg->size &&
         record_trailer_offset (r->leg_size, old->leg->min_block) ==
           old->trailer;
}

bool
record_area_read_old (const struct record_area *area, uint64_t offset,
                      const uint8_t mirror[RECORD_ID_SIZE],
                      struct record_found *found, bool *error)
{
  struct record_area old = {.leg = area->leg, .fd = -1, .trailer = offset};
  CLEANUP_FREE struct record_found *there = NULL;

  *error = false;
  if (is_file (area) || offset == 0 || offset >= area->trailer)
    return false;
  there = malloc (sizeof *there);
  *error = !there || record_area_read (&old, there) == -1;
  if (*error || !was_smaller (&old, there) ||
      memcmp (there->record.mirror, mirror, RECORD_ID_SIZE) != 0)
    return false;
  there->zero = found->zero;
  *found = *there;
  return true;
}

bool
record_area_can_move (const struct record_area *area,
                      const struct record_found *found)
{
  uint64_t old =
    record_trailer_offset (found->record.leg_size, area->leg->min_block);

  return found->zero && area->trailer >= old + RECORD_AREA;
}

int
record_area_read_beat (struct record_area *area, enum record_verdict *verdict,
                       struct leg_beat *beat)
{
  uint8_t buf[BEAT_BLOCK];

  *verdict = RECORD_BLANK;
  if (!has_place (area))
    return 0;
  if (read_bytes (area, buf, sizeof buf, RECORD_BEAT_OFFSET) == -1)
    return -1;
  *verdict = record_beat_decode (beat, buf);
  return 0;
}

/* --- writing --- */

int
record_area_make (struct record_area *area)
{
  if (is_file (area) && !area->in_use && beside_make (area) == -1)
    return -1;
  area->in_use = true;
  return 0;
}

int
record_area_remove (struct record_area *area)
{
  if (is_file (area) && area->fd != -1 && unlink (area->path) == -1 &&
      errno != ENOENT)
    return -1;
  if (!is_file (area) && area->in_use &&
      leg_run (area->leg, LEG_ZERO, LEG_UNCOUNTED | LEG_FUA, NULL,
               area->trailer, RECORD_AREA) == -1)
    return -1;
  area->in_use = false;
  return 0;
}

int
record_area_restore (struct record_area *area)
{
  return is_file (area) ? beside_restore (area) : 0;
}

static void
write_record (struct record_area *area, struct record_write *w,
              uint64_t offset)
{
  if (beside_write (area, w->buf, sizeof w->buf, offset, true,
                    &w->io.unsent) == -1)
    w->io.error = errno;
}

void
record_area_submit (struct record_area *area, struct record_write *w,
                    const struct leg_record *r,
                    void (*done) (struct leg_io *io), void *opaque)
{
  uint64_t offset = (uint64_t) area->next * RECORD_SLOT_SIZE;

  record_encode (w->buf, r);
  w->io = (struct leg_io){
    .op = LEG_WRITE,
    .flags = LEG_FUA | LEG_UNCOUNTED,
    .buf = w->buf,
    .offset = area->trailer + offset,
    .count = RECORD_SLOT_SIZE,
    .done = done,
    .opaque = opaque,
  };
  if (!is_file (area)) {
    leg_submit (area->leg, &w->io);
    return;
  }
  write_record (area, w, offset);
  done (&w->io);
}

void
record_area_written (struct record_area *area)
{
  area->next = !area->next;
}

static int
write_slot (struct record_area *area, void *buf)
{
  uint64_t offset = (uint64_t) area->next * RECORD_SLOT_SIZE;
  bool unsent;

  if (is_file (area))
    return beside_write (area, buf, RECORD_SLOT_SIZE, offset, true, &unsent);
  return leg_run (area->leg, LEG_WRITE, LEG_UNCOUNTED | LEG_FUA, buf,
                  area->trailer + offset, RECORD_SLOT_SIZE);
}

int
record_area_write (struct record_area *area, const struct leg_record *r)
{
  uint8_t buf[RECORD_SLOT_SIZE];

  record_encode (buf, r);
  if (write_slot (area, buf) == -1)
    return -1;
  record_area_written (area);
  return 0;
}

int
record_area_write_beat (struct record_area *area, const struct leg_beat *beat,
                        unsigned flags)
{
  uint8_t buf[BEAT_BLOCK] = {0};
  bool unsent;

  record_beat_encode (buf, beat);
  if (is_file (area))
    return beside_write (area, buf, sizeof buf, RECORD_BEAT_OFFSET, false,
                         &unsent);
  return leg_run (area->leg, LEG_WRITE, LEG_UNCOUNTED | flags, buf,
                  area->trailer + RECORD_BEAT_OFFSET, sizeof buf);
}
