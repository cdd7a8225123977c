/* SPDX-License-Identifier: BSD-3-Clause */

/* The message sink of the server: stderr, then syslog once it is a daemon.
 * What a library reports while it works for a client is also told to that
 * client.
 */

#ifndef NBDMIRROR_MSG_LOGD_H
#define NBDMIRROR_MSG_LOGD_H

#include <stddef.h>

/* From now on to syslog.  Before there are threads. */
void msg_to_syslog (void);

/* Copy the first error that this thread reports from here to
 * msg_capture_end to buf, which is "" if there is none.
 */
void msg_capture (char *buf, size_t size);
void msg_capture_end (void);

#endif /* NBDMIRROR_MSG_LOGD_H */
