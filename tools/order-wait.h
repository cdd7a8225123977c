/* SPDX-License-Identifier: BSD-3-Clause */

/* --wait: the end of what an order began. */

#ifndef NBDMIRROR_ORDER_WAIT_H
#define NBDMIRROR_ORDER_WAIT_H

#include <stdint.h>

struct client;

/* Wait until the leg (number, name or uuid) is in-sync, with a bar on stderr if
 * that is a terminal.  The exit code: 0, or EXIT_DEGRADED if the leg is refused,
 * with the reason reported, or the time is over; EXIT_NO_ANSWER.
 */
int order_wait (struct client *c, const char *leg, uint64_t deadline);

/* Wait until the mirror has become as large as it was to; as above. */
int order_wait_grown (struct client *c, uint64_t deadline);

#endif /* NBDMIRROR_ORDER_WAIT_H */
