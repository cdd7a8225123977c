/* SPDX-License-Identifier: BSD-3-Clause */

/* The lease, and a server that is silent.  Internal to the client. */

#ifndef NBDMIRROR_CLIENT_LEASE_H
#define NBDMIRROR_CLIENT_LEASE_H

#include <stdint.h>

#include "client-impl.h"

void log_client_lease_init (struct log_client *c);

/* There is a connection: watch it. */
void log_client_lease_watch (struct log_client *c);

/* The server gave a lease, for so long since c->asked_boottime. */
void log_client_lease_begin (struct log_client *c, uint32_t lease_ms);

/* Ask for it anew. */
void log_client_lease_renew (struct log_client *c);

#endif /* NBDMIRROR_CLIENT_LEASE_H */
