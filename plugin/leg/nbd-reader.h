/* SPDX-License-Identifier: BSD-3-Clause */

/* Who receives the answers of one NBD server, and sees that it is gone. */

#ifndef NBDMIRROR_NBD_READER_H
#define NBDMIRROR_NBD_READER_H

struct conn;

/* A thread of its own: until the connection is over, or is to end. */
void *conn_reader (void *c);

/* Say goodbye, close, and answer what is unanswered.  The connection takes no
 * more requests, and has no reader.
 */
void conn_hang_up (struct conn *c);

#endif /* NBDMIRROR_NBD_READER_H */
