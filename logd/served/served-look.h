/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOGD_SERVED_LOOK_H
#define NBDMIRROR_LOGD_SERVED_LOOK_H

struct served;

/* Have the worker see whether the log's file is where it was.  Loop's thread;
 * does not block.
 */
void served_look (struct served *l);

#endif /* NBDMIRROR_LOGD_SERVED_LOOK_H */
