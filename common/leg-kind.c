/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "leg-kind.h"

const char *
leg_kind_name (unsigned kind)
{
  switch (kind) {
  case LEG_MISSING:
    return "missing";
  case LEG_FILE:
    return "file";
  case LEG_BLOCK:
    return "block";
  case LEG_NBD:
    return "nbd";
  default:
    return "unknown";
  }
}
