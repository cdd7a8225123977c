/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_CYCLE_H
#define NBDMIRROR_LOG_USERSPACE_CYCLE_H

#include "userspace.h"

/* Begin the next cycle, if it is time; when closing, say goodbye.  The
 * loop's.
 */
void user_step (struct user_log *u);

/* A reply of the server. */
void user_cycle_reply (struct user_log *u, const struct proto_msg *msg);

/* All is well again: say so, if anything else was said. */
void user_tell_connected (struct user_log *u);

/* The connection is lost, the session is; log->lock is held. */
void user_cycle_abort_locked (struct user_log *u);

#endif /* NBDMIRROR_LOG_USERSPACE_CYCLE_H */
