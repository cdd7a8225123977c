/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_OPEN_H
#define NBDMIRROR_LOG_USERSPACE_OPEN_H

#include "log-life.h"
#include "userspace.h"

/* The whole of open for one of the types.  NULL with the error reported.
 * Blocks.
 */
struct dirty_log *user_open_type (const struct dirty_log_ops *ops,
                                  const char *name,
                                  const struct log_options *options,
                                  bool in_memory);

/* No thread uses it any more. */
void user_free (struct user_log *u);

#endif /* NBDMIRROR_LOG_USERSPACE_OPEN_H */
