/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_LOAD_H
#define NBDMIRROR_LOG_USERSPACE_LOAD_H

#include "userspace.h"

/* Callbacks of the client.  Start-up only. */
const char *user_load_state (struct user_log *u, const struct proto_msg *msg);
const char *user_load_attached (struct user_log *u,
                                const struct proto_attached *a);

#endif /* NBDMIRROR_LOG_USERSPACE_LOAD_H */
