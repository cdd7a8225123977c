/* SPDX-License-Identifier: BSD-3-Clause */

/* pread and pwrite that transfer all bytes or fail. */

#ifndef NBDMIRROR_FULL_IO_H
#define NBDMIRROR_FULL_IO_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* 0, or -1 with errno.  End of file before count bytes is EIO. */
static inline int
full_pread (int fd, void *buf, size_t count, uint64_t offset)
{
  char *p = buf;

  while (count > 0) {
    ssize_t r = pread (fd, p, count, (off_t) offset);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == 0)
      errno = EIO;
    if (r <= 0)
      return -1;
    p += r;
    count -= (size_t) r;
    offset += (size_t) r;
  }
  return 0;
}

/* 0, or -1 with errno; some bytes may have been written then. */
static inline int
full_pwrite (int fd, const void *buf, size_t count, uint64_t offset)
{
  const char *p = buf;

  while (count > 0) {
    ssize_t r = pwrite (fd, p, count, (off_t) offset);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == 0)
      errno = EIO;
    if (r <= 0)
      return -1;
    p += r;
    count -= (size_t) r;
    offset += (size_t) r;
  }
  return 0;
}

#endif /* NBDMIRROR_FULL_IO_H */
