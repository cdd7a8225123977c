/* SPDX-License-Identifier: BSD-3-Clause */

/* What the requests of the control socket ask for: one table of commands. */

#ifndef NBDMIRROR_CONTROL_COMMANDS_H
#define NBDMIRROR_CONTROL_COMMANDS_H

#include <stddef.h>

struct json_object;
struct mirror;

/* The reply to one line, the newline left out; the caller puts it.  Or NULL: it
 * gives an order that takes time, which is the caller's to put, for
 * control_order.  Does not block on I/O.  For one thread at a time.
 */
struct json_object *control_answer (struct mirror *m, const char *line,
                                    size_t len, struct json_object **order);

/* Carry it out: the reply, which the caller puts.  Blocks.  For one thread at a
 * time.
 */
struct json_object *control_order (struct mirror *m,
                                   struct json_object *order);

/* The reply that says why there is no other.  The caller puts it. */
struct json_object *control_refusal (const char *error);

#endif /* NBDMIRROR_CONTROL_COMMANDS_H */
