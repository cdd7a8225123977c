/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include <gnutls/x509.h>

#include "stream-socket.h"
#include "stream-tls.h"

/* --- start --- */

static int
set_credentials (struct tls_transport *t)
{
  const struct tls *tls = t->tls;

  if (tls->psk_server)
    return gnutls_credentials_set (t->session, GNUTLS_CRD_PSK,
                                   tls->psk_server);
  if (tls->psk_client)
    return gnutls_credentials_set (t->session, GNUTLS_CRD_PSK,
                                   tls->psk_client);
  return gnutls_credentials_set (t->session, GNUTLS_CRD_CERTIFICATE,
                                 tls->certificates);
}

/* What the peer's certificate must be good for, and whose it must be. */
static void
set_verify (struct tls_transport *t)
{
  const char *purpose =
    t->tls->server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;

  if (!t->tls->verify)
    return;
  t->verify[0].type = GNUTLS_DT_KEY_PURPOSE_OID;
  t->verify[0].data = (unsigned char *) purpose;
  t->verify[1].type = GNUTLS_DT_DNS_HOSTNAME;
  t->verify[1].data = (unsigned char *) t->server_name;
  gnutls_session_set_verify_cert2 (t->session, t->verify,
                                   t->tls->server ? 1 : 2, 0);
  if (t->tls->server)
    gnutls_certificate_server_set_request (t->session, GNUTLS_CERT_REQUIRE);
}

/* The extension that names the server has no room for addresses. */
static int
set_server_name (struct tls_transport *t)
{
  struct in6_addr addr;

  if (inet_pton (AF_INET, t->server_name, &addr) == 1 ||
      inet_pton (AF_INET6, t->server_name, &addr) == 1)
    return 0;
  return gnutls_server_name_set (t->session, GNUTLS_NAME_DNS, t->server_name,
                                 strlen (t->server_name));
}

/* Nothing is ever resumed, so tickets would be for nothing. */
int
tls_session_start (struct tls_transport *t)
{
  unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS;
  int r;

  r = gnutls_init (&t->session,
                   flags | (t->tls->server ? GNUTLS_SERVER : GNUTLS_CLIENT));
  if (r < 0)
    return r;
  gnutls_session_set_ptr (t->session, t->tls);
  set_verify (t);
  r = gnutls_priority_set (t->session, t->tls->priority);
  if (r >= 0)
    r = set_credentials (t);
  if (r >= 0 && t->server_name)
    r = set_server_name (t);
  return r;
}

/* --- who the peer is --- */

static void
set_identity (struct tls_transport *t, const gnutls_datum_t *der)
{
  gnutls_x509_crt_t cert;
  size_t size = sizeof t->identity;

  if (gnutls_x509_crt_init (&cert) < 0)
    return;
  if (gnutls_x509_crt_import (cert, der, GNUTLS_X509_FMT_DER) < 0 ||
      gnutls_x509_crt_get_dn_by_oid (cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
                                     t->identity, &size) < 0 ||
      strlen (t->identity) != size)
    t->identity[0] = '\0'; /* none, too long, or with a NUL byte */
  gnutls_x509_crt_deinit (cert);
}

/* A certificate that was not verified tells nothing. */
void
tls_find_identity (struct tls_transport *t)
{
  const gnutls_datum_t *certs;
  const char *user = NULL;
  unsigned nr = 0;
  char peer[128];

  if (t->tls->psk_server)
    user = gnutls_psk_server_get_username (t->session);
  if (user && strlen (user) < sizeof t->identity)
    strcpy (t->identity, user);
  if (!t->tls->verify)
    return;
  certs = gnutls_certificate_get_peers (t->session, &nr);
  if (nr == 0)
    return;
  set_identity (t, &certs[0]);
  socket_print_peer (t->base.fd, peer, sizeof peer);
  tls_tell_peer_end (certs, nr, peer, t->identity);
}
