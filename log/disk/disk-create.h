/* SPDX-License-Identifier: BSD-3-Clause */

/* The ops create and grow of backend.h. */

#ifndef NBDMIRROR_LOG_DISK_CREATE_H
#define NBDMIRROR_LOG_DISK_CREATE_H

#include "disk.h"

int disk_log_create (struct dirty_log *log);
int disk_log_grow (struct dirty_log *log);

#endif /* NBDMIRROR_LOG_DISK_CREATE_H */
