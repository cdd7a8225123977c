/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include <gnutls/x509.h>

#include "stream-tls.h"

static void
explain_certificate (struct tls_transport *t)
{
  unsigned status = gnutls_session_get_verify_cert_status (t->session);
  gnutls_datum_t text = {0};
  size_t len;

  gnutls_certificate_verification_status_print (status, GNUTLS_CRT_X509, &text,
                                                0);
  len = text.size;
  while (len > 0 && strchr (". ", text.data[len - 1]) != NULL)
    --len;
  snprintf (t->base.reason, sizeof t->base.reason, "TLS: %.*s", (int) len,
            (char *) text.data);
  gnutls_free (text.data);
}

/* Where GnuTLS's text does not tell what to look for. */
static const char *
hint (const struct tls_transport *t, int r)
{
  switch (r) {
  case GNUTLS_E_UNEXPECTED_PACKET:
  case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
  case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
    return " (does the peer use TLS?)";
  case GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER:
  case GNUTLS_E_DECRYPTION_FAILED:
  case GNUTLS_E_FATAL_ALERT_RECEIVED:
    return t->tls->certificates ? "" : " (unknown user or wrong key?)";
  default:
    return "";
  }
}

void
tls_explain (struct tls_transport *t, int r)
{
  char *reason = t->base.reason;
  const size_t size = sizeof t->base.reason;

  switch (r) {
  case GNUTLS_E_PULL_ERROR:
    break; /* tls_fill has said it */
  case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
    explain_certificate (t);
    break;
  case GNUTLS_E_FATAL_ALERT_RECEIVED:
    snprintf (reason, size, "TLS: refused by the peer: %s%s",
              gnutls_alert_get_name (gnutls_alert_get (t->session)),
              hint (t, r));
    break;
  default:
    snprintf (reason, size, "TLS: %s%s", gnutls_strerror (r), hint (t, r));
  }
}
