/* SPDX-License-Identifier: BSD-3-Clause */

/* The file of sums.h at a start: what of it is believed. */

#ifndef NBDMIRROR_SUMS_OPEN_H
#define NBDMIRROR_SUMS_OPEN_H

#include <stdint.h>

struct mirror_config;
struct dirty_log;
struct sums;

/* Before the log is changed, and knows nothing of this start yet; size: of the mirror
 * that is to be served.  With checksums=off a file beside the log's is removed, for what
 * is written from now on is not in it.  -1 with the error reported.  Blocks.
 */
int sums_open (struct sums *s, const struct mirror_config *config,
               struct dirty_log *log, uint64_t size);

/* The log is there, in its new life: the file is in use. */
int sums_begin (struct sums *s, struct dirty_log *log);

/* Before the log is closed; if nothing is marked it is believed later. */
void sums_close (struct sums *s, struct dirty_log *log);

#endif /* NBDMIRROR_SUMS_OPEN_H */
