/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening a mirror. */

#ifndef NBDMIRROR_OPEN_H
#define NBDMIRROR_OPEN_H

#include <stdbool.h>
#include <stdio.h>

#include "mirror.h"

/* Read the log and every leg, decide (plan.h), and make the decision durable.
 * NULL with the error reported; nothing was written then.  With config->plan:
 * print the plan to out, write nothing, return NULL; *plan_ok says whether it
 * would serve.
 *
 * The strings of the configuration must outlive the mirror.  Blocks.  The
 * process may fork afterwards.
 */
struct mirror *mirror_open (const struct mirror_config *config, FILE *out,
                            bool *plan_ok);

#endif /* NBDMIRROR_OPEN_H */
