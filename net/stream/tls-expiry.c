/* SPDX-License-Identifier: BSD-3-Clause */

/* A certificate that ended is an outage of all who need it, at the next
 * connection, on a day when nobody did anything.  So it is said a week before.
 */

#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/x509.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "tls-impl.h"
#include "tls.h"

#define WEEK_S (7 * 24 * 3600)
#define DAY_NS (24 * 3600 * NSEC_PER_SEC)
#define NEVER ((time_t) -1)
#define DATE_SIZE 40

static time_t
end_of (const gnutls_datum_t *der)
{
  gnutls_x509_crt_t cert;
  time_t end = NEVER;

  if (gnutls_x509_crt_init (&cert) < 0)
    return NEVER;
  if (gnutls_x509_crt_import (cert, der, GNUTLS_X509_FMT_DER) >= 0)
    end = gnutls_x509_crt_get_expiration_time (cert);
  gnutls_x509_crt_deinit (cert);
  return end;
}

static time_t
earlier (time_t a, time_t b)
{
  return a == NEVER || (b != NEVER && b < a) ? b : a;
}

static bool
is_soon (time_t end)
{
  return end != NEVER && end - time (NULL) <= WEEK_S;
}

/* "ends on 2026-12-31 23:59 UTC" */
static const char *
print_end (char buf[DATE_SIZE], time_t end)
{
  struct tm tm;
  size_t len;

  len = (size_t) snprintf (buf, DATE_SIZE, "%s on ",
                           end > time (NULL) ? "ends" : "ended");
  if (!gmtime_r (&end, &tm) ||
      strftime (buf + len, DATE_SIZE - len, "%F %H:%M UTC", &tm) == 0)
    snprintf (buf, DATE_SIZE, "ends soon");
  return buf;
}

/* --- our own --- */

void
tls_tell_own_end (const struct tls *tls)
{
  gnutls_datum_t cert;
  time_t end = NEVER;
  char date[DATE_SIZE];

  for (unsigned i = 0;
       tls->certificates &&
       gnutls_certificate_get_crt_raw (tls->certificates, 0, i, &cert) >= 0;
       ++i)
    end = earlier (end, end_of (&cert));
  if (is_soon (end))
    msg_warning ("%s/%s-cert.pem: this certificate %s: renew it%s",
                 tls->options.certificates, tls->server ? "server" : "client",
                 print_end (date, end),
                 tls->server ? ", then send SIGHUP" : "");
}

/* --- of others --- */

/* Who comes again and again is told of once a day.  Two that share a place
 * are said more often.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct told {
  uint64_t key, until;
} told[64]; /* protected by lock */

static uint64_t
key_of (const char *identity, time_t end)
{
  uint64_t key = UINT64_C (14695981039346656037) ^ (uint64_t) end;

  for (; *identity; ++identity)
    key = (key ^ (unsigned char) *identity) * UINT64_C (1099511628211);
  return key ? key : 1;
}

static bool
is_news (const char *identity, time_t end)
{
  uint64_t key = key_of (identity, end), now = now_boot_ns ();
  struct told *t = &told[key % (sizeof told / sizeof told[0])];
  CLEANUP_LOCK (&lock);

  if (t->key == key && now < t->until)
    return false;
  *t = (struct told){key, now + DAY_NS};
  return true;
}

void
tls_tell_peer_end (const gnutls_datum_t *certs, unsigned nr, const char *peer,
                   const char *identity)
{
  time_t end = NEVER;
  char date[DATE_SIZE];

  for (unsigned i = 0; i < nr; ++i)
    end = earlier (end, end_of (&certs[i]));
  if (is_soon (end) && is_news (identity, end))
    msg_warning ("%s: the certificate of \"%s\" %s: renew it there", peer,
                 identity, print_end (date, end));
}

/* The earliest in a file, which may not be there: who needs it says so. */
static time_t
end_in_file (const char *file)
{
  gnutls_datum_t pem;
  gnutls_x509_crt_t *certs = NULL;
  time_t end = NEVER;
  unsigned nr = 0;

  if (gnutls_load_file (file, &pem) < 0)
    return NEVER;
  if (gnutls_x509_crt_list_import2 (&certs, &nr, &pem, GNUTLS_X509_FMT_PEM,
                                    0) < 0)
    nr = 0;
  for (unsigned i = 0; i < nr; ++i) {
    end = earlier (end, gnutls_x509_crt_get_expiration_time (certs[i]));
    gnutls_x509_crt_deinit (certs[i]);
  }
  gnutls_free (certs);
  gnutls_free (pem.data);
  return end;
}

void
tls_tell_client_end (const char *certificates)
{
  char file[PATH_MAX], date[DATE_SIZE];
  time_t end;

  if (snprintf (file, sizeof file, "%s/client-cert.pem", certificates) >=
      (int) sizeof file)
    return;
  end = end_in_file (file);
  if (is_soon (end) && is_news (file, end))
    msg_warning ("%s: this certificate %s: renew it", file,
                 print_end (date, end));
}
