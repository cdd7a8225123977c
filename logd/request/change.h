/* SPDX-License-Identifier: BSD-3-Clause */

/* MARK_REGION, CLEAR_REGION, SET_REGION_SYNC, SET_RECORD: changes that are
 * made at once, in memory.  A flush makes durable what came before it.
 *
 * Numbers from outside are compared with the log's before it is asked: the
 * log asserts.
 */

#ifndef NBDMIRROR_LOGD_CHANGE_H
#define NBDMIRROR_LOGD_CHANGE_H

#include "proto.h"

struct client;

void change_request (struct client *c, const struct proto_msg *msg);
void set_record_request (struct client *c, const struct proto_msg *msg);

/* A change cannot be made: no flush may succeed after it. */
void change_refuse (struct client *c, const struct proto_msg *msg,
                    const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

#endif /* NBDMIRROR_LOGD_CHANGE_H */
