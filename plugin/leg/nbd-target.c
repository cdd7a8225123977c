/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#include "cleanup.h"
#include "deadline.h"
#include "nbd-target.h"
#include "nbd-uri.h"

/* So long a look-up may take if there is an address to try without it. */
#define LOOK_UP_NS (2 * NSEC_PER_SEC)

/* libnbd takes the name that TLS has to check from the URI, unless it can be
 * told.  Else such a name is given to libnbd, which asks for it once more.
 */
#ifdef LIBNBD_HAVE_NBD_SET_TLS_HOSTNAME
#define CAN_TELL_NAME true
#else
#define CAN_TELL_NAME false
#endif

int
nbd_target_init (struct nbd_target *t, const char *uri,
                 const struct nbd_identity *who)
{
  memset (t, 0, sizeof *t);
  t->uri = nbd_uri_absolute (uri);
  if (!t->uri)
    return -1;
  if (who->transport != NBD_TCP)
    return 0;
  if (nbd_uri_needs_name (uri)) {
    t->tls_name = strdup (who->host);
    if (!t->tls_name)
      return -1;
  }
  t->resolver = resolver_new (who->host);
  return t->resolver ? 0 : -1;
}

void
nbd_target_free (struct nbd_target *t)
{
  resolver_free (t->resolver);
  free (t->uri);
  free (t->tls_name);
  free (t->good);
  memset (t, 0, sizeof *t);
}

/* The URI with this address; NULL with errno. */
static char *
uri_at (const struct nbd_target *t, const struct host_address *address)
{
  char host[NI_MAXHOST];

  if (getnameinfo ((const struct sockaddr *) &address->addr, address->len,
                   host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0) {
    errno = EINVAL;
    return NULL;
  }
  return nbd_uri_with_address (t->uri, host);
}

/* Takes uri over, which may be NULL, with errno.  attempt->uri is t->good if it
 * worked.
 */
static int
try_uri (struct nbd_target *t, struct conn *c, struct conn_attempt *attempt,
         char *uri)
{
  int r, err;

  if (!uri) {
    snprintf (attempt->why, sizeof attempt->why, "%m");
    return -1;
  }
  attempt->uri = uri;
  attempt->tls_name = t->tls_name;
  r = conn_connect (c, attempt);
  err = errno;
  free (r == 0 ? t->good : uri);
  if (r == 0)
    t->good = uri;
  errno = err;
  return r;
}

/* Each gets its share of the time. */
static int
try_all (struct nbd_target *t, struct conn *c, struct conn_attempt *attempt,
         const struct host_address *found, int nr)
{
  uint64_t deadline = attempt->deadline;

  for (int i = 0; i < nr; ++i) {
    uint64_t now = now_ns ();
    uint64_t left = now < deadline ? deadline - now : 0;
    char *uri =
      t->tls_name && !CAN_TELL_NAME ? strdup (t->uri) : uri_at (t, &found[i]);

    attempt->deadline = now + left / (uint64_t) (nr - i);
    if (try_uri (t, c, attempt, uri) == 0)
      return 0;
    if (errno == ECANCELED || (t->tls_name && !CAN_TELL_NAME))
      return -1;
  }
  return -1;
}

/* The address that was right before. */
static int
try_good (struct nbd_target *t, struct conn *c, struct conn_attempt *attempt,
          const char *why)
{
  if (t->good)
    return try_uri (t, c, attempt, strdup (t->good));
  snprintf (attempt->why, sizeof attempt->why, "%s", why);
  errno = atomic_load (attempt->stop) ? ECANCELED : EHOSTUNREACH;
  return -1;
}

/* libnbd says nothing of them. */
static void
tell_certificates (const struct nbd_target *t, const struct leg *leg)
{
  CLEANUP_FREE char *dir = NULL;

  if (!leg->options.on_certificates)
    return;
  dir = nbd_uri_certificates (t->uri);
  if (dir)
    leg->options.on_certificates (dir);
}

int
nbd_target_connect (struct nbd_target *t, struct conn *c,
                    struct conn_attempt *attempt)
{
  struct host_address found[RESOLVER_MAX];
  uint64_t now = now_ns (), limit;
  const char *why;
  int nr;

  tell_certificates (t, c->leg);
  if (!t->resolver)
    return try_uri (t, c, attempt, strdup (t->uri));
  limit = now + (attempt->deadline - now) / 2;
  if (t->good && limit > now + LOOK_UP_NS)
    limit = now + LOOK_UP_NS;
  nr = resolver_ask (t->resolver, limit, attempt->stop, found, &why);
  return nr > 0 ? try_all (t, c, attempt, found, nr)
                : try_good (t, c, attempt, nr == 0 ? "no address" : why);
}
