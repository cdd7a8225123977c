/* SPDX-License-Identifier: BSD-3-Clause */

/* The trailer of a leg that an NBD server exports. */

#ifndef NBDMIRROR_DUMP_LEG_NBD_H
#define NBDMIRROR_DUMP_LEG_NBD_H

#include <stdbool.h>

struct leg_find;

/* The name is an NBD URI, not that of a file. */
bool leg_is_export (const char *name);

/* Look for the record at the end of the export.  Waits at most so long, but for
 * DNS.  Returns 0, also if there is none, or an exit code with the error
 * reported.  To be freed in either case.
 */
int leg_find_export (struct leg_find *f, const char *uri, double timeout_s);

#endif /* NBDMIRROR_DUMP_LEG_NBD_H */
