/* SPDX-License-Identifier: BSD-3-Clause */

/* Which client may open which logs. */

#ifndef NBDMIRROR_LOGD_ACCESS_H
#define NBDMIRROR_LOGD_ACCESS_H

#include <stdbool.h>

#include "proto.h"

struct access;
struct client;

/* NULL with the error reported. */
struct access *access_load (const char *path);

/* NULL is allowed. */
void access_free (struct access *a);

/* The client may open the log; access_check says E_INVALID or E_DENIED to
 * it if not.
 */
bool access_may (const struct client *c, const char *log);
bool access_check (struct client *c, const struct proto_msg *msg,
                   struct proto_str name);

#endif /* NBDMIRROR_LOGD_ACCESS_H */
