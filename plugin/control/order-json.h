/* SPDX-License-Identifier: BSD-3-Clause */

/* Orders to the mirror as JSON: nbdmirror-control(7) has the table of them. */

#ifndef NBDMIRROR_ORDER_JSON_H
#define NBDMIRROR_ORDER_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "order.h"

struct json_object;

/* The order that a request gives, which points into the request.  1; 0 if its
 * command is none of ours; or -1 with what is wrong with it in error.
 */
int order_from_json (struct json_object *request, struct order *order,
                     char *error, size_t size);

/* It is carried out without blocking. */
bool order_is_quick (enum order_verb verb);

/* The names of all commands, each after a blank. */
void order_names (char *buf, size_t size);

#endif /* NBDMIRROR_ORDER_JSON_H */
