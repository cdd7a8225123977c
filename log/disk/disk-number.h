/* SPDX-License-Identifier: BSD-3-Clause */

/* Block 9 of the area: the flush number, and the regions cleared last.
 * disk-format.h has it byte by byte.
 */

#ifndef NBDMIRROR_LOG_DISK_NUMBER_H
#define NBDMIRROR_LOG_DISK_NUMBER_H

#include "disk-format.h"

#define DISK_FLUSH_NUMBER_MAGIC "nbdmirrF"

/* encode replaces the older one of the two that are there. */
void disk_flush_number_encode (uint8_t buf[DISK_BLOCK], const uint8_t uuid[16],
                               uint64_t number);
uint64_t disk_flush_number_decode (const uint8_t buf[DISK_BLOCK],
                                   const uint8_t uuid[16]);

/* Behind the number, which must be there. */
void disk_recent_encode (uint8_t buf[DISK_BLOCK], uint64_t number,
                         const struct log_recent *recent);
void disk_recent_decode (struct log_recent *recent,
                         const uint8_t buf[DISK_BLOCK], uint64_t number,
                         uint64_t nr_regions);

#endif /* NBDMIRROR_LOG_DISK_NUMBER_H */
