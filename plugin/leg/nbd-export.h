/* SPDX-License-Identifier: BSD-3-Clause */

/* What is learnt of an export when a leg's first connection is there. */

#ifndef NBDMIRROR_NBD_EXPORT_H
#define NBDMIRROR_NBD_EXPORT_H

#include <stdbool.h>

#include <libnbd.h>

#include "leg.h"

/* What the server can do. */
struct nbd_export {
  bool can_zero, can_flush, can_cache, can_extents;
  bool parallel; /* multi-conn */
};

/* Fill in export, and of the leg what is read-only once it is open, but for its
 * identity, and fast_zero and fast_trim.  The handle is connected.  0, or -1
 * with the error reported and errno set: an export that can't be a leg.
 */
int nbd_export_learn (struct nbd_export *export, struct leg *leg,
                      struct nbd_handle *nbd);

#endif /* NBDMIRROR_NBD_EXPORT_H */
