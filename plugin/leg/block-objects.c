/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "block-objects.h"
#include "block-sysfs.h"
#include "cleanup.h"

#define SECTOR 512
#define MAX_DEPTH 16 /* of devices on devices */

/* The part of a larger object that begins at offset and has size bytes in all
 * (0: up to its end), of which we use this span.
 */
static struct span
part_of (struct span span, uint64_t offset, uint64_t size)
{
  if (size > 0 && span.end > size)
    span.end = size;
  if (__builtin_add_overflow (span.start, offset, &span.start))
    span.start = UINT64_MAX;
  if (__builtin_add_overflow (span.end, offset, &span.end))
    span.end = UINT64_MAX;
  return span;
}

/* The best name that the disk has by itself.  A controller's serial number is
 * only asked for where its disks have none of their own.
 */
static int
add_serial (struct object_set *set, dev_t rdev, struct span span)
{
  static const char *const names[] = {"wwid", "device/wwid", "serial",
                                      "device/serial"};
  char value[512], label[600];

  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (!block_attribute (rdev, names[i], value, sizeof value))
      continue;
    value[strcspn (value, "\n")] = '\0';
    if (value[strspn (value, " ")] == '\0')
      continue;
    snprintf (label, sizeof label, "the disk with %s %s",
              strrchr (names[i], '/') ? strrchr (names[i], '/') + 1 : names[i],
              value);
    return object_set_add (set, span, label, "%s", label);
  }
  return 0;
}

static bool
loop_status (dev_t rdev, const char *node, struct loop_info64 *info)
{
  CLEANUP_CLOSE int fd = -1;
  char path[512];

  if (!block_attribute (rdev, "loop/backing_file", path, sizeof path))
    return false;
  fd = open (node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  return fd != -1 && ioctl (fd, LOOP_GET_STATUS64, info) == 0;
}

static int add_device (struct object_set *set, dev_t rdev, struct span span,
                       unsigned depth);

static int
add_loop (struct object_set *set, dev_t rdev, const char *node,
          struct span span, unsigned depth)
{
  struct loop_info64 info;
  char file[512];

  if (!loop_status (rdev, node, &info))
    return 0;
  span = part_of (span, info.lo_offset, info.lo_sizelimit);
  if (info.lo_rdevice != 0)
    return add_device (set, info.lo_rdevice, span, depth + 1);
  if (!block_attribute (rdev, "loop/backing_file", file, sizeof file))
    file[0] = '\0';
  file[strcspn (file, "\n")] = '\0';
  return object_set_add (set, span, file, "file %" PRIu64 " %" PRIu64,
                         (uint64_t) info.lo_device, (uint64_t) info.lo_inode);
}

static int
add_disk_of_partition (struct object_set *set, dev_t rdev, struct span span,
                       unsigned depth)
{
  uint64_t number, start, size;
  dev_t disk;

  if (!block_number (rdev, "partition", &number) ||
      !block_number (rdev, "start", &start) ||
      !block_number (rdev, "size", &size) ||
      !block_dev (rdev, "../dev", &disk) ||
      __builtin_mul_overflow (start, SECTOR, &start) ||
      __builtin_mul_overflow (size, SECTOR, &size))
    return 0;
  return add_device (set, disk, part_of (span, start, size), depth + 1);
}

static int
add_slaves (struct object_set *set, dev_t rdev, unsigned depth)
{
  struct span some = {.end = UINT64_MAX, .below = true};
  char path[PATH_MAX];
  struct dirent *entry;
  int r = 0;
  DIR *dir;

  block_path (rdev, "slaves", path);
  dir = opendir (path);
  if (!dir)
    return 0;
  while (r == 0 && (entry = readdir (dir))) {
    char name[sizeof entry->d_name + 16];
    dev_t slave;

    snprintf (name, sizeof name, "slaves/%s/dev", entry->d_name);
    if (entry->d_name[0] != '.' && block_dev (rdev, name, &slave))
      r = add_device (set, slave, some, depth + 1);
  }
  closedir (dir);
  return r;
}

static int
add_device (struct object_set *set, dev_t rdev, struct span span,
            unsigned depth)
{
  char node[128];

  if (depth > MAX_DEPTH)
    return 0;
  block_node (rdev, node, sizeof node);
  if (object_set_add (set, span, node, "device %ju", (uintmax_t) rdev) == -1 ||
      add_serial (set, rdev, span) == -1 ||
      add_loop (set, rdev, node, span, depth) == -1 ||
      add_disk_of_partition (set, rdev, span, depth) == -1)
    return -1;
  return add_slaves (set, rdev, depth);
}

int
block_objects (struct object_set *set, dev_t rdev)
{
  return add_device (set, rdev, SPAN_ALL, 0);
}
