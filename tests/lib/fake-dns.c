/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

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
static char address[64] = "127.0.0.1";

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
  if (!is_known ())
    return EAI_NONAME;
  CLEANUP_LOCK (&lock);
  return __real_getaddrinfo (address, port, &figures, list);
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

void
fake_dns_address (const char *new_address)
{
  CLEANUP_LOCK (&lock);

  snprintf (address, sizeof address, "%s", new_address);
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
