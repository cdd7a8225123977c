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

  struct leg_io *_Atomic incoming; /* to be sent; the last one first */

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

/* conn_break, and wait until the connection and its reader are gone. */
void conn_stop (struct conn *c);

#endif /* NBDMIRROR_NBD_CONN_H */
