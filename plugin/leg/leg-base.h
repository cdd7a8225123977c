/* SPDX-License-Identifier: BSD-3-Clause */

/* The state of a leg, for the files that all kinds share. */

#ifndef NBDMIRROR_LEG_BASE_H
#define NBDMIRROR_LEG_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "leg.h"

/* The path, which need not exist, from the root.  To be freed; NULL with
 * errno.
 */
char *leg_absolute_path (const char *path);

/* The path without symbolic links and dots, of something that need not exist.
 * To be freed; NULL with errno.  Blocks on the file system.
 */
char *leg_canonical_path (const char *path);

/* The range lies within the leg and consists of whole blocks. */
bool leg_valid_range (const struct leg *leg, uint64_t offset, uint64_t count);

/* Refuse new requests with err.  True: they were served before. */
bool leg_refuse (struct leg *leg, int err);

/* The same for a leg that is lost: also note that, and why as its last error,
 * which it keeps.
 */
bool leg_refuse_lost (struct leg *leg, int err, const char *why);

/* Debug-log an error and keep it as the last one, unless the leg is lost or
 * has failed a flush: what comes after that is a consequence.
 */
void leg_keep_error (struct leg *leg, const char *text);

#endif /* NBDMIRROR_LEG_BASE_H */
