/* SPDX-License-Identifier: BSD-3-Clause */

/* How a request names a leg, or a log. */

#ifndef NBDMIRROR_ORDER_LEG_H
#define NBDMIRROR_ORDER_LEG_H

struct json_object;

/* Add a member: a leg as the user typed it; or a path or URI, even if it looks
 * like a number.
 */
void order_add_leg (struct json_object *request, const char *key,
                    const char *leg);
void order_add_path (struct json_object *request, const char *key,
                     const char *leg);

/* Member "log": a log as log= names it. */
void order_add_log (struct json_object *request, const char *log);

#endif /* NBDMIRROR_ORDER_LEG_H */
