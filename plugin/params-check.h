/* SPDX-License-Identifier: BSD-3-Clause */

/* The parameters against each other. */

#ifndef NBDMIRROR_PARAMS_CHECK_H
#define NBDMIRROR_PARAMS_CHECK_H

#include <stdbool.h>

#include "mirror.h"

/* Is this value of log= a log on a server?  What follows the type is checked
 * when the log is opened, before anything else is.
 */
bool params_on_server (const char *log);

/* All are here: do they fit together?  Finds the default log.  Opens nothing.
 * -1 with the error reported.
 */
int params_check (struct mirror_config *config);

#endif /* NBDMIRROR_PARAMS_CHECK_H */
