/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_MARK_LOAD_H
#define NBDMIRROR_MARK_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load_options {
  const char *server; /* as for mark_client_new */
  const char *dir;    /* on the same file system as the server's logs */
  uint64_t connections, depth, batch, regions, seconds, samples;
  bool memory;
};

/* --- mark-lone.c --- */

void lone (const struct load_options *o);

#endif /* NBDMIRROR_MARK_LOAD_H */
