/* SPDX-License-Identifier: BSD-3-Clause */

/* What a leg or a log lies on: parts of files and disks, or exports.  Two that
 * lie on the same part of the same object are one disk.
 *
 * Of some devices (device mapper, md) nobody can tell cheaply which part of
 * what is below them they use.  Two of them may share a disk, as logical
 * volumes do; but neither goes with the disk itself.
 */

#ifndef NBDMIRROR_OBJECT_SET_H
#define NBDMIRROR_OBJECT_SET_H

#include <stdbool.h>
#include <stdint.h>

struct span {
  uint64_t start, end; /* bytes of the object; end is behind the last */
  bool below;          /* some of it, of which nobody can tell */
};

#define SPAN_ALL ((struct span){.end = UINT64_MAX})

struct object {
  struct object *next;
  struct span span;
  char *key;    /* the same for the same object */
  char label[]; /* for people */
};

/* Zeroes: empty. */
struct object_set {
  struct object *first, **last;
};

/* key is made with a format.  0, or -1 with errno. */
int object_set_add (struct object_set *set, struct span span,
                    const char *label, const char *key, ...)
  __attribute__ ((format (printf, 4, 5)));

/* The label of the first object of a that both lie on, or NULL. */
const char *object_set_shared (const struct object_set *a,
                               const struct object_set *b);

void object_set_free (struct object_set *set);

#endif /* NBDMIRROR_OBJECT_SET_H */
