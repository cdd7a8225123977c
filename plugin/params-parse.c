/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers in parameters. */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "params-parse.h"

#define MAX_TIMEOUT 3600

int
params_parse_size (const char *key, const char *value, uint64_t *size)
{
  int64_t n = nbdkit_parse_size (value);

  if (n <= 0) {
    nbdkit_error ("%s=%s: must be a size above 0, for example 10M", key,
                  value);
    return -1;
  }
  *size = (uint64_t) n;
  return 0;
}

int
params_parse_rate (const char *key, const char *value,
                   atomic_uint_fast64_t *rate)
{
  uint64_t size;

  if (params_parse_size (key, value, &size) == -1)
    return -1;
  *rate = size;
  return 0;
}

int
params_parse_number (const char *key, const char *value, unsigned min,
                     unsigned max, unsigned *n)
{
  if (nbdkit_parse_unsigned (key, value, n) == -1 || *n < min || *n > max) {
    nbdkit_error ("%s=%s: must be between %u and %u", key, value, min, max);
    return -1;
  }
  return 0;
}

int
params_parse_seconds (const char *key, const char *value, unsigned min,
                      atomic_uint *n)
{
  unsigned seconds;

  if (params_parse_number (key, value, min, MAX_TIMEOUT, &seconds) == -1)
    return -1;
  *n = seconds;
  return 0;
}
