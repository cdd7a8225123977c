/* SPDX-License-Identifier: BSD-3-Clause */

/* Who waits for an answer: a request that is not answered at once. */

#ifndef NBDMIRROR_LOGD_ASKER_H
#define NBDMIRROR_LOGD_ASKER_H

#include <stdint.h>

#include "proto.h"

struct client;

/* If the client goes away, client becomes NULL. */
struct asker {
  struct client *client;
  struct asker *next, **prev; /* of the client */
  uint16_t type;
  uint64_t id;
};

void asker_init (struct asker *a, struct client *c,
                 const struct proto_msg *request);

/* The asker is not waiting any more.  May be called again. */
void asker_end (struct asker *a);

/* Answer; both do nothing if the client is gone, and both end the asker
 * unless the reply has PROTO_MORE.
 */
void asker_reply (struct asker *a, struct proto_msg *reply);
void asker_error (struct asker *a, enum proto_error error, const char *fmt,
                  ...) __attribute__ ((format (printf, 3, 4)));

/* What the client is told of a failure: E_NO_SPACE or E_IO. */
enum proto_error error_of_errno (int err);

#endif /* NBDMIRROR_LOGD_ASKER_H */
