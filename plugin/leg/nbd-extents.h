/* SPDX-License-Identifier: BSD-3-Clause */

/* Block status over one connection. */

#ifndef NBDMIRROR_NBD_EXTENTS_H
#define NBDMIRROR_NBD_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "leg.h"
#include "nbd-conn.h"

/* As extents of leg-ops.h, of a server that has block status. */
int conn_extents (struct conn *c, uint64_t offset, uint64_t count,
                  struct leg_extent *extents, size_t *nr);

/* Issue the request that it has made, a LEG_STATUS; see conn_issue. */
int64_t nbd_extents_issue (struct nbd_handle *nbd, struct leg_io *io,
                           nbd_completion_callback cb);

#endif /* NBDMIRROR_NBD_EXTENTS_H */
