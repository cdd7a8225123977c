/* SPDX-License-Identifier: BSD-3-Clause */

/* Other URIs for an export than the one that was typed.  All else in them
 * stays as it was, to the letter.  All return what is to be freed, or NULL with
 * errno.
 */

#ifndef NBDMIRROR_NBD_URI_H
#define NBDMIRROR_NBD_URI_H

#include <stdbool.h>

/* Names of files in it are absolute, so that it means the same in another
 * directory.
 */
char *nbd_uri_absolute (const char *uri);

/* With an address in figures in place of the host. */
char *nbd_uri_with_address (const char *uri, const char *address);

/* It is for TLS with certificates, where the server must show one for the host
 * that it names.
 */
bool nbd_uri_needs_name (const char *uri);

/* The directory of certificates that it names; NULL with errno 0 if none. */
char *nbd_uri_certificates (const char *uri);

#endif /* NBDMIRROR_NBD_URI_H */
