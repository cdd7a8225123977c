/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>

#include "deadline.h"
#include "etcd-impl.h"

struct etcd *
etcd_new (const struct etcd_options *options,
          const struct etcd_transport *transport)
{
  struct etcd *e = calloc (1, sizeof *e);

  if (!e)
    return NULL;
  e->options = *options;
  e->transport = transport;
  pthread_mutex_init (&e->lock, NULL);
  cond_init_monotonic (&e->cond);
  pthread_cond_init (&e->room, NULL);
  return e;
}

int
etcd_start (struct etcd *e)
{
  return etcd_lease_start (e);
}

void
etcd_hurry (struct etcd *e)
{
  atomic_store (&e->hurry, true);
}

void
etcd_free (struct etcd *e)
{
  if (e->threaded)
    etcd_lease_stop (e);
  pthread_cond_destroy (&e->room);
  pthread_cond_destroy (&e->cond);
  pthread_mutex_destroy (&e->lock);
  free (e->token);
  free (e);
}
