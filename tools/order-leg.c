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

static bool
is_number_or_uuid (const char *text)
{
  size_t len = strlen (text);

  return len > 0 && (text[strspn (text, "0123456789")] == '\0' ||
                     (len == 36 && text[strspn (text, "0123456789abcdefABCDEF"
                                                      "-")] == '\0'));
}

/* The mirror knows legs by the path that nbdkit made of what was typed. */
void
order_add_path (struct json_object *request, const char *key, const char *leg)
{
  CLEANUP_FREE char *dir = NULL, *path = NULL;

  if (leg[0] != '/' && !strstr (leg, "://")) {
    dir = getcwd (NULL, 0);
    if (dir != NULL && asprintf (&path, "%s/%s", dir, leg) == -1)
      path = NULL;
  }
  field_add_text (request, key, path != NULL ? path : leg);
}

void
order_add_leg (struct json_object *request, const char *key, const char *leg)
{
  if (is_number_or_uuid (leg))
    field_add_text (request, key, leg);
  else
    order_add_path (request, key, leg);
}
