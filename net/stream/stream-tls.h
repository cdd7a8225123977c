/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of the TLS transport: stream-tls.c (bytes) on tls-session.c (how
 * it begins, who the peer is) and tls-reason.c (why it failed).
 */

#ifndef NBDMIRROR_STREAM_TLS_H
#define NBDMIRROR_STREAM_TLS_H

#include <stdbool.h>

#include <gnutls/gnutls.h>

#include "buffer.h"
#include "tls-impl.h"
#include "transport.h"

struct tls_transport {
  struct transport base;
  struct tls *tls; /* held */
  gnutls_session_t session;
  struct buffer in, out;
  bool broken;  /* reading failed, base.reason says how */
  bool ended;   /* the peer has closed the connection */
  int received; /* what ended the input, if it is not the socket */

  /* What is verified: GnuTLS keeps the pointers. */
  char *server_name;
  gnutls_typed_vdata_st verify[2];
  char identity[256];
};

/* Make the session, with all but its way to the socket.  t->server_name is
 * set.  0, or an error of GnuTLS.
 */
int tls_session_start (struct tls_transport *t);

/* Set t->identity, after the handshake. */
void tls_find_identity (struct tls_transport *t);

/* Set t->base.reason to what an error of GnuTLS means. */
void tls_explain (struct tls_transport *t, int r);

#endif /* NBDMIRROR_STREAM_TLS_H */
