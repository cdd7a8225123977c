/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <fcntl.h>

#include "byte-order.h"
#include "deadline.h"
#include "file-id.h"

void
file_id (int fd, const struct stat *st, uint8_t id[FILE_ID_SIZE])
{
  struct statx stx;
  uint64_t second = st->st_dev;

  if (statx (fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) == 0 &&
      (stx.stx_mask & STATX_BTIME))
    second =
      (uint64_t) stx.stx_btime.tv_sec * NSEC_PER_SEC + stx.stx_btime.tv_nsec;
  put_le64 (id, st->st_ino);
  put_le64 (id + 8, second);
}
