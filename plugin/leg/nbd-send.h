/* SPDX-License-Identifier: BSD-3-Clause */

/* What goes to one NBD server: who submits sends it, or finds that somebody is
 * about to send, who then sends this, too.
 */

#ifndef NBDMIRROR_NBD_SEND_H
#define NBDMIRROR_NBD_SEND_H

#include <stdbool.h>

struct conn;
struct leg_io;

/* Send a request, or let it wait until there is room for it; then its owner is
 * asked again whether it may be sent (leg_may_send).  It is answered once, from
 * any thread, maybe from inside.  Answers it with ENOTCONN when the connection
 * is not up.
 */
void conn_submit (struct conn *c, struct leg_io *io);

/* Take no more requests, end the connection and answer with an error what
 * is unanswered then, and what waits.  Does not block.
 */
void conn_break (struct conn *c);

/* The same for the reader: no other thread sends or answers it before the
 * reader has gone.
 */
void conn_probe (struct conn *c, struct leg_io *io);

/* What waited, as far as there is room now.  No lock is held. */
void conn_send_waiting (struct conn *c);

/* Answer a list with each request's own error, or with err if that is not 0.
 * No lock is held.
 */
void conn_answer (struct leg_io *io, int err);

/* The connection is gone.  c->lock is held. */
bool conn_is_over_locked (struct conn *c);

#endif /* NBDMIRROR_NBD_SEND_H */
