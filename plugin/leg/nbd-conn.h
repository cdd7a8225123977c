/* SPDX-License-Identifier: BSD-3-Clause */

/* One connection to an NBD server, used by leg-nbd.c. */

#ifndef NBDMIRROR_NBD_CONN_H
#define NBDMIRROR_NBD_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <libnbd.h>

#include "leg.h"
#include "nbd-pace.h"
#include "nbd-queue.h"

/* Issues one request: a cookie, or -1 as nbd_aio_* do. */
typedef int64_t (*conn_issue) (struct nbd_handle *nbd, struct leg_io *io,
                               nbd_completion_callback answered);

struct conn {
  /* Read-only once conn_init returns. */
  struct leg *leg;
  conn_issue issue;
  int wake_fd; /* eventfd: makes the reader look again */

  bool has_reader; /* only for who opens, stops and closes the leg */
  pthread_t reader;

  /* Only for the reader: is the server still there? */
  struct leg_io probe;
  char *probe_buf;
  bool probing;

  pthread_mutex_t lock;
  /* Protected by lock. */
  struct nbd_handle *nbd;  /* NULL: not connected */
  struct leg_io *finished; /* answered; the reader calls them */
  struct nbd_queue queue;
  struct pace pace;
  int backlog;              /* at the last look, -1 = not looked at */
  bool stopping;            /* takes no more requests */
  bool leaving;             /* the server says that it shuts down */
  bool asleep;              /* the reader looks only when it is woken */
  char why[LEG_ERROR_SIZE]; /* sending ended it; "" = it did not */
};

/* slow: see nbd-pace.h.  0, or an errno. */
int conn_init (struct conn *c, struct leg *leg, conn_issue issue,
               atomic_uint *slow);
void conn_destroy (struct conn *c);

/* Start the reader of a connection; window: how many bytes of requests may be
 * under way at most, as in nbd-queue.h; parallel: see nbd-pace.h.  0, or an
 * errno.
 */
int conn_run (struct conn *c, uint64_t window, bool parallel);

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

/* conn_break, and wait until the connection and its reader are gone. */
void conn_stop (struct conn *c);

#endif /* NBDMIRROR_NBD_CONN_H */
