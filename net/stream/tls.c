/* SPDX-License-Identifier: BSD-3-Clause */

/* TLS credentials.
 *
 * Both sides of the log protocol are ours, so nothing older than TLS 1.2 is
 * spoken, and with pre-shared keys only key exchanges with forward secrecy:
 * who learns a key later cannot read what was recorded before.
 *
 * The ciphers are in this order because NORMAL would have CHACHA20 before
 * AES-128, which is several times faster where the processor knows AES; and
 * AES-256 does not go with pre-shared keys (they are for SHA-256).
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "msg.h"
#include "tls-impl.h"

#define DAY_NS (24 * 3600 * NSEC_PER_SEC)

#define PRIORITY \
  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" \
  ":-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305"
#define PRIORITY_PSK PRIORITY ":+ECDHE-PSK:+DHE-PSK"

/* Report what GnuTLS said: 0, or -1. */
static int
check (int r, const char *subject)
{
  if (r >= 0)
    return 0;
  msg_error ("%s: %s", subject, gnutls_strerror (r));
  return -1;
}

/* --- pre-shared keys --- */

static int
load_psk_server (struct tls *tls, const char *file)
{
  tls->keys = psk_load (file);
  if (!tls->keys ||
      check (gnutls_psk_allocate_server_credentials (&tls->psk_server),
             file) == -1)
    return -1;
  gnutls_psk_set_server_credentials_function (tls->psk_server, psk_give);
  return 0;
}

static const char *
own_name (void)
{
  const struct passwd *pw = getpwuid (geteuid ());

  if (pw == NULL)
    msg_error ("TLS: user %u has no name, so one must be given",
               (unsigned) geteuid ());
  return pw ? pw->pw_name : NULL;
}

static int
set_psk_client (struct tls *tls, const char *file, const char *username,
                char *key)
{
  const gnutls_datum_t datum = {
    .data = (unsigned char *) key,
    .size = (unsigned) strlen (key),
  };

  if (check (gnutls_psk_allocate_client_credentials (&tls->psk_client),
             file) == -1)
    return -1;
  return check (gnutls_psk_set_client_credentials (tls->psk_client, username,
                                                   &datum, GNUTLS_PSK_KEY_HEX),
                file);
}

static int
load_psk_client (struct tls *tls, const char *file, const char *username)
{
  char *key;
  int r;

  if (username == NULL)
    username = own_name ();
  if (username == NULL)
    return -1;
  key = psk_find (file, username);
  if (key == NULL)
    return -1;
  r = set_psk_client (tls, file, username, key);
  explicit_bzero (key, strlen (key));
  free (key);
  return r;
}

static int
load_psk (struct tls *tls, const struct tls_options *options)
{
  return options->server
           ? load_psk_server (tls, options->psk_file)
           : load_psk_client (tls, options->psk_file, options->username);
}

/* --- certificates --- */

/* GnuTLS does not say which of two files it could not read. */
static int
check_readable (const char *path)
{
  FILE *fp = fopen (path, "re");
  int c;

  if (fp == NULL) {
    msg_error ("%s: %m", path);
    return -1;
  }
  c = getc (fp);
  if (c == EOF)
    msg_error (ferror (fp) ? "%s: %m" : "%s: the file is empty", path);
  fclose (fp);
  return c == EOF ? -1 : 0;
}

static int
make_path (char *path, const char *dir, const char *name)
{
  if (snprintf (path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
    return 0;
  msg_error ("%s: %s", dir, strerror (ENAMETOOLONG));
  return -1;
}

static bool
is_absent (const char *path)
{
  return access (path, F_OK) == -1 && errno == ENOENT;
}

static int
load_authority (struct tls *tls, const char *dir)
{
  char path[PATH_MAX];
  int r;

  if (make_path (path, dir, "ca-cert.pem") == -1 ||
      check_readable (path) == -1)
    return -1;
  r = gnutls_certificate_set_x509_trust_file (tls->certificates, path,
                                              GNUTLS_X509_FMT_PEM);
  if (r == 0)
    msg_error ("%s: there is no certificate in it", path);
  return r == 0 ? -1 : check (r, path);
}

static int
load_revoked (struct tls *tls, const char *dir)
{
  char path[PATH_MAX];

  if (make_path (path, dir, "ca-crl.pem") == -1)
    return -1;
  if (is_absent (path))
    return 0;
  if (check_readable (path) == -1)
    return -1;
  return check (gnutls_certificate_set_x509_crl_file (tls->certificates, path,
                                                      GNUTLS_X509_FMT_PEM),
                path);
}

static int
load_pair (struct tls *tls, const char *cert, const char *key)
{
  int r;

  if (check_readable (cert) == -1 || check_readable (key) == -1)
    return -1;
  r = gnutls_certificate_set_x509_key_file (tls->certificates, cert, key,
                                            GNUTLS_X509_FMT_PEM);
  if (r < 0)
    msg_error ("%s, %s: %s", cert, key, gnutls_strerror (r));
  return r < 0 ? -1 : 0;
}

/* A client needs none if the server does not ask for it. */
static int
load_own (struct tls *tls, const char *dir)
{
  char cert[PATH_MAX], key[PATH_MAX];

  if (make_path (cert, dir,
                 tls->server ? "server-cert.pem" : "client-cert.pem") == -1 ||
      make_path (key, dir,
                 tls->server ? "server-key.pem" : "client-key.pem") == -1)
    return -1;
  if (!tls->server && is_absent (cert) && is_absent (key))
    return 0;
  return load_pair (tls, cert, key);
}

static int
load_certificates (struct tls *tls, const struct tls_options *options)
{
  const char *dir = options->certificates;

  tls->verify = !tls->server || options->verify_peer;
  if (check (gnutls_certificate_allocate_credentials (&tls->certificates),
             dir) == -1)
    return -1;
  if (load_authority (tls, dir) == -1 || load_revoked (tls, dir) == -1)
    return -1;
  return load_own (tls, dir);
}

/* --- interface --- */

static int
load (struct tls *tls)
{
  const struct tls_options *options = &tls->options;
  const char *priority = options->psk_file ? PRIORITY_PSK : PRIORITY;

  tls->server = options->server;
  if (check (gnutls_priority_init (&tls->priority, priority, NULL),
             "TLS priority") == -1)
    return -1;
  return options->psk_file ? load_psk (tls, options)
                           : load_certificates (tls, options);
}

static int
copy (const char **to, const char *from)
{
  *to = from ? strdup (from) : NULL;
  return from && !*to ? -1 : 0;
}

static int
copy_options (struct tls *tls, const struct tls_options *from)
{
  struct tls_options *to = &tls->options;
  int r;

  to->server = from->server;
  to->verify_peer = from->verify_peer;
  r = copy (&to->psk_file, from->psk_file) |
      copy (&to->certificates, from->certificates) |
      copy (&to->username, from->username);
  if (r == -1)
    msg_error ("TLS: %m");
  return r;
}

/* The files are looked at first: what changes while they are read has changed
 * since.
 */
struct tls *
tls_new (const struct tls_options *options)
{
  struct tls *tls = calloc (1, sizeof *tls);

  assert ((options->psk_file == NULL) != (options->certificates == NULL));
  if (tls == NULL) {
    msg_error ("TLS: %m");
    return NULL;
  }
  atomic_init (&tls->holders, 1);
  tls->tell_due = now_boot_ns () + DAY_NS;
  if (copy_options (tls, options) == -1 || tls_files_note (tls) == -1 ||
      load (tls) == -1) {
    tls_free (tls);
    return NULL;
  }
  tls_tell_own_end (tls);
  return tls;
}

struct tls *
tls_hold (struct tls *tls)
{
  atomic_fetch_add (&tls->holders, 1);
  return tls;
}

static void
free_credentials (struct tls *tls)
{
  if (tls->psk_server)
    gnutls_psk_free_server_credentials (tls->psk_server);
  if (tls->psk_client)
    gnutls_psk_free_client_credentials (tls->psk_client);
  if (tls->certificates)
    gnutls_certificate_free_credentials (tls->certificates);
  if (tls->priority)
    gnutls_priority_deinit (tls->priority);
}

void
tls_free (struct tls *tls)
{
  if (tls == NULL || atomic_fetch_sub (&tls->holders, 1) > 1)
    return;
  free_credentials (tls);
  psk_forget (tls->keys);
  tls_files_free (tls);
  free ((char *) tls->options.psk_file);
  free ((char *) tls->options.certificates);
  free ((char *) tls->options.username);
  free (tls);
}

/* --- again --- */

int
tls_reload (struct tls **tls)
{
  struct tls *again = tls_new (&(*tls)->options);

  if (!again) {
    msg_warning ("TLS: the keys and certificates of before stay in use");
    return -1;
  }
  tls_free (*tls);
  *tls = again;
  return 0;
}

void
tls_reload_changed (struct tls **tls)
{
  if (tls_files_changed (*tls))
    (void) tls_reload (tls);
}

void
tls_tick (struct tls **tls)
{
  uint64_t now = now_boot_ns ();
  const struct tls *before = *tls;

  if (!before || now < before->tell_due)
    return;
  (*tls)->tell_due = now + DAY_NS;
  if (!before->server)
    tls_reload_changed (tls);
  if (*tls == before)
    tls_tell_own_end (*tls);
}
