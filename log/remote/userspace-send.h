/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_SEND_H
#define NBDMIRROR_LOG_USERSPACE_SEND_H

#include "userspace.h"

/* Append what a cycle sends to the client's output; log->lock is held.
 * 0, or -1 with errno (ENOMEM): the connection must be dropped then.
 */
int user_send_cycle (struct user_log *u, bool commit);

/* It is durable; log->lock is held. */
void user_cycle_durable_locked (struct user_log *u, bool commit);

#endif /* NBDMIRROR_LOG_USERSPACE_SEND_H */
