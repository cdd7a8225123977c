/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "userspace-runs.h"

void
user_runs_init (struct user_runs *r, struct user_log *u, unsigned map,
                bool lowering)
{
  memset (r, 0, sizeof *r);
  r->u = u;
  r->out = log_client_output (u->client);
  r->msg.change.epoch = log_client_epoch (u->client);
  if (map != LOG_MAP_MARKED) {
    r->msg.type = PROTO_SET_REGION_SYNC;
    r->msg.change.slot = (uint8_t) (map - LOG_MAP_MISSED (0));
    r->msg.change.in_sync = !lowering;
  }
  else
    r->msg.type = lowering ? PROTO_MARK_REGION : PROTO_CLEAR_REGION;
}

static void
runs_close_frame (struct user_runs *r)
{
  if (r->open)
    proto_runs_end (&r->frame);
  r->open = false;
}

static void
runs_open_frame (struct user_runs *r)
{
  r->msg.id = log_client_id (r->u->client);
  r->error |= proto_runs_begin (&r->frame, r->out, &r->msg);
  r->open = r->error == 0;
}

static void
runs_emit (struct user_runs *r)
{
  if (r->nr == 0)
    return;
  if (r->open && r->frame.nr == PROTO_MAX_RUNS)
    runs_close_frame (r);
  if (!r->open)
    runs_open_frame (r);
  if (r->open)
    r->error |= proto_runs_add (&r->frame, r->first, (uint32_t) r->nr);
  r->nr = 0;
}

static void
runs_add (struct user_runs *r, uint64_t first, uint64_t nr)
{
  if (r->nr == 0 || first != r->first + r->nr) {
    runs_emit (r);
    r->first = first;
  }
  r->nr += nr;
}

void
user_runs_add_word (struct user_runs *r, uint64_t word, uint64_t bits)
{
  unsigned at = 0, skip, nr;

  while (bits) {
    skip = (unsigned) __builtin_ctzll (bits);
    bits >>= skip;
    nr = ~bits ? (unsigned) __builtin_ctzll (~bits) : 64;
    bits = nr < 64 ? bits >> nr : 0;
    at += skip;
    runs_add (r, word * 64 + at, nr);
    at += nr;
  }
}

int
user_runs_end (struct user_runs *r)
{
  runs_emit (r);
  runs_close_frame (r);
  return r->error;
}
