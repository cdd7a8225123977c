/* SPDX-License-Identifier: BSD-3-Clause */

/* Any bytes as a frame of the log protocol: of a server's clients, or with
 * FUZZ_REPLY of its replies.  Magic, length and crc are made right, else
 * nothing would be looked at.  What is accepted must be encoded to the same
 * bytes, with its runs built in place as well.
 */

#include "config.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "cleanup.h"
#include "fuzz.h"
#include "proto.h"

#ifdef FUZZ_REPLY
const char fuzz_corpus[] = "proto-reply";
#else
const char fuzz_corpus[] = "proto-request";
#endif

static void
seal (uint8_t *frame, size_t len)
{
  uint16_t flags = get_be16 (frame + 6);

#ifdef FUZZ_REPLY
  flags |= PROTO_REPLY;
#else
  flags &= (uint16_t) ~PROTO_REPLY;
#endif
  put_be32 (frame, PROTO_MAGIC);
  put_be16 (frame + 6, flags);
  put_be32 (frame + 20, (uint32_t) (len - PROTO_HEADER_SIZE));
  memset (frame + 24, 0, 8);
  put_be32 (frame + 24, (uint32_t) crc32 (0, frame, (uInt) len));
}

static void
check_encoding (const struct proto_msg *msg, const uint8_t *frame, size_t len)
{
  struct buffer buf = {0};

  assert (proto_encode (&buf, msg) == 0);
  assert (buf.len == len && memcmp (buf.data, frame, len) == 0);
  buffer_free (&buf);
}

static bool
has_runs (const struct proto_msg *msg)
{
  return !msg->error &&
         (msg->type == PROTO_MARK_REGION || msg->type == PROTO_CLEAR_REGION ||
          msg->type == PROTO_SET_REGION_SYNC || msg->type == PROTO_STATE_RUNS);
}

static void
check_runs (const struct proto_msg *msg, const uint8_t *frame, size_t len)
{
  struct proto_runs_frame f;
  struct buffer buf = {0};

  assert (proto_runs_begin (&f, &buf, msg) == 0);
  for (uint32_t i = 0; i < msg->change.runs.nr; ++i) {
    struct proto_run run = proto_run_get (&msg->change.runs, i);

    assert (run.nr >= 1 && run.first + run.nr <= PROTO_MAX_REGIONS);
    assert (proto_runs_add (&f, run.first, run.nr) == 0);
  }
  proto_runs_end (&f);
  assert (buf.len == len && memcmp (buf.data, frame, len) == 0);
  buffer_free (&buf);
}

static void
check_refused (const struct proto_msg *msg, enum proto_error error)
{
  const uint8_t *payload = (const uint8_t *) &msg->record;

  assert (error == PROTO_E_INVALID || error == PROTO_E_UNSUPPORTED);
  for (size_t i = 0; i < sizeof msg->record; ++i)
    assert (payload[i] == 0);
}

static void
try_frame (const uint8_t *frame, size_t len)
{
  struct proto_msg msg;
  enum proto_error error = proto_decode (&msg, frame, len);

  if (error != PROTO_OK)
    check_refused (&msg, error);
  else {
    check_encoding (&msg, frame, len);
    if (has_runs (&msg))
      check_runs (&msg, frame, len);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  CLEANUP_FREE uint8_t *frame = NULL;

  try_frame (data, size);
  if (size < PROTO_HEADER_SIZE || size > PROTO_MAX_FRAME)
    return 0;
  frame = malloc (size);
  assert (frame);
  memcpy (frame, data, size);
  seal (frame, size);
  assert (proto_frame_length (frame) == size);
  try_frame (frame, size);
  return 0;
}
