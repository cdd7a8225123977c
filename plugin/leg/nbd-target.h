/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the server of a leg is.
 *
 * A name is looked up aside and with a limit, each time that the leg is
 * connected, so a server that has moved is found.  If there is no answer the
 * address that was right the last time is tried.  All connections of a leg go
 * to one address: a name may stand for several servers.
 *
 * Not thread-safe: for who opens and closes the leg.
 */

#ifndef NBDMIRROR_NBD_TARGET_H
#define NBDMIRROR_NBD_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nbd-connect.h"
#include "nbd-identity.h"
#include "resolver.h"

struct nbd_target {
  char *uri;                 /* as typed, with absolute paths */
  struct resolver *resolver; /* NULL: there is no name */
  char *tls_name; /* of the server, if TLS needs it and it has one, or NULL */
  char *good;     /* the URI, with an address, that worked last, or NULL */
};

/* 0, or -1 with errno.  On -1, too, nbd_target_free may be called. */
int nbd_target_init (struct nbd_target *t, const char *uri,
                     const struct nbd_identity *who);

/* A struct of zeroes is allowed. */
void nbd_target_free (struct nbd_target *t);

/* Connect the first connection of a leg.  0, or -1 with errno and attempt->why;
 * attempt->uri is for the other connections afterwards, and lives until the
 * next call.  Blocks.
 */
int nbd_target_connect (struct nbd_target *t, struct conn *c,
                        struct conn_attempt *attempt);

#endif /* NBDMIRROR_NBD_TARGET_H */
