/* SPDX-License-Identifier: BSD-3-Clause */

/* Connecting to an NBD server. */

#ifndef NBDMIRROR_NBD_CONNECT_H
#define NBDMIRROR_NBD_CONNECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nbd-conn.h"

struct conn_attempt {
  const char *uri;
  const char *tls_name; /* that the server must show, NULL: as the URI says */
  uint64_t deadline;
  const atomic_bool *stop;  /* when it is true, the attempt ends soon */
  char why[LEG_ERROR_SIZE]; /* set by one that fails */
};

/* Connect.  0, or -1 with errno (ETIMEDOUT, ECANCELED, or what libnbd said)
 * and why.  Blocks.
 */
int conn_connect (struct conn *c, struct conn_attempt *attempt);

#endif /* NBDMIRROR_NBD_CONNECT_H */
