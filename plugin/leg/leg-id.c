/* SPDX-License-Identifier: BSD-3-Clause */

/* Names and numbers of disks change from boot to boot.  Two that have been
 * exchanged must not be taken for each other, or the one that is stale would
 * become the source.
 */

#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uuid.h>

#include "block-sysfs.h"
#include "byte-order.h"
#include "cleanup.h"
#include "leg-id.h"

/* Append "NAME=VALUE" if the attribute is there. */
static bool
add_attribute (FILE *out, dev_t rdev, const char *name)
{
  char value[512];

  if (!block_attribute (rdev, name, value, sizeof value))
    return false;
  if (value[0] == '\n')
    value[0] = '\0';
  fprintf (out, "%s=%s", name, value);
  return value[0] != 0;
}

/* A partition's serial numbers are its disk's. */
static bool
describe (FILE *out, dev_t rdev)
{
  static const char *const names[] = {
    "dm/uuid",           "md/uuid",          "wwid",
    "device/wwid",       "serial",           "device/serial",
    "loop/backing_file", "../wwid",          "../device/wwid",
    "../serial",         "../device/serial", "../loop/backing_file",
  };
  bool any = false;

  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
    any |= add_attribute (out, rdev, names[i]);
  add_attribute (out, rdev, "loop/offset");
  add_attribute (out, rdev, "partition");
  return any;
}

void
block_identity (dev_t rdev, uint8_t id[LEG_ID_SIZE])
{
  static const uuid_t namespace = {0x5d, 0x0f, 0x71, 0x3e, 0x9a, 0x44,
                                   0x4b, 0x0c, 0x8e, 0x62, 0xd1, 0x17,
                                   0x2b, 0xc8, 0x90, 0x35};
  CLEANUP_FREE char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream (&text, &len);
  bool known = out && describe (out, rdev);

  if (out && fclose (out) == EOF)
    known = false;
  put_le64 (id, rdev);
  put_le64 (id + 8, 0);
  if (known)
    uuid_generate_sha1 (id, namespace, text, len);
}
