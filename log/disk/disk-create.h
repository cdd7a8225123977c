/* SPDX-License-Identifier: BSD-3-Clause */

/* The ops create, grow and reserve of backend.h. */

#ifndef NBDMIRROR_LOG_DISK_CREATE_H
#define NBDMIRROR_LOG_DISK_CREATE_H

#include "disk.h"

int disk_log_create (struct dirty_log *log);
int disk_log_grow (struct dirty_log *log);
int disk_log_reserve (struct dirty_log *log, uint64_t nr_regions, bool ask,
                      char *why, size_t size);

#endif /* NBDMIRROR_LOG_DISK_CREATE_H */
