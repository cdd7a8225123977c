/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "leg-name.h"

static const char *const nbd_schemes[] = {
  "nbd", "nbds", "nbd+unix", "nbds+unix", "nbd+vsock", "nbds+vsock",
};

/* Length of the scheme if name is a URI, else 0. */
static size_t
scheme_length (const char *name)
{
  const char *end = strstr (name, "://");

  if (!end || !isalpha ((unsigned char) name[0]))
    return 0;
  for (const char *p = name; p < end; ++p)
    if (!isalnum ((unsigned char) *p) && !strchr ("+-.", *p))
      return 0;
  return (size_t) (end - name);
}

bool
leg_name_has_scheme (const char *name)
{
  return scheme_length (name) > 0;
}

bool
leg_name_is_nbd (const char *name)
{
  size_t len = scheme_length (name);

  for (size_t i = 0; i < sizeof nbd_schemes / sizeof nbd_schemes[0]; ++i)
    if (len == strlen (nbd_schemes[i]) &&
        strncasecmp (name, nbd_schemes[i], len) == 0)
      return true;
  return false;
}
