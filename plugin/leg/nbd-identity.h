/* SPDX-License-Identifier: BSD-3-Clause */

/* Which export an NBD URI names.
 *
 * The normal form of a URI is what remains of it when all is left out that
 * another user of the same export may write in another way: the user, TLS and
 * its keys, the number of connections, other parameters and their order, the
 * case of host and scheme, a default port.  Hosts that see the same export, each
 * with a key of its own, agree on it.  Names are not resolved for it: a host
 * keeps its name when its address changes.
 */

#ifndef NBDMIRROR_NBD_IDENTITY_H
#define NBDMIRROR_NBD_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "leg.h"

enum nbd_transport {
  NBD_TCP,
  NBD_UNIX,
  NBD_VSOCK,
};

struct nbd_identity {
  enum nbd_transport transport;
  /* TCP: lower case, without brackets and final dot, numbers as the system
   * writes them.  Unix: the socket's absolute path.  Vsock: the context id.
   */
  char *host;
  uint32_t port; /* Unix: 0 */
  char *export_name;
};

/* Take a URI apart; a relative path of a socket is made absolute.  What
 * libnbd would refuse is refused.  0, or -1 with errno: EINVAL if it is no URI
 * or names no socket where it should.  On -1, too, nbd_identity_free may be
 * called.  Asks no other host.
 */
int nbd_identity_parse (struct nbd_identity *who, const char *uri);

/* A struct of zeroes is allowed. */
void nbd_identity_free (struct nbd_identity *who);

/* The normal form, with the path of a socket as it is now.  To be freed; NULL
 * with errno.  Blocks on the file system.
 */
char *nbd_identity_text (const struct nbd_identity *who);

/* The identity of a leg, from the normal form; and the one that earlier
 * versions gave it, from the URI as typed.  0, or -1 with errno.
 */
int nbd_identity_hash (const struct nbd_identity *who,
                       uint8_t id[LEG_ID_SIZE]);
void nbd_identity_old_hash (const char *uri, uint8_t id[LEG_ID_SIZE]);

/* Parts of URIs, as libnbd reads them: a text without percent signs, to be freed,
 * or NULL with errno; where the parameter at text ends (parameters are separated
 * by '&', or by ';' where no '&' follows).
 */
char *nbd_identity_decode (const char *text, size_t len);
size_t nbd_identity_parameter_length (const char *text);

#endif /* NBDMIRROR_NBD_IDENTITY_H */
