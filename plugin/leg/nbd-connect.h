/* SPDX-License-Identifier: BSD-3-Clause */

/* Connecting to an NBD server. */

#ifndef NBDMIRROR_NBD_CONNECT_H
#define NBDMIRROR_NBD_CONNECT_H

#include "nbd-conn.h"

/* Connect within the leg's timeout.  Blocks.  -1 with the error reported and
 * errno set.
 */
int conn_connect (struct conn *c);

#endif /* NBDMIRROR_NBD_CONNECT_H */
