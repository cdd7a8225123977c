/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is the source when the log is lost. */

#ifndef NBDMIRROR_LOST_SOURCE_H
#define NBDMIRROR_LOST_SOURCE_H

#include "lost.h"

/* Take the newest record; where there are two lines, the one that source=N@G
 * names, or refuse.  Returns 0.
 */
int lost_choose_line (struct lost *l);

/* With the legs in their slots: choose, and examine; where that refuses, or
 * there were two lines, source=N@G counts.
 */
int lost_decide_source (struct lost *l);

/* With the source chosen: the legs that were in-sync are copied to as well. */
bool lost_copies_all (const struct lost *l);

#endif /* NBDMIRROR_LOST_SOURCE_H */
