/* SPDX-License-Identifier: BSD-3-Clause */

/* address_resolve that does not wait longer than the caller wants. */

#ifndef NBDMIRROR_LOOKUP_H
#define NBDMIRROR_LOOKUP_H

#include <stdint.h>

#include "address.h"

#define LOOKUP_MAX 8

/* The addresses of a server.  Returns how many were found, or -1 with *why
 * set.  Blocks until the deadline (CLOCK_MONOTONIC, ns) at most: a lookup
 * that is not over by then goes on in a thread until the process ends.
 */
int lookup (const struct address *a, struct resolved out[LOOKUP_MAX],
            uint64_t deadline, const char **why);

#endif /* NBDMIRROR_LOOKUP_H */
