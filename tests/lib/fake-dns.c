/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <netdb.h>
#include <pthread.h>
#include <stddef.h>

#include "cleanup.h"
#include "fake-dns.h"

int __real_getaddrinfo (const char *host, const char *port,
                        const struct addrinfo *hints, struct addrinfo **list);
int __wrap_getaddrinfo (const char *host, const char *port,
                        const struct addrinfo *hints, struct addrinfo **list);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Protected by lock. */
static bool hangs, knows;
static unsigned asked, answered;

static bool
is_known (void)
{
  CLEANUP_LOCK (&lock);

  asked++;
  while (hangs)
    pthread_cond_wait (&changed, &lock);
  answered++;
  return knows;
}

int
__wrap_getaddrinfo (const char *host, const char *port,
                    const struct addrinfo *hints, struct addrinfo **list)
{
  struct addrinfo figures = *hints;
  int err;

  figures.ai_flags |= AI_NUMERICHOST;
  err = __real_getaddrinfo (host, port, &figures, list);
  if (err != EAI_NONAME || hints->ai_flags & AI_NUMERICHOST)
    return err;
  return is_known () ? __real_getaddrinfo ("127.0.0.1", port, &figures, list)
                     : EAI_NONAME;
}

void
fake_dns_hang (void)
{
  CLEANUP_LOCK (&lock);

  hangs = true;
}

void
fake_dns_release (bool found)
{
  CLEANUP_LOCK (&lock);

  hangs = false;
  knows = found;
  pthread_cond_broadcast (&changed);
}

unsigned
fake_dns_asked (void)
{
  CLEANUP_LOCK (&lock);

  return asked;
}

unsigned
fake_dns_answered (void)
{
  CLEANUP_LOCK (&lock);

  return answered;
}
