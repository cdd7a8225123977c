/* SPDX-License-Identifier: BSD-3-Clause */

/* Where an export is found on this host: each of its server's addresses, or
 * the socket, with the export's name.  Who shares a place with another one may
 * use the same export.  That they share none proves nothing: a server may
 * have more addresses than one name says, and serve one disk by many names.
 *
 * The texts are for people, and the same in all processes of this version.
 */

#ifndef NBDMIRROR_NBD_PLACES_H
#define NBDMIRROR_NBD_PLACES_H

#include <stddef.h>

#include "nbd-identity.h"

struct nbd_places {
  size_t nr;
  char **text; /* sorted, each of them once */
};

/* Ask for the addresses; if there is no answer the name alone remains.  0, or
 * -1 with errno.  Blocks, for two seconds at most.
 */
int nbd_places_find (struct nbd_places *places,
                     const struct nbd_identity *who);

/* A struct of zeroes is allowed. */
void nbd_places_free (struct nbd_places *places);

/* Where this connection led.  To be freed; NULL with errno: 0 if it is not
 * by TCP, so that its place is known without asking.
 */
char *nbd_place_of_peer (const struct nbd_identity *who, int fd);

#endif /* NBDMIRROR_NBD_PLACES_H */
