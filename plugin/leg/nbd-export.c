/* SPDX-License-Identifier: BSD-3-Clause */

/* What is learnt of an export. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include <libnbd.h>

#include "nbd-export.h"
#include "nbd-poll.h"

#define MAX_MIN_BLOCK (64u * 1024)
#define NBD_MAX_REQUEST (32u * 1024 * 1024)
/* Data go in pieces of this size, so that a slow server answers now and
 * then.
 */
#define MAX_PIECE (1u << 20)

/* A size constraint of the server, or 0. */
static uint64_t
block_size (struct nbd_handle *nbd, int which)
{
  int64_t r = nbd_get_block_size (nbd, which);

  return r > 0 ? (uint64_t) r : 0;
}

static int
learn_limits (struct leg *leg, struct nbd_handle *nbd)
{
  uint64_t min = block_size (nbd, LIBNBD_SIZE_MINIMUM);
  uint64_t max = block_size (nbd, LIBNBD_SIZE_MAXIMUM);

  if (min == 0)
    min = 1;
  if (max == 0 || max > NBD_MAX_REQUEST)
    max = NBD_MAX_REQUEST;
  if (min > MAX_MIN_BLOCK || (min & (min - 1)) != 0 || max < min) {
    leg_report (leg, "block size %" PRIu64 " is not a power of 2 up to 64K",
                min);
    errno = EINVAL;
    return -1;
  }
  leg->min_block = (uint32_t) min;
  leg->max_bare = (uint32_t) (max / min * min);
  leg->max_request = leg->max_bare < MAX_PIECE ? leg->max_bare : MAX_PIECE;
  return 0;
}

int
nbd_export_learn (struct nbd_export *export, struct leg *leg,
                  struct nbd_handle *nbd)
{
  int64_t size = nbd_get_size (nbd);
  bool fast = nbd_can_zero (nbd) == 1 && nbd_can_fast_zero (nbd) == 1;

  if (size < 0) {
    leg_report (leg, "size: %s", nbd_reason ());
    errno = nbd_reason_errno ();
    return -1;
  }
  if (nbd_is_read_only (nbd) != 0) {
    leg_report (leg, "the export is read-only");
    errno = EROFS;
    return -1;
  }
  leg->size = (uint64_t) size;
  leg->rotational = nbd_is_rotational (nbd) == 1;
  leg->can_fua = nbd_can_fua (nbd) == 1;
  export->can_zero = nbd_can_zero (nbd) == 1;
  export->can_flush = nbd_can_flush (nbd) == 1;
  export->can_cache = nbd_can_cache (nbd) == 1;
  export->parallel = nbd_can_multi_conn (nbd) == 1;
  export->can_extents =
    nbd_can_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
  atomic_store (&leg->fast_zero, fast);
  atomic_store (&leg->fast_trim, fast);
  return learn_limits (leg, nbd);
}
