/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "block-objects.h"
#include "cleanup.h"
#include "leg-base.h"
#include "leg-name.h"
#include "leg-objects.h"
#include "nbd-places.h"

static int
add_places (struct object_set *set, const struct nbd_places *places)
{
  for (size_t i = 0; i < places->nr; ++i)
    if (object_set_add (set, SPAN_ALL, places->text[i], "export %s",
                        places->text[i]) == -1)
      return -1;
  return 0;
}

/* A URI that can't be parsed has nothing: it is refused later. */
static int
add_export (struct object_set *set, const char *uri)
{
  struct nbd_places places = {0};
  struct nbd_identity who;
  int r, err;

  r = nbd_identity_parse (&who, uri);
  if (r == 0 && (r = nbd_places_find (&places, &who)) == 0)
    r = add_places (set, &places);
  else if (errno == EINVAL)
    r = 0;
  err = errno;
  nbd_places_free (&places);
  nbd_identity_free (&who);
  errno = err;
  return r;
}

static int
add_path (struct object_set *set, const char *name)
{
  CLEANUP_FREE char *path = leg_canonical_path (name);
  struct stat st;

  if (!path || object_set_add (set, SPAN_ALL, path, "path %s", path) == -1)
    return -1;
  if (stat (path, &st) == -1)
    return 0;
  if (S_ISBLK (st.st_mode))
    return block_objects (set, st.st_rdev);
  return object_set_add (set, SPAN_ALL, path, "file %ju %ju",
                         (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
}

int
leg_objects (struct object_set *set, const char *name)
{
  int r, err;

  memset (set, 0, sizeof *set);
  r = leg_name_is_nbd (name) ? add_export (set, name) : add_path (set, name);
  err = errno;
  if (r == -1)
    object_set_free (set);
  errno = err;
  return r;
}
