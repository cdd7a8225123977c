/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "byte-order.h"
#include "proto-wire.h"

void
wire_check (struct wire *w, bool ok)
{
  if (!ok && !w->error)
    w->error = EINVAL;
}

/* Append these bytes, or take as many.  Returns them, NULL after a failure.
 */
static const uint8_t *
pass (struct wire *w, const void *bytes, size_t len)
{
  if (w->error)
    return NULL;
  if (w->buf) {
    if (buffer_append (w->buf, bytes, len) == -1)
      w->error = errno;
    return w->error ? NULL : bytes;
  }
  if (len > (size_t) (w->end - w->next)) {
    w->error = EINVAL;
    return NULL;
  }
  w->next += len;
  return w->next - len;
}

void
wire_u8 (struct wire *w, uint8_t *v)
{
  uint8_t byte = *v;
  const uint8_t *p = pass (w, &byte, sizeof byte);

  if (p)
    *v = *p;
}

static void
wire_u16 (struct wire *w, uint16_t *v)
{
  uint8_t bytes[2];
  const uint8_t *p;

  put_be16 (bytes, *v);
  p = pass (w, bytes, sizeof bytes);
  if (p)
    *v = get_be16 (p);
}

void
wire_u32 (struct wire *w, uint32_t *v)
{
  uint8_t bytes[4];
  const uint8_t *p;

  put_be32 (bytes, *v);
  p = pass (w, bytes, sizeof bytes);
  if (p)
    *v = get_be32 (p);
}

void
wire_u64 (struct wire *w, uint64_t *v)
{
  uint8_t bytes[8];
  const uint8_t *p;

  put_be64 (bytes, *v);
  p = pass (w, bytes, sizeof bytes);
  if (p)
    *v = get_be64 (p);
}

void
wire_bool (struct wire *w, bool *v)
{
  uint8_t byte = *v;

  wire_u8 (w, &byte);
  wire_check (w, byte <= 1);
  *v = byte == 1;
}

void
wire_id (struct wire *w, uint8_t id[PROTO_ID_SIZE])
{
  const uint8_t *p = pass (w, id, PROTO_ID_SIZE);

  if (p && p != id)
    memcpy (id, p, PROTO_ID_SIZE);
}

void
wire_str (struct wire *w, struct proto_str *str, uint32_t max,
          bool (*ok) (struct proto_str str))
{
  uint16_t len = (uint16_t) str->len;
  const uint8_t *p;

  wire_check (w, str->len <= max);
  wire_u16 (w, &len);
  wire_check (w, len <= max);
  p = pass (w, str->s, len);
  if (!p && len > 0)
    return;
  *str = (struct proto_str){(const char *) p, len};
  wire_check (w, ok (*str));
}

bool
proto_run_ok (uint64_t first, uint64_t nr)
{
  return nr >= 1 && first < PROTO_MAX_REGIONS &&
         nr <= PROTO_MAX_REGIONS - first;
}

static bool
runs_ok (const struct proto_runs *runs)
{
  for (uint32_t i = 0; i < runs->nr; ++i) {
    struct proto_run run = proto_run_get (runs, i);

    if (!proto_run_ok (run.first, run.nr))
      return false;
  }
  return true;
}

void
wire_runs (struct wire *w, struct proto_runs *runs)
{
  wire_u32 (w, &runs->nr);
  wire_check (w, runs->nr <= PROTO_MAX_RUNS);
  runs->packed = pass (w, runs->packed, (size_t) runs->nr * PROTO_RUN_SIZE);
  wire_check (w, !runs->packed || runs_ok (runs));
}

struct proto_run
proto_run_get (const struct proto_runs *runs, uint32_t i)
{
  const uint8_t *p = runs->packed + (size_t) i * PROTO_RUN_SIZE;

  return (struct proto_run){get_be64 (p), get_be32 (p + 8)};
}
