/* SPDX-License-Identifier: BSD-3-Clause */

/* What lies behind the name of a leg, or of a log on a disk. */

#ifndef NBDMIRROR_LEG_OBJECTS_H
#define NBDMIRROR_LEG_OBJECTS_H

#include "object-set.h"

/* Look without opening it for writing; what is not there has only its name.
 * Fills in the set; 0, or -1 with errno and the set empty.  Blocks: for a URI,
 * the system is asked for the host's addresses.
 */
int leg_objects (struct object_set *set, const char *name);

#endif /* NBDMIRROR_LEG_OBJECTS_H */
