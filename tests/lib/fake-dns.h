/* SPDX-License-Identifier: BSD-3-Clause */

/* A resolver that hangs until it is let go; programs that use it are linked
 * with -Wl,--wrap=getaddrinfo.  Addresses in figures are left alone.
 */

#ifndef NBDMIRROR_FAKE_DNS_H
#define NBDMIRROR_FAKE_DNS_H

#include <stdbool.h>

/* From now on questions hang. */
void fake_dns_hang (void);

/* Those that hang, and later ones, are answered: all names are 127.0.0.1, or,
 * with found false, nobody knows them.
 */
void fake_dns_release (bool found);

/* All names are this address from now on. */
void fake_dns_address (const char *new_address);

/* How many have been asked, and how many have been answered. */
unsigned fake_dns_asked (void);
unsigned fake_dns_answered (void);

#endif /* NBDMIRROR_FAKE_DNS_H */
