/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_SESSION_H
#define NBDMIRROR_LOG_USERSPACE_SESSION_H

#include "userspace.h"

extern const struct log_client_callbacks user_callbacks;

#endif /* NBDMIRROR_LOG_USERSPACE_SESSION_H */
