/* SPDX-License-Identifier: BSD-3-Clause */

/* The addresses of a host, asked for with a limit.
 *
 * The system's resolver has timeouts of its own, and no way to end a question:
 * it is asked in a thread, which is left behind when nobody wants the answer any
 * more.  So the code here must stay in memory until the process ends (a plugin
 * is linked with -z nodelete).
 *
 * A resolver is for one thread at a time.
 */

#ifndef NBDMIRROR_RESOLVER_H
#define NBDMIRROR_RESOLVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVER_MAX 8

struct resolver;

struct host_address {
  struct sockaddr_storage addr; /* without a port */
  socklen_t len;
};

/* The host is copied.  NULL with errno. */
struct resolver *resolver_new (const char *host);

/* NULL is allowed. */
void resolver_free (struct resolver *r);

/* Ask, until the deadline at most, or until *stop, if it is not NULL.  How many
 * were found, at most RESOLVER_MAX, in found; or -1 and *why is a static text.
 * Blocks.
 *
 * Figures are not asked for, and answered at once.  A question that has no
 * answer yet is not asked again, so that at most one thread hangs for a
 * resolver.
 */
int resolver_ask (struct resolver *r, uint64_t deadline,
                  const atomic_bool *stop, struct host_address *found,
                  const char **why);

#endif /* NBDMIRROR_RESOLVER_H */
