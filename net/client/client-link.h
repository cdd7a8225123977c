/* SPDX-License-Identifier: BSD-3-Clause */

/* The connection as the session sees it: requests go out, it fails, or all
 * is over.  Internal to the client.
 */

#ifndef NBDMIRROR_CLIENT_LINK_H
#define NBDMIRROR_CLIENT_LINK_H

#include <stdint.h>

#include "client-impl.h"

/* Append a request that will be answered.  0, or -1 with errno. */
int link_request (struct log_client *c, struct proto_msg *msg);

/* ... of the session's epoch.  Its id, or 0 with errno. */
uint64_t link_request_of_epoch (struct log_client *c, uint16_t type,
                                uint32_t flags);

/* Append and send; a failure is that of the connection. */
void link_request_now (struct log_client *c, struct proto_msg *msg);

/* The server sends us on to another one. */
void link_follow (struct log_client *c, const struct address *server);

/* The connection is no good, for this reason: drop it, and connect anew. */
void link_failed (struct log_client *c, const char *reason);

/* Drop what there is without a word, and try no more. */
void link_close (struct log_client *c);

/* The session is over. */
void link_end (struct log_client *c);

#endif /* NBDMIRROR_CLIENT_LINK_H */
