/* SPDX-License-Identifier: BSD-3-Clause */

/* CRC-32C (Castagnoli), as iSCSI, btrfs and ext4 have it. */

#ifndef NBDMIRROR_CRC32C_H
#define NBDMIRROR_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of all that comes after what gave crc; begin with 0.  Uses the processor's own
 * instruction where there is one.
 */
uint32_t crc32c (uint32_t crc, const void *buf, size_t len);

/* The same without it. */
uint32_t crc32c_by_table (uint32_t crc, const void *buf, size_t len);

#endif /* NBDMIRROR_CRC32C_H */
