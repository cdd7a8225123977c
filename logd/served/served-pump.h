/* SPDX-License-Identifier: BSD-3-Clause */

/* What is to be done with a log now. */

#ifndef NBDMIRROR_LOGD_SERVED_PUMP_H
#define NBDMIRROR_LOGD_SERVED_PUMP_H

#include <stdint.h>

struct server;
struct served;

/* Do what can be done now: open it, answer who waits, close it.  May free
 * it.  Not for those who may themselves be called by it: they call
 * served_later.
 */
void served_pump (struct served *l);

/* The same for all, or for those of served_later. */
void served_pump_all (struct server *s);
void served_pump_later (struct server *s);

/* Time goes on; absent: the server did not run for so long until now (ns of
 * CLOCK_BOOTTIME).
 */
void served_tick_all (struct server *s, uint64_t absent, uint64_t now);

#endif /* NBDMIRROR_LOGD_SERVED_PUMP_H */
