/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object-set.h"

int
object_set_add (struct object_set *set, struct span span, const char *label,
                const char *key, ...)
{
  size_t size = strlen (label) + 1;
  struct object *object = malloc (sizeof *object + size);
  va_list args;
  int r;

  if (!object)
    return -1;
  va_start (args, key);
  r = vasprintf (&object->key, key, args);
  va_end (args);
  if (r == -1) {
    free (object);
    return -1;
  }
  memcpy (object->label, label, size);
  object->span = span;
  object->next = NULL;
  *(set->last ? set->last : &set->first) = object;
  set->last = &object->next;
  return 0;
}

static bool
overlap (const struct object *a, const struct object *b)
{
  return strcmp (a->key, b->key) == 0 && !(a->span.below && b->span.below) &&
         a->span.start < b->span.end && b->span.start < a->span.end;
}

const char *
object_set_shared (const struct object_set *a, const struct object_set *b)
{
  for (const struct object *x = a->first; x; x = x->next)
    for (const struct object *y = b->first; y; y = y->next)
      if (overlap (x, y))
        return x->label;
  return NULL;
}

void
object_set_free (struct object_set *set)
{
  while (set->first) {
    struct object *object = set->first;

    set->first = object->next;
    free (object->key);
    free (object);
  }
  set->last = NULL;
}
