/* SPDX-License-Identifier: BSD-3-Clause */

/* A seat: that this server, and no other one, serves a log, and the changes of
 * the log that it makes.  The rules are in etcd.h.
 *
 * A seat is used by one thread at a time, but the questions at the end, which
 * any thread may ask.
 */

#ifndef NBDMIRROR_LOG_ETCD_SEAT_H
#define NBDMIRROR_LOG_ETCD_SEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "etcd.h"

struct etcd_kv;
struct etcd_seat;

#define ETCD_SERVER_SIZE 300 /* "HOST:PORT" */
#define ETCD_KEY_SIZE 512

/* Operations of a transaction; so many at most are one change. */
#define ETCD_MAX_CHANGES 100u

/* PREFIX/LOG/WHAT. */
void etcd_key (const struct etcd *e, const char *log, const char *what,
               char key[ETCD_KEY_SIZE]);

/* "HOST:PORT" of who has the seat, by the value of its key `server'. */
void etcd_server_of (const struct etcd_kv *kv, char server[ETCD_SERVER_SIZE]);

/* Get the seat of a log.  0; -1 with errno EREMOTE, and who has it in
 * server, without a message; or -1 with the error reported.  Blocks.
 */
int etcd_seat_take (struct etcd *e, const char *log, struct etcd_seat **seat,
                    char server[ETCD_SERVER_SIZE]);

/* The same without taking it: 0 if nobody has it. */
int etcd_seat_look (struct etcd_conn *c, const char *log,
                    char server[ETCD_SERVER_SIZE]);

/* Make a change durable: an array of operations of etcd-json.h, which is taken
 * over.  0, or -1 with errno (ESTALE: the seat is lost; ENOSPC, EACCES; EIO:
 * it may be made, or not), and why in etcd_seat_error.  Blocks for ten seconds
 * or so.
 */
int etcd_seat_change (struct etcd_seat *s, struct json_object *operations);

/* All of the log goes.  The seat stays. */
int etcd_seat_delete (struct etcd_seat *s);

/* Give it up, and free. */
void etcd_seat_leave (struct etcd_seat *s);

const char *etcd_seat_error (const struct etcd_seat *s);
const char *etcd_seat_log (const struct etcd_seat *s);
struct etcd *etcd_seat_etcd (const struct etcd_seat *s);
struct etcd_conn *etcd_seat_conn (const struct etcd_seat *s);

/* --- any thread --- */

/* For ever; whoever asked for the log has to look for another server. */
bool etcd_seat_is_lost (const struct etcd_seat *s);

/* It may be relied on now (CLOCK_BOOTTIME), whatever etcd says. */
bool etcd_seat_is_valid (const struct etcd_seat *s, uint64_t now);

#endif /* NBDMIRROR_LOG_ETCD_SEAT_H */
