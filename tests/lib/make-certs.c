/* SPDX-License-Identifier: BSD-3-Clause */

/* Certificates for tests. */

#include "config.h"

#undef NDEBUG
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "make-certs.h"

#define DAY (24 * 60 * 60)
#define MANY_DAYS 30

struct authority {
  gnutls_x509_crt_t cert;
  gnutls_x509_privkey_t key;
};

static void
ok (int r)
{
  ck_assert_msg (r >= 0, "%s", gnutls_strerror (r));
}

static gnutls_x509_privkey_t
new_key (void)
{
  gnutls_x509_privkey_t key;

  ok (gnutls_x509_privkey_init (&key));
  ok (gnutls_x509_privkey_generate (
    key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1),
    0));
  return key;
}

/* What all certificates have. */
static gnutls_x509_crt_t
new_cert (const char *name, gnutls_x509_privkey_t key, int days)
{
  static unsigned char serial;
  time_t now = time (NULL);
  gnutls_x509_crt_t cert;

  ++serial;
  ok (gnutls_x509_crt_init (&cert));
  ok (gnutls_x509_crt_set_version (cert, 3));
  ok (gnutls_x509_crt_set_serial (cert, &serial, sizeof serial));
  ok (gnutls_x509_crt_set_activation_time (cert, now - DAY));
  ok (gnutls_x509_crt_set_expiration_time (cert,
                                           now +
                                             (days ? days : MANY_DAYS) * DAY));
  ok (gnutls_x509_crt_set_dn_by_oid (cert, GNUTLS_OID_X520_COMMON_NAME, 0,
                                     name, (unsigned) strlen (name)));
  ok (gnutls_x509_crt_set_key (cert, key));
  return cert;
}

struct authority *
authority_new (const char *name)
{
  struct authority *ca = malloc (sizeof *ca);

  ck_assert_ptr_nonnull (ca);
  ca->key = new_key ();
  ca->cert = new_cert (name, ca->key, 0);
  ok (gnutls_x509_crt_set_basic_constraints (ca->cert, 1, -1));
  ok (gnutls_x509_crt_set_key_usage (ca->cert, GNUTLS_KEY_KEY_CERT_SIGN |
                                                 GNUTLS_KEY_CRL_SIGN));
  ok (gnutls_x509_crt_sign2 (ca->cert, ca->cert, ca->key, GNUTLS_DIG_SHA256,
                             0));
  return ca;
}

void
authority_free (struct authority *ca)
{
  gnutls_x509_crt_deinit (ca->cert);
  gnutls_x509_privkey_deinit (ca->key);
  free (ca);
}

/* Another file than before, for who looks whether it has changed: the clock of
 * files is coarse.
 */
static void
write_file (const char *dir, const char *name, const char *data, size_t len)
{
  char path[256], new[256];
  FILE *fp;

  snprintf (path, sizeof path, "%s/%s", dir, name);
  snprintf (new, sizeof new, "%s/%s.new", dir, name);
  fp = fopen (new, "w");
  ck_assert_ptr_nonnull (fp);
  ck_assert_uint_eq (fwrite (data, 1, len, fp), len);
  ck_assert_int_eq (fclose (fp), 0);
  ck_assert_int_eq (rename (new, path), 0);
}

static void
write_cert (const char *dir, const char *name, gnutls_x509_crt_t cert)
{
  char buf[8192];
  size_t len = sizeof buf;

  ok (gnutls_x509_crt_export (cert, GNUTLS_X509_FMT_PEM, buf, &len));
  write_file (dir, name, buf, len);
}

void
authority_write (const struct authority *ca, const char *dir)
{
  write_cert (dir, "ca-cert.pem", ca->cert);
}

static void
set_options (gnutls_x509_crt_t cert, const struct cert_options *options)
{
  struct in_addr addr;

  if (options->host)
    ok (gnutls_x509_crt_set_subject_alt_name (cert, GNUTLS_SAN_DNSNAME,
                                              options->host,
                                              (unsigned)
                                                strlen (options->host),
                                              GNUTLS_FSAN_APPEND));
  if (options->address) {
    ck_assert_int_eq (inet_pton (AF_INET, options->address, &addr), 1);
    ok (gnutls_x509_crt_set_subject_alt_name (cert, GNUTLS_SAN_IPADDRESS,
                                              &addr, sizeof addr,
                                              GNUTLS_FSAN_APPEND));
  }
  ok (gnutls_x509_crt_set_key_purpose_oid (cert, options->purpose, 0));
  ok (gnutls_x509_crt_set_key_usage (cert, GNUTLS_KEY_DIGITAL_SIGNATURE));
}

void
authority_certify (const struct authority *ca, const char *dir,
                   const char *who, const struct cert_options *options)
{
  gnutls_x509_privkey_t key = new_key ();
  gnutls_x509_crt_t cert = new_cert (options->name, key, options->days);
  char name[64], buf[4096];
  size_t len = sizeof buf;

  set_options (cert, options);
  ok (gnutls_x509_crt_sign2 (cert, ca->cert, ca->key, GNUTLS_DIG_SHA256, 0));
  snprintf (name, sizeof name, "%s-cert.pem", who);
  write_cert (dir, name, cert);
  ok (gnutls_x509_privkey_export (key, GNUTLS_X509_FMT_PEM, buf, &len));
  snprintf (name, sizeof name, "%s-key.pem", who);
  write_file (dir, name, buf, len);
  gnutls_x509_crt_deinit (cert);
  gnutls_x509_privkey_deinit (key);
}

static void
revoke_file (gnutls_x509_crl_t crl, const char *cert_file)
{
  gnutls_x509_crt_t cert;
  gnutls_datum_t data;

  ok (gnutls_load_file (cert_file, &data));
  ok (gnutls_x509_crt_init (&cert));
  ok (gnutls_x509_crt_import (cert, &data, GNUTLS_X509_FMT_PEM));
  ok (gnutls_x509_crl_set_crt (crl, cert, time (NULL) - DAY));
  gnutls_x509_crt_deinit (cert);
  gnutls_free (data.data);
}

void
authority_revoke (const struct authority *ca, const char *dir,
                  const char *cert_file)
{
  time_t now = time (NULL);
  gnutls_x509_crl_t crl;
  char buf[4096];
  size_t len = sizeof buf;

  ok (gnutls_x509_crl_init (&crl));
  ok (gnutls_x509_crl_set_version (crl, 2));
  ok (gnutls_x509_crl_set_this_update (crl, now - DAY));
  ok (gnutls_x509_crl_set_next_update (crl, now + DAY));
  ok (gnutls_x509_crl_set_number (crl, "\1", 1));
  if (cert_file)
    revoke_file (crl, cert_file);
  ok (gnutls_x509_crl_sign2 (crl, ca->cert, ca->key, GNUTLS_DIG_SHA256, 0));
  ok (gnutls_x509_crl_export (crl, GNUTLS_X509_FMT_PEM, buf, &len));
  write_file (dir, "ca-crl.pem", buf, len);
  gnutls_x509_crl_deinit (crl);
}
