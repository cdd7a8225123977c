/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "proto-types.h"
#include "proto-wire.h"

enum {
  HEADER_MAGIC = 0,
  HEADER_TYPE = HEADER_MAGIC + 4,
  HEADER_FLAGS = HEADER_TYPE + 2,
  HEADER_ID = HEADER_FLAGS + 2,
  HEADER_ERROR = HEADER_ID + 8,
  HEADER_LENGTH = HEADER_ERROR + 4,
  HEADER_CRC = HEADER_LENGTH + 4,
  HEADER_ZERO = HEADER_CRC + 4,
};
static_assert (HEADER_ID == 8 && HEADER_LENGTH == 20 &&
                 HEADER_ZERO + 4 == PROTO_HEADER_SIZE,
               "header");

static uint32_t
frame_crc (const uint8_t *frame, size_t len)
{
  static const uint8_t zero[4];
  uLong crc = crc32 (0, frame, HEADER_CRC);

  crc = crc32 (crc, zero, sizeof zero);
  return (uint32_t) crc32 (crc, frame + HEADER_ZERO,
                           (uInt) (len - HEADER_ZERO));
}

/* --- encoding --- */

static int
header_append (struct buffer *buf, const struct proto_msg *msg)
{
  uint8_t header[PROTO_HEADER_SIZE] = {0};

  put_be32 (header + HEADER_MAGIC, PROTO_MAGIC);
  put_be16 (header + HEADER_TYPE, msg->type);
  put_be16 (header + HEADER_FLAGS, msg->flags);
  put_be64 (header + HEADER_ID, msg->id);
  put_be32 (header + HEADER_ERROR, msg->error);
  return buffer_append (buf, header, sizeof header);
}

/* The frame that begins at start ends here. */
static void
frame_end (struct buffer *buf, size_t start)
{
  uint8_t *frame = buf->data + start;
  size_t len = buf->len - start;

  put_be32 (frame + HEADER_LENGTH, (uint32_t) (len - PROTO_HEADER_SIZE));
  put_be32 (frame + HEADER_CRC, frame_crc (frame, len));
}

int
proto_encode (struct buffer *buf, const struct proto_msg *msg)
{
  struct proto_msg fields = *msg;
  payload_fn *payload = proto_payload (msg);
  struct wire w = {.buf = buf};
  size_t start = buf->len;

  wire_check (&w, payload != NULL);
  if (!w.error && header_append (buf, msg) == -1)
    w.error = errno;
  if (!w.error)
    payload (&w, &fields);
  if (w.error) {
    buf->len = start;
    errno = w.error;
    return -1;
  }
  frame_end (buf, start);
  return 0;
}

static bool
has_runs (unsigned type)
{
  return type == PROTO_MARK_REGION || type == PROTO_CLEAR_REGION ||
         type == PROTO_SET_REGION_SYNC || type == PROTO_STATE_RUNS;
}

int
proto_runs_begin (struct proto_runs_frame *f, struct buffer *buf,
                  const struct proto_msg *msg)
{
  struct proto_msg fields = *msg;

  if (!has_runs (msg->type) || msg->error) {
    errno = EINVAL;
    return -1;
  }
  *f = (struct proto_runs_frame){.buf = buf, .start = buf->len};
  fields.change.runs = (struct proto_runs){0};
  return proto_encode (buf, &fields);
}

int
proto_runs_add (struct proto_runs_frame *f, uint64_t first, uint32_t nr)
{
  uint8_t run[PROTO_RUN_SIZE];

  if (!proto_run_ok (first, nr)) {
    errno = EINVAL;
    return -1;
  }
  if (f->nr == PROTO_MAX_RUNS) {
    errno = ENOSPC;
    return -1;
  }
  put_be64 (run, first);
  put_be32 (run + 8, nr);
  if (buffer_append (f->buf, run, sizeof run) == -1)
    return -1;
  f->nr++;
  return 0;
}

void
proto_runs_end (struct proto_runs_frame *f)
{
  uint8_t *runs = f->buf->data + f->buf->len - (size_t) f->nr * PROTO_RUN_SIZE;

  put_be32 (runs - 4, f->nr);
  frame_end (f->buf, f->start);
}

/* --- decoding --- */

size_t
proto_frame_length (const uint8_t header[PROTO_HEADER_SIZE])
{
  uint32_t len = get_be32 (header + HEADER_LENGTH);

  if (get_be32 (header + HEADER_MAGIC) != PROTO_MAGIC ||
      len > PROTO_MAX_PAYLOAD)
    return 0;
  return PROTO_HEADER_SIZE + (size_t) len;
}

static bool
frame_sound (const uint8_t *frame, size_t len)
{
  return len >= PROTO_HEADER_SIZE && proto_frame_length (frame) == len &&
         get_be32 (frame + HEADER_ZERO) == 0 &&
         get_be32 (frame + HEADER_CRC) == frame_crc (frame, len);
}

static void
header_get (struct proto_msg *msg, const uint8_t *frame)
{
  msg->type = get_be16 (frame + HEADER_TYPE);
  msg->flags = get_be16 (frame + HEADER_FLAGS);
  msg->id = get_be64 (frame + HEADER_ID);
  msg->error = get_be32 (frame + HEADER_ERROR);
}

/* -1 unless the payload is what the header in msg wants. */
static int
payload_get (struct proto_msg *msg, const uint8_t *frame, size_t len)
{
  struct wire w = {.next = frame + PROTO_HEADER_SIZE, .end = frame + len};
  payload_fn *payload = proto_payload (msg);

  if (!payload)
    return -1;
  payload (&w, msg);
  wire_check (&w, w.next == w.end);
  return w.error ? -1 : 0;
}

enum proto_error
proto_decode (struct proto_msg *msg, const uint8_t *frame, size_t len)
{
  memset (msg, 0, sizeof *msg);
  if (!frame_sound (frame, len))
    return PROTO_E_INVALID;
  header_get (msg, frame);
  if (payload_get (msg, frame, len) == 0)
    return PROTO_OK;
  memset (msg, 0, sizeof *msg);
  header_get (msg, frame);
  return proto_type_known (msg->type) ? PROTO_E_INVALID : PROTO_E_UNSUPPORTED;
}
