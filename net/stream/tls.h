/* SPDX-License-Identifier: BSD-3-Clause */

/* TLS credentials, with GnuTLS, in the form that nbdkit uses (nbdkit-tls(1)):
 * a PSK file with lines USER:HEXKEY, or a directory with ca-cert.pem,
 * server-cert.pem and server-key.pem (server), client-cert.pem and
 * client-key.pem (client), ca-crl.pem if there is one.
 */

#ifndef NBDMIRROR_TLS_H
#define NBDMIRROR_TLS_H

#include <stdbool.h>

struct tls;

struct tls_options {
  bool server;
  const char *psk_file; /* one of the two */
  const char *certificates;
  const char *username; /* client with PSK: NULL = the user's name */
  bool verify_peer;     /* server with certificates: clients need one */
};

/* NULL with the error reported (not to be given to a stream then: without
 * TLS it would be a plain one).  Start-up only; blocks on files.  A server
 * reads its PSK file again for each client: keys can be added while it runs,
 * and whom it runs as must be able to read them.
 */
struct tls *tls_new (const struct tls_options *options);

/* NULL is allowed. */
void tls_free (struct tls *tls);

#endif /* NBDMIRROR_TLS_H */
