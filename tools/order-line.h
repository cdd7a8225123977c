/* SPDX-License-Identifier: BSD-3-Clause */

/* What the verbs that give orders share. */

#ifndef NBDMIRROR_ORDER_LINE_H
#define NBDMIRROR_ORDER_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct client;
struct json_object;

#define BIT(opt) (1u << (opt))

/* --timeout: when it is over.  -1 with the error reported. */
int order_deadline (const char *text, uint64_t *deadline);

/* What getopt_long returned is one of these options (a mask).  -1 with the error
 * reported if it is not.
 */
int order_has_option (const char *verb, unsigned options, int opt);

/* Send the request, which is freed, and print what the mirror says to it; "seconds"
 * more than usual may pass until then.  Returns an exit code.
 */
int order_send (struct client *c, struct json_object *request, bool dry_run,
                unsigned seconds);

/* What is left of a verb when its line was read: parsed is 1 if help was asked for,
 * -1 if it was wrong, else run is called.  Returns the exit code.
 */
int order_run (const char *verb, int parsed, const char *socket,
               int (*run) (struct client *c, const void *line),
               const void *line);

#endif /* NBDMIRROR_ORDER_LINE_H */
