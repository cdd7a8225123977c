/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_FLUSH_H
#define NBDMIRROR_LOG_USERSPACE_FLUSH_H

#include "userspace.h"

#define USER_START_NS (30 * NSEC_PER_SEC) /* a flush at the start */

/* Ops of backend.h. */
int user_flush (struct dirty_log *log, bool commit, uint64_t deadline);
void user_hurry (struct dirty_log *log, uint64_t deadline);
int user_wait_valid (struct dirty_log *log, uint64_t deadline);

#endif /* NBDMIRROR_LOG_USERSPACE_FLUSH_H */
