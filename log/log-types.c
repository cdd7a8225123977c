/* SPDX-License-Identifier: BSD-3-Clause */

/* The types of log there are. */

#include "config.h"

#include <string.h>

#include "backend.h"
#include "log-life.h"
#include "msg.h"

static const struct dirty_log_ops *const types[] = {
  &core_log_ops,
  &disk_log_ops,
  &userspace_log_ops,
  &userspace_core_log_ops,
};

#define NR_TYPES (sizeof types / sizeof types[0])

/* The name in a specification of this type, or NULL if it is none. */
static const char *
name_of_type (const struct dirty_log_ops *ops, const char *spec)
{
  size_t len = strlen (ops->type);

  if (strncmp (spec, ops->type, len) != 0)
    return NULL;
  if (!ops->name_is)
    return spec[len] == '\0' ? "" : NULL;
  return spec[len] == ':' && spec[len + 1] != '\0' ? spec + len + 1 : NULL;
}

struct dirty_log *
dirty_log_open_with (const char *spec, const struct log_options *options)
{
  for (size_t i = 0; i < NR_TYPES; ++i) {
    const char *name = name_of_type (types[i], spec);

    if (name)
      return types[i]->open (name, options);
  }
  msg_error ("log=%s: must be core, disk:PATH or userspace:HOST/NAME", spec);
  return NULL;
}

struct dirty_log *
dirty_log_open (const char *spec, unsigned flags)
{
  const struct log_options options = {.flags = flags};

  return dirty_log_open_with (spec, &options);
}
