/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_SPEC_H
#define NBDMIRROR_LOG_USERSPACE_SPEC_H

#include "userspace.h"

/* SERVER[,SERVER...]/NAME.  -1 with the error reported; type is for that. */
int user_spec_parse (struct user_spec *spec, const char *type,
                     const char *text);

#endif /* NBDMIRROR_LOG_USERSPACE_SPEC_H */
