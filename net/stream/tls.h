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
 * TLS it would be a plain one).  Blocks on files.  Says if our own certificate
 * ends within a week.  The options are copied.  Streams hold what they use,
 * also beyond tls_free.
 */
struct tls *tls_new (const struct tls_options *options);

/* The caller has it, too, and gives it up with tls_free. */
struct tls *tls_hold (struct tls *tls);

/* NULL is allowed. */
void tls_free (struct tls *tls);

/* Read the files again, for the streams to come.  0, or -1 with the error
 * reported: *tls stays.  Blocks on files, so whom the process runs as must be
 * able to read them, and names must be absolute where it changes its directory.
 */
int tls_reload (struct tls **tls);

/* The same if the files are not those that were read; what is wrong with them
 * is said once.
 */
void tls_reload_changed (struct tls **tls);

/* To be called now and then, NULL is allowed: once a day, look whether our own
 * certificate ends within a week, and say so.  A client's files are read again
 * first, if they have changed.
 */
void tls_tick (struct tls **tls);

/* Of files that others read: say, once a day, that the certificate of a client in
 * this directory ends within a week.  Blocks on the file; from any thread.
 */
void tls_tell_client_end (const char *certificates);

#endif /* NBDMIRROR_TLS_H */
