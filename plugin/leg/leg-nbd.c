/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs that are exports of other NBD servers.
 *
 * All connections go to the same export.  More than one is used only if the
 * server says that it is safe (multi-conn): then a FLUSH on any of them
 * covers writes that were answered on the others (rule S9).  The end of one
 * connection is the end of the leg (rule S5a).
 *
 * The lock on the export (nbd-lock.h) is ours from open to close.
 *
 * Locking: none here but in struct conn; what changes is atomic.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <libnbd.h>

#include "deadline.h"
#include "msg.h"
#include "leg-ops.h"
#include "nbd-conn.h"
#include "nbd-export.h"
#include "nbd-extents.h"
#include "nbd-identity.h"
#include "nbd-lock.h"
#include "nbd-others.h"
#include "nbd-send.h"
#include "nbd-target.h"

#define MAX_CONNECTIONS 16
/* So many bytes may be under way, for all connections together. */
#define LEG_WINDOW (UINT64_C (16) << 20)

struct nbd_leg {
  struct leg base;

  atomic_uint next_conn;
  atomic_uint slow; /* see nbd-pace.h */
  struct nbd_others others;

  /* Only for who opens and closes the leg. */
  struct nbd_lock lock;
  struct nbd_target target;

  /* Read-only once opened. */
  struct nbd_export export;

  /* Read-only once leg_nbd_new returns. */
  struct nbd_identity who;
  size_t max_conns;
  struct conn conns[];
};

static struct nbd_leg *
nbd_leg (struct leg *leg)
{
  return (struct nbd_leg *) leg;
}

/* ---- Open ---- */

static int
identify (struct nbd_leg *n)
{
  if (nbd_identity_hash (&n->who, n->base.id) == 0)
    return 0;
  leg_report (&n->base, "%m");
  return -1;
}

static void
leg_nbd_lose (struct leg *leg)
{
  struct nbd_leg *n = nbd_leg (leg);

  nbd_others_cancel (&n->others);
  for (size_t i = 0; i < atomic_load (&n->others.nr); ++i)
    conn_break (&n->conns[i]);
}

static void
leg_nbd_stop (struct leg *leg)
{
  struct nbd_leg *n = nbd_leg (leg);

  leg_nbd_lose (leg); /* whom the others may wait for */
  nbd_others_stop (&n->others);
  for (size_t i = 0; i < n->max_conns; ++i)
    conn_break (&n->conns[i]);
  for (size_t i = 0; i < n->max_conns; ++i)
    conn_stop (&n->conns[i]);
}

/* The first, which says how many there may be, and the others.  -1 with the
 * error reported.
 */
static int
connect_conns (struct nbd_leg *n)
{
  struct leg *leg = &n->base;
  struct conn_attempt attempt = {
    .deadline = now_ns () + leg->options.timeout_ns,
    .stop = &leg->cancelled,
  };

  if (nbd_target_connect (&n->target, &n->conns[0], &attempt) == -1) {
    leg_report (leg, "connect: %s", attempt.why);
    return -1;
  }
  if (nbd_export_learn (&n->export, leg, n->conns[0].nbd) == -1)
    return -1;
  if (nbd_others_connect (&n->others, &attempt,
                          n->export.parallel ? n->max_conns : 1) == 0)
    return 0;
  leg_report (leg, "connect: %m");
  return -1;
}

/* Stop, and fail with errno as it was. */
static int
stop_and_fail (struct leg *leg)
{
  int err = errno;

  leg_nbd_stop (leg);
  errno = err;
  return -1;
}

/* An address may have come that the name did not have before. */
static int
own_peers (struct nbd_leg *n)
{
  for (size_t i = 0; i < atomic_load (&n->others.nr); ++i)
    if (nbd_lock_take_peer (&n->lock, &n->base, &n->who,
                            nbd_aio_get_fd (n->conns[i].nbd)) == -1)
      return -1;
  return 0;
}

static int
connect_all (struct nbd_leg *n)
{
  if (connect_conns (n) == 0 && own_peers (n) == 0)
    return 0;
  return stop_and_fail (&n->base);
}

static int
own_and_connect (struct nbd_leg *n, unsigned flags)
{
  int err;

  if ((flags & LEG_READ_ONLY ||
       nbd_lock_take (&n->lock, &n->base, &n->who) == 0) &&
      connect_all (n) == 0)
    return 0;
  err = errno;
  nbd_lock_release (&n->lock);
  errno = err;
  return -1;
}

static int
leg_nbd_open (struct leg *leg, unsigned flags)
{
  struct nbd_leg *n = nbd_leg (leg);

  if (identify (n) == -1 || own_and_connect (n, flags) == -1)
    return -1;
  if (!n->export.can_flush && !leg->quiet)
    msg_warning ("leg %s: the server has no flush: what it answered is taken "
                 "for durable",
                 leg->name);
  return 0;
}

static int
leg_nbd_reopen (struct leg *leg)
{
  uint64_t size = leg->size;
  uint32_t min_block = leg->min_block;

  nbd_lock_renew (&nbd_leg (leg)->lock);
  if (connect_all (nbd_leg (leg)) == -1)
    return -1;
  if (size == leg->size && min_block == leg->min_block)
    return 0;
  leg_report (leg,
              "size and block size were %" PRIu64 " and %" PRIu32
              ", and are %" PRIu64 " and %" PRIu32 " now",
              size, min_block, leg->size, leg->min_block);
  errno = EINVAL;
  return stop_and_fail (leg);
}

/* 0, or an errno. */
static int
run_all (struct nbd_leg *n)
{
  uint64_t window = LEG_WINDOW / n->others.wanted;
  int err = 0;

  for (size_t i = 0; i < atomic_load (&n->others.nr) && err == 0; ++i)
    err = conn_run (&n->conns[i], window, n->export.parallel);
  return err != 0 ? err : nbd_others_run (&n->others, window);
}

static int
leg_nbd_run (struct leg *leg)
{
  int err = run_all (nbd_leg (leg));

  if (err == 0)
    return 0;
  errno = err;
  leg_report (leg, "thread: %m");
  return -1;
}

static void
leg_nbd_close (struct leg *leg)
{
  nbd_lock_release (&nbd_leg (leg)->lock);
}

static void
leg_nbd_destroy (struct leg *leg)
{
  struct nbd_leg *n = nbd_leg (leg);

  for (size_t i = 0; i < n->max_conns; ++i)
    conn_destroy (&n->conns[i]);
  nbd_others_destroy (&n->others);
  nbd_target_free (&n->target);
  nbd_identity_free (&n->who);
  free (n);
}

/* ---- Requests ---- */

static uint32_t
fua_flag (const struct leg_io *io)
{
  return (io->flags & LEG_FUA) && io->leg->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;
}

static int64_t
issue_request (struct nbd_handle *nbd, struct leg_io *io,
               nbd_completion_callback cb)
{
  uint32_t no_hole = io->flags & LEG_MAY_TRIM ? 0 : LIBNBD_CMD_FLAG_NO_HOLE;

  switch (io->op) {
  case LEG_READ:
    return nbd_aio_pread (nbd, io->buf, io->count, io->offset, cb, 0);
  case LEG_WRITE:
    return nbd_aio_pwrite (nbd, io->buf, io->count, io->offset, cb,
                           fua_flag (io));
  case LEG_ZERO:
    return nbd_aio_zero (nbd, io->count, io->offset, cb,
                         fua_flag (io) | no_hole);
  case LEG_FLUSH:
    return nbd_aio_flush (nbd, cb, 0);
  case LEG_CACHE:
    return nbd_aio_cache (nbd, io->count, io->offset, cb, 0);
  case LEG_STATUS:
    return nbd_extents_issue (nbd, io, cb);
  default:
    abort ();
  }
}

static struct conn *
pick_conn (struct nbd_leg *n)
{
  size_t nr = atomic_load_explicit (&n->others.nr, memory_order_acquire);
  unsigned i = 0;

  if (nr > 1)
    i = atomic_fetch_add_explicit (&n->next_conn, 1, memory_order_relaxed);
  return &n->conns[i % nr];
}

static void
leg_nbd_submit (struct leg *leg, struct leg_io *io)
{
  struct nbd_leg *n = nbd_leg (leg);

  if (io->op == LEG_ZERO && !n->export.can_zero)
    leg_answered (io, EOPNOTSUPP, io->start_ns);
  else if ((io->op == LEG_FLUSH && !n->export.can_flush) ||
           (io->op == LEG_CACHE && !n->export.can_cache))
    leg_answered (io, 0, io->start_ns);
  else
    conn_submit (pick_conn (n), io);
}

static int
leg_nbd_extents (struct leg *leg, uint64_t offset, uint64_t count,
                 struct leg_extent *extents, size_t *nr)
{
  struct nbd_leg *n = nbd_leg (leg);

  if (n->export.can_extents)
    return conn_extents (pick_conn (n), offset, count, extents, nr);
  extents[0] = (struct leg_extent){.length = count};
  *nr = 1;
  return 0;
}

static const struct leg_ops leg_nbd_ops = {
  .open = leg_nbd_open,
  .reopen = leg_nbd_reopen,
  .run = leg_nbd_run,
  .stop = leg_nbd_stop,
  .close = leg_nbd_close,
  .destroy = leg_nbd_destroy,
  .submit = leg_nbd_submit,
  .extents = leg_nbd_extents,
  .lose = leg_nbd_lose,
};

struct leg *
leg_nbd_new (const char *name, const struct leg_options *options)
{
  size_t max = options->connections < MAX_CONNECTIONS ? options->connections
                                                      : MAX_CONNECTIONS;
  struct nbd_leg *n;
  int err;

  if (max == 0)
    max = 1;
  n = calloc (1, sizeof *n + max * sizeof n->conns[0]);
  if (!n)
    return NULL;
  err = nbd_others_init (&n->others, &n->base, n->conns);
  while (n->max_conns < max && err == 0) {
    err =
      conn_init (&n->conns[n->max_conns], &n->base, issue_request, &n->slow);
    n->max_conns += err == 0;
  }
  if (err != 0)
    errno = err;
  else if (nbd_identity_parse (&n->who, name) == 0 &&
           nbd_target_init (&n->target, name, &n->who) == 0 &&
           leg_init (&n->base, &leg_nbd_ops, name, LEG_NBD, options) == 0)
    return &n->base;
  err = errno;
  leg_nbd_destroy (&n->base);
  errno = err;
  return NULL;
}
