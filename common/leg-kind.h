/* SPDX-License-Identifier: BSD-3-Clause */

/* What a leg is.  The numbers are stored in logs (log/disk/disk-format.h) and
 * sent to log servers.
 */

#ifndef NBDMIRROR_LEG_KIND_H
#define NBDMIRROR_LEG_KIND_H

enum leg_kind {
  LEG_MISSING = 0, /* named by nobody, or the word "missing" */
  LEG_FILE = 1,
  LEG_BLOCK = 2,
  LEG_NBD = 3,
};

/* "missing", "file", "block", "nbd"; "unknown" for any other number, which
 * may come from a log.  Thread-safe.
 */
const char *leg_kind_name (unsigned kind);

#endif /* NBDMIRROR_LEG_KIND_H */
