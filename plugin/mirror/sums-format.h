/* SPDX-License-Identifier: BSD-3-Clause */

/* The head of the file of sums.h. */

#ifndef NBDMIRROR_SUMS_FORMAT_H
#define NBDMIRROR_SUMS_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "sums.h"

struct sums_head {
  const uint8_t *uuid; /* 16 bytes; decoded: in the buffer */
  uint64_t size, number;
  bool closed;
};

void sums_encode (uint8_t buf[SUMS_HEAD], const struct sums_head *head);

/* It begins as one of ours, of whatever version. */
bool sums_is_ours (const uint8_t buf[SUMS_HEAD]);

/* False: it is damaged, or of another version. */
bool sums_decode (const uint8_t buf[SUMS_HEAD], struct sums_head *head);

#endif /* NBDMIRROR_SUMS_FORMAT_H */
