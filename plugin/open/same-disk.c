/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "leg-objects.h"
#include "msg.h"
#include "same-disk.h"

#define DISK_LOG "disk:"

/* The sets of the legs, and that of the log. */
struct sets {
  struct object_set leg[MIRROR_MAX_LEGS], log;
};

/* Some makers give all their disks one number. */
static const char *
way_out (const char *shared)
{
  return strncmp (shared, "the disk with ", strlen ("the disk with ")) == 0
           ? "; if they are two disks with one number, serve one of them "
             "with `nbdkit file' and give its URI"
           : "";
}

static int
look_at (struct object_set *set, const char *name)
{
  if (leg_objects (set, name) == 0)
    return 0;
  msg_error ("%s: %m", name);
  return -1;
}

static int
look (const struct mirror_config *config, struct sets *sets)
{
  for (unsigned i = 0; i < config->nr_legs; ++i)
    if (strcmp (config->leg[i], "missing") != 0 &&
        look_at (&sets->leg[i], config->leg[i]) == -1)
      return -1;
  if (strncmp (config->log, DISK_LOG, strlen (DISK_LOG)) == 0)
    return look_at (&sets->log, config->log + strlen (DISK_LOG));
  return 0;
}

static int
compare_legs (const struct mirror_config *config, const struct sets *sets)
{
  for (unsigned i = 0; i < config->nr_legs; ++i)
    for (unsigned j = 0; j < i; ++j) {
      const char *shared = object_set_shared (&sets->leg[j], &sets->leg[i]);

      if (shared) {
        msg_error ("leg %s and leg %s are the same disk: both lie on %s%s",
                   config->leg[j], config->leg[i], shared, way_out (shared));
        return -1;
      }
    }
  return 0;
}

static int
compare_log (const struct mirror_config *config, const struct sets *sets)
{
  for (unsigned i = 0; i < config->nr_legs; ++i) {
    const char *shared = object_set_shared (&sets->leg[i], &sets->log);

    if (shared) {
      msg_error ("log=%s: leg %s is the same disk: both lie on %s%s",
                 config->log, config->leg[i], shared, way_out (shared));
      return -1;
    }
  }
  return 0;
}

int
same_disk_refuse (const struct mirror_config *config)
{
  struct sets sets = {0};
  int r = look (config, &sets);

  if (r == 0)
    r = compare_legs (config, &sets);
  if (r == 0)
    r = compare_log (config, &sets);
  for (unsigned i = 0; i < config->nr_legs; ++i)
    object_set_free (&sets.leg[i]);
  object_set_free (&sets.log);
  return r;
}
