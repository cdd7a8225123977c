/* SPDX-License-Identifier: BSD-3-Clause */

/* The connections of a leg after the first one.
 *
 * The first decides whether there is a leg.  Of the others a server may grant
 * fewer than we ask for, at once or by not answering; the leg does with those
 * that came, and a thread asks for the rest again, less and less often.
 */

#ifndef NBDMIRROR_NBD_OTHERS_H
#define NBDMIRROR_NBD_OTHERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nbd-conn.h"
#include "nbd-connect.h"

struct nbd_others {
  /* Read-only once initialized. */
  struct leg *leg;
  struct conn *conns;

  /* Connections that may be used.  Grows while the leg runs. */
  atomic_size_t nr;

  /* Read-only while there is a thread. */
  const char *uri, *tls_name; /* see struct conn_attempt */
  size_t wanted;
  uint64_t window; /* of each */
  bool said;       /* that the server grants fewer */
  bool has_thread;
  pthread_t thread;

  atomic_bool stop; /* changed with lock held */
  pthread_mutex_t lock;
  pthread_cond_t wake;
};

/* 0, or an errno. */
int nbd_others_init (struct nbd_others *o, struct leg *leg,
                     struct conn *conns);
void nbd_others_destroy (struct nbd_others *o);

/* The first connection is there, by this attempt, whose texts must live until
 * nbd_others_stop returns: connect others in the same way, up to so many, as far
 * as that is quick.  0, or -1 with
 * errno if the leg is not wanted any more.  Blocks for some seconds at most.
 */
int nbd_others_connect (struct nbd_others *o, const struct conn_attempt *first,
                        size_t wanted);

/* The connections have their readers: go on with those that are missing.  0, or
 * an errno.
 */
int nbd_others_run (struct nbd_others *o, uint64_t window);

/* Ask for no more.  Does not block. */
void nbd_others_cancel (struct nbd_others *o);

/* The same, and wait until nobody does; the connections are for the caller to
 * stop.
 */
void nbd_others_stop (struct nbd_others *o);

#endif /* NBDMIRROR_NBD_OTHERS_H */
