/* SPDX-License-Identifier: BSD-3-Clause */

/* What is behind struct tls.  Internal to net/. */

#ifndef NBDMIRROR_TLS_IMPL_H
#define NBDMIRROR_TLS_IMPL_H

#include <stdbool.h>

#include <gnutls/gnutls.h>

#include "tls.h"

/* Read-only once tls_new returns. */
struct tls {
  bool server;
  bool verify; /* the peer's certificate */
  gnutls_priority_t priority;

  /* One of them. */
  gnutls_psk_server_credentials_t psk_server;
  gnutls_psk_client_credentials_t psk_client;
  gnutls_certificate_credentials_t certificates;
};

/* Files with keys: 0, or -1 with the error reported.  psk_check: are all
 * lines sound, and is there one?  psk_find: the user's key, as hexadecimal
 * digits, to be freed by the caller.
 */
int psk_check (const char *file);
char *psk_find (const char *file, const char *username);

#endif /* NBDMIRROR_TLS_IMPL_H */
