/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fields.h"
#include "order-leg.h"

#define DISK_LOG "disk:"

static bool
is_number_or_uuid (const char *text)
{
  size_t len = strlen (text);

  return len > 0 && (text[strspn (text, "0123456789")] == '\0' ||
                     (len == 36 && text[strspn (text, "0123456789abcdefABCDEF"
                                                      "-")] == '\0'));
}

/* The mirror knows files by the path that nbdkit made of what was typed. */
static void
add_absolute (struct json_object *request, const char *key, const char *prefix,
              const char *name)
{
  CLEANUP_FREE char *dir = getcwd (NULL, 0), *path = NULL;

  if (dir == NULL || asprintf (&path, "%s%s/%s", prefix, dir, name) == -1)
    path = NULL;
  field_add_text (request, key, path != NULL ? path : name);
}

void
order_add_path (struct json_object *request, const char *key, const char *leg)
{
  if (leg[0] != '/' && !strstr (leg, "://"))
    add_absolute (request, key, "", leg);
  else
    field_add_text (request, key, leg);
}

void
order_add_log (struct json_object *request, const char *log)
{
  size_t len = strlen (DISK_LOG);

  if (strncmp (log, DISK_LOG, len) == 0 && log[len] != '/')
    add_absolute (request, "log", DISK_LOG, log + len);
  else
    field_add_text (request, "log", log);
}

void
order_add_leg (struct json_object *request, const char *key, const char *leg)
{
  if (is_number_or_uuid (leg))
    field_add_text (request, key, leg);
  else
    order_add_path (request, key, leg);
}
