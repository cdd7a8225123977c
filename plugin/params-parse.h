/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers in parameters: the value of a key, which must be legal.  -1 with the
 * error reported.
 */

#ifndef NBDMIRROR_PARAMS_PARSE_H
#define NBDMIRROR_PARAMS_PARSE_H

#include <stdatomic.h>
#include <stdint.h>

/* Bytes, and bytes per second, above 0. */
int params_parse_size (const char *key, const char *value, uint64_t *size);
int params_parse_rate (const char *key, const char *value,
                       atomic_uint_fast64_t *rate);

int params_parse_number (const char *key, const char *value, unsigned min,
                         unsigned max, unsigned *n);

/* Up to an hour. */
int params_parse_seconds (const char *key, const char *value, unsigned min,
                          atomic_uint *n);

#endif /* NBDMIRROR_PARAMS_PARSE_H */
