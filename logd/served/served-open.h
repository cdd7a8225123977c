/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening and closing a log, by its worker. */

#ifndef NBDMIRROR_LOGD_SERVED_OPEN_H
#define NBDMIRROR_LOGD_SERVED_OPEN_H

#include "proto.h"

struct served;

/* It is open (l->log), or can't be opened, for this reason. */
typedef void served_opened (struct served *l, void *opaque,
                            enum proto_error error, const char *text);

/* Open it with flags of dirty_log_open, then call done in the loop: at once
 * if there is no memory.
 */
void served_open (struct served *l, unsigned flags, served_opened *done,
                  void *opaque);

/* It is closed; text says what went wrong, "" if nothing. */
typedef void served_closed (struct served *l, void *opaque, const char *text);

/* Close it, then call done in the loop.  0, or -1: out of memory, and the
 * log stays open.
 */
int served_close (struct served *l, served_closed *done, void *opaque);

/* Give up its seat; it is busy until then.  Without memory it stays. */
void served_leave (struct served *l);

#endif /* NBDMIRROR_LOGD_SERVED_OPEN_H */
