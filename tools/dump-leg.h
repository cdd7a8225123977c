/* SPDX-License-Identifier: BSD-3-Clause */

/* The forms of a dump of a leg. */

#ifndef NBDMIRROR_DUMP_LEG_H
#define NBDMIRROR_DUMP_LEG_H

#include <stdio.h>

struct leg_facts;

void dump_leg_text (FILE *out, const struct leg_facts *facts);
void dump_leg_json (FILE *out, const struct leg_facts *facts);

#endif /* NBDMIRROR_DUMP_LEG_H */
