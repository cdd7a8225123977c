/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said on a connection: hello, attach, and replies.  Internal to the
 * client.
 */

#ifndef NBDMIRROR_CLIENT_SESSION_H
#define NBDMIRROR_CLIENT_SESSION_H

#include "client-connect.h"

/* Of the connections of a struct log_client. */
extern const struct connector_callbacks log_client_connection;

#endif /* NBDMIRROR_CLIENT_SESSION_H */
