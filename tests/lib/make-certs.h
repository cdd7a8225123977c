/* SPDX-License-Identifier: BSD-3-Clause */

/* Certificates for tests. */

#ifndef NBDMIRROR_MAKE_CERTS_H
#define NBDMIRROR_MAKE_CERTS_H

struct authority;

struct authority *authority_new (const char *name);
void authority_free (struct authority *ca);

/* Write ca-cert.pem into the directory. */
void authority_write (const struct authority *ca, const char *dir);

struct cert_options {
  const char *name;    /* common name */
  const char *host;    /* also a name; may be NULL */
  const char *address; /* IPv4; may be NULL */
  const char *purpose; /* GNUTLS_KP_... */
  int days;            /* until it ends; 0 = many */
};

/* Write WHO-cert.pem and WHO-key.pem into the directory. */
void authority_certify (const struct authority *ca, const char *dir,
                        const char *who, const struct cert_options *options);

/* Write ca-crl.pem into the directory; it revokes the certificate in the
 * file, if one is given.
 */
void authority_revoke (const struct authority *ca, const char *dir,
                       const char *cert_file);

#endif /* NBDMIRROR_MAKE_CERTS_H */
