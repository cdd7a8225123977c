/* SPDX-License-Identifier: BSD-3-Clause */

/* Block status of an export. */

#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include <libnbd.h>

#include "deadline.h"
#include "nbd-conn.h"
#include "nbd-extents.h"
#include "nbd-send.h"

/* Block status is a 32 bit affair. */
#define MAX_BLOCK_STATUS (1u << 30)

struct extents_request {
  struct leg_io io;
  struct leg_extent *extents;
  size_t max, nr;
  uint64_t covered;
  sem_t done;
};

static int
extents_cb (void *opaque, const char *context, uint64_t offset,
            uint32_t *entries, size_t nr_entries, int *error)
{
  struct extents_request *req = opaque;

  (void) offset;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
    return 0;
  if (req->nr > 0) { /* a second answer: which one is right? */
    *error = EIO;
    return -1;
  }
  for (size_t i = 0; i + 1 < nr_entries; i += 2) {
    uint64_t left = req->io.count - req->covered;
    uint64_t length = entries[i] < left ? entries[i] : left;

    if (length == 0 || req->nr == req->max)
      continue;
    req->extents[req->nr++] = (struct leg_extent){
      .length = length,
      .hole = entries[i + 1] & LIBNBD_STATE_HOLE,
      .zero = entries[i + 1] & LIBNBD_STATE_ZERO,
    };
    req->covered += length;
  }
  return 0;
}

int64_t
nbd_extents_issue (struct nbd_handle *nbd, struct leg_io *io,
                   nbd_completion_callback cb)
{
  const struct extents_request *req = (const struct extents_request *) io;
  nbd_extent_callback extents = {.callback = extents_cb, .user_data = io};
  /* Or the server looks up, and sends, all extents up to the end. */
  uint32_t flags = req->max == 1 ? LIBNBD_CMD_FLAG_REQ_ONE : 0;

  return nbd_aio_block_status (nbd, io->count, io->offset, extents, cb, flags);
}

static void
extents_answered (struct leg_io *io, int err, uint64_t now)
{
  struct extents_request *req = (struct extents_request *) io;

  (void) now;
  io->error = err;
  sem_post (&req->done);
}

int
conn_extents (struct conn *c, uint64_t offset, uint64_t count,
              struct leg_extent *extents, size_t *nr)
{
  struct extents_request req = {
    .io = {.leg = c->leg,
           .op = LEG_STATUS,
           .offset = offset,
           .count = count < MAX_BLOCK_STATUS ? count : MAX_BLOCK_STATUS,
           .start_ns = now_ns (),
           .answered = extents_answered},
    .extents = extents,
    .max = *nr,
  };

  sem_init (&req.done, 0, 0);
  conn_submit (c, &req.io);
  while (sem_wait (&req.done) == -1 && errno == EINTR)
    ;
  sem_destroy (&req.done);
  if (req.io.error == 0 && req.nr == 0)
    req.io.error = EIO; /* the server described nothing */
  if (req.io.error != 0) {
    errno = req.io.error;
    return -1;
  }
  *nr = req.nr;
  return 0;
}
