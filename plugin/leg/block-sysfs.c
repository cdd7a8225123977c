/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "block-sysfs.h"

void
block_path (dev_t rdev, const char *name, char path[PATH_MAX])
{
  snprintf (path, PATH_MAX, "/sys/dev/block/%u:%u/%s", major (rdev),
            minor (rdev), name);
}

static FILE *
open_attribute (dev_t rdev, const char *name)
{
  char path[PATH_MAX];

  block_path (rdev, name, path);
  return fopen (path, "re");
}

bool
block_attribute (dev_t rdev, const char *name, char *value, size_t size)
{
  FILE *fp = open_attribute (rdev, name);

  if (!fp)
    return false;
  if (!fgets (value, (int) size, fp))
    value[0] = '\0';
  fclose (fp);
  return true;
}

bool
block_number (dev_t rdev, const char *name, uint64_t *value)
{
  char text[32], *end;

  if (!block_attribute (rdev, name, text, sizeof text))
    return false;
  errno = 0;
  *value = strtoull (text, &end, 10);
  return errno == 0 && end != text;
}

bool
block_dev (dev_t rdev, const char *name, dev_t *value)
{
  char text[32];
  unsigned maj, min;

  if (!block_attribute (rdev, name, text, sizeof text) ||
      sscanf (text, "%u:%u", &maj, &min) != 2)
    return false;
  *value = makedev (maj, min);
  return true;
}

void
block_node (dev_t rdev, char *node, size_t size)
{
  static const char key[] = "DEVNAME=";
  char line[256];
  FILE *fp = open_attribute (rdev, "uevent");

  snprintf (node, size, "device %u:%u", major (rdev), minor (rdev));
  while (fp && fgets (line, sizeof line, fp))
    if (strncmp (line, key, strlen (key)) == 0) {
      line[strcspn (line, "\n")] = '\0';
      snprintf (node, size, "/dev/%s", line + strlen (key));
    }
  if (fp)
    fclose (fp);
}
