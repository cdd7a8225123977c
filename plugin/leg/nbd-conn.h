/* SPDX-License-Identifier: BSD-3-Clause */

/* One connection to an NBD server, used by leg-nbd.c. */

#ifndef NBDMIRROR_NBD_CONN_H
#define NBDMIRROR_NBD_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <libnbd.h>

#include "leg.h"

struct conn {
  /* Read-only once conn_init returns. */
  struct leg *leg;
  int wake_fd; /* eventfd: makes the reader look again */

  bool has_reader; /* only for who opens, stops and closes the leg */
  pthread_t reader;

  pthread_mutex_t lock;
  /* Protected by lock. */
  struct nbd_handle *nbd;      /* NULL: not connected */
  struct leg_io *first, *last; /* unanswered, in the order of start_ns */
  struct leg_io *finished;     /* answered; the reader calls them */
  bool stopping;               /* takes no more requests */
  bool no_deadline;            /* the reader sleeps without one */
  char why[LEG_ERROR_SIZE];    /* sending ended it; "" = it did not */
};

/* Issues one request: a cookie, or -1 as nbd_aio_* do. */
typedef int64_t (*conn_issue) (struct nbd_handle *nbd, struct leg_io *io,
                               nbd_completion_callback answered);

/* 0, or an errno. */
int conn_init (struct conn *c, struct leg *leg);
void conn_destroy (struct conn *c);

/* Start the reader of a connection.  0, or an errno. */
int conn_run (struct conn *c);

/* Send a request; it is answered once, from any thread, maybe from inside.
 * Answers it with ENOTCONN when the connection is not up.
 */
void conn_submit (struct conn *c, struct leg_io *io, conn_issue issue);

/* Take no more requests, end the connection and answer with an error what
 * is unanswered then.  Does not block.
 */
void conn_break (struct conn *c);

/* conn_break, and wait until the connection and its reader are gone. */
void conn_stop (struct conn *c);

#endif /* NBDMIRROR_NBD_CONN_H */
