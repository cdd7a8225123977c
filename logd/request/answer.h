/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests of the owner that have an answer which is kept: FLUSH, and
 * questions.  A request that was answered is not run again.
 */

#ifndef NBDMIRROR_LOGD_ANSWER_H
#define NBDMIRROR_LOGD_ANSWER_H

#include <stdbool.h>

#include "proto.h"

struct client;
struct served;

/* Keep an answer for the case that the request comes again. */
void answer_keep (struct served *l, struct proto_msg *reply);

/* It was answered before: so it is again.  False: it was not. */
bool answer_again (struct client *c, const struct proto_msg *msg);

#endif /* NBDMIRROR_LOGD_ANSWER_H */
