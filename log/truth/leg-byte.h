/* SPDX-License-Identifier: BSD-3-Clause */

/* The byte in which a disk log and the wire keep the kind of a leg, together with
 * what an operator has ordered of it:
 *
 *   bits 0-2  enum leg_kind
 *   bits 3-6  1 + slot of the leg that it replaces; 0: none
 *   bit 7     it is out of use until it is attached
 */

#ifndef NBDMIRROR_LOG_LEG_BYTE_H
#define NBDMIRROR_LOG_LEG_BYTE_H

#include "dirty-log.h"

static inline uint8_t
leg_byte_put (const struct log_leg *leg)
{
  return (uint8_t) ((leg->kind & 7) | leg->replaces << 3 |
                    (leg->parked ? 0x80 : 0));
}

static inline void
leg_byte_get (struct log_leg *leg, uint8_t byte)
{
  uint8_t replaces = byte >> 3 & 15;

  leg->kind = byte & 7;
  leg->replaces = replaces <= LOG_MAX_LEGS ? replaces : 0;
  leg->parked = byte >> 7;
}

#endif /* NBDMIRROR_LOG_LEG_BYTE_H */
