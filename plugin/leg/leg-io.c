/* SPDX-License-Identifier: BSD-3-Clause */

/* The way of a request through a leg, the same for all kinds.
 *
 *   leg_submit -> send -> medium -> request_answered -> done
 *                 |  \                 |          \
 *                 |   pieces (longer   ZERO not    gate (FUA without
 *                 |   than max_request)possible:   a FUA of its own)
 *                 gate (FLUSH)         pieces of zeroes
 *
 * The flush gate (rule S8).  Of two overlapping fdatasync calls only one
 * sees a write-back error, and a retry succeeds, so:
 *  1. at most one flush is at the medium (flush_running);
 *  2. who comes while it runs waits for the next one (flush_waiters), since
 *     the running one may have begun before his writes ended;
 *  3. the result goes to all it was run for (flush_batch); an error also goes
 *     to everybody who waits for a later one, and to every FLUSH and FUA
 *     from then on (flush_error);
 *  4. a flush that succeeds on a leg that was lost meanwhile has failed.
 *
 * A leg is lost by whoever first changes refusal from 0; after that no
 * request succeeds, also none that the medium has done.
 *
 * Locking: leg->lock guards the gate and last_error.  Callbacks and the
 * medium are called without it.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "leg-base.h"
#include "leg-ops.h"

/* Pieces of one request under way at a time. */
#define PIECES_WINDOW 4

/* What a ZERO is emulated with; a multiple of every block size. */
#define ZEROES_SIZE (1u << 20)
static char zeroes[ZEROES_SIZE];

/* A request that goes to the medium in pieces. */
struct pieces {
  /* Read-only once sent. */
  struct leg_io *parent;
  uint32_t length;
  bool zeroes;

  pthread_mutex_t lock;
  /* Protected by lock. */
  uint64_t sent; /* bytes */
  unsigned in_flight;
  int error;
  bool pumping;
  struct leg_io *idle;

  struct leg_io piece[PIECES_WINDOW];
};

static void gate_enter (struct leg_io *io);

bool
leg_may_send (struct leg_io *io)
{
  struct leg *leg = io->leg;

  if ((io->op != LEG_WRITE && io->op != LEG_ZERO) || !leg->may_write ||
      leg->may_write (leg))
    return true;
  io->unsent = true;
  return false;
}

static void
send (struct leg_io *io, void (*answered) (struct leg_io *, int, uint64_t))
{
  io->answered = answered;
  io->start_ns = now_ns ();
  if (leg_may_send (io))
    io->leg->ops->submit (io->leg, io);
  else
    leg_answered (io, ESTALE, io->start_ns);
}

/* ---- Errors and losing a leg ---- */

static void
count_error (struct leg_io *io, int err)
{
  static const char *const names[] = {
    [LEG_READ] = "read",
    [LEG_WRITE] = "write",
    [LEG_ZERO] = "zero",
    [LEG_CACHE] = "cache",
  };
  struct leg *leg = io->leg;

  if (io->op == LEG_FLUSH) /* counted by the gate, once for all who wait */
    return;
  if (io->op == LEG_WRITE || io->op == LEG_ZERO)
    atomic_fetch_add (&leg->counters.write_errors, 1);
  else
    atomic_fetch_add (&leg->counters.read_errors, 1);
  leg_note_error (leg, err, names[io->op], io->offset);
}

/* Long reads cost more, so they count for what each 64 KiB took. */
static void
note_latency (struct leg *leg, struct leg_io *io, uint64_t now)
{
  uint64_t sample = (now - io->start_ns) / (1 + io->count / 65536);
  uint64_t old =
    atomic_load_explicit (&leg->read_latency_ns, memory_order_relaxed);

  atomic_store_explicit (&leg->read_latency_ns,
                         old == 0 ? sample : old - old / 8 + sample / 8,
                         memory_order_relaxed);
}

/* Why a request that the medium has done does not succeed all the same:
 * the leg was lost, or the request promises durability after a flush failed.
 */
static int
refused (const struct leg_io *io)
{
  int err = atomic_load (&io->leg->refusal);

  if (err == 0 && (io->op == LEG_FLUSH || (io->flags & LEG_FUA)))
    err = atomic_load (&io->leg->flush_error);
  return err;
}

static void
finish (struct leg_io *io, int err, uint64_t now)
{
  struct leg *leg = io->leg;

  if (err == 0)
    err = refused (io);
  if (err != 0 && !io->unsent)
    count_error (io, err);
  else if (err == 0 && io->op == LEG_READ)
    note_latency (leg, io, now);
  atomic_fetch_sub_explicit (&leg->in_flight, 1, memory_order_release);
  io->error = err;
  io->done (io);
}

static void
finish_list (struct leg_io *list, int err)
{
  uint64_t now = list ? now_ns () : 0;

  while (list) {
    struct leg_io *io = list;

    list = io->next;
    finish (io, err, now);
  }
}

void
leg_fail_waiters (struct leg *leg)
{
  struct leg_io *waiters;

  {
    CLEANUP_LOCK (&leg->lock);
    waiters = leg->flush_waiters;
    leg->flush_waiters = NULL;
  }
  finish_list (waiters, atomic_load (&leg->refusal));
}

void
leg_lose (struct leg *leg, int err, const char *why)
{
  if (err == 0)
    err = ENOTCONN;
  if (!leg_refuse (leg, err))
    return;
  msg_debug ("leg %s: lost: %s", leg->name, why);
  {
    CLEANUP_LOCK (&leg->lock);
    snprintf (leg->last_error, sizeof leg->last_error, "%s", why);
    atomic_store (&leg->lost, true);
  }
  if (leg->on_lost)
    leg->on_lost (leg);
  leg->ops->lose (leg);
  leg_fail_waiters (leg);
}

/* ---- The flush gate ---- */

/* Lock held.  True: the caller must call gate_send. */
static bool
gate_next_locked (struct leg *leg)
{
  if (leg->flush_running || !leg->flush_waiters)
    return false;
  leg->flush_running = true;
  leg->flush_batch = leg->flush_waiters;
  leg->flush_waiters = NULL;
  return true;
}

static void gate_answered (struct leg_io *flush, int err, uint64_t now);

static void
gate_send (struct leg *leg)
{
  leg->flush_io.leg = leg;
  leg->flush_io.op = LEG_FLUSH;
  atomic_fetch_add (&leg->counters.flushes, 1);
  send (&leg->flush_io, gate_answered);
}

/* Whatever the medium says later, data may be gone: no FLUSH and no FUA
 * succeeds any more.
 */
static void
flush_failed (struct leg *leg, int err)
{
  char why[128];

  atomic_fetch_add (&leg->counters.flush_errors, 1);
  errno = err;
  snprintf (why, sizeof why, "flush failed: %m");
  leg_keep_error (leg, why);
  atomic_store (&leg->flush_error, err);
}

static void
gate_answered (struct leg_io *flush, int err, uint64_t now)
{
  struct leg *leg = flush->leg;
  struct leg_io *batch, *waiters = NULL;
  bool again = false;

  (void) now;
  if (err != 0)
    flush_failed (leg, err);
  {
    CLEANUP_LOCK (&leg->lock);
    batch = leg->flush_batch;
    leg->flush_batch = NULL;
    leg->flush_running = false;
    if (err == 0)
      again = gate_next_locked (leg);
    else {
      waiters = leg->flush_waiters;
      leg->flush_waiters = NULL;
    }
  }
  finish_list (batch, err);
  finish_list (waiters, err);
  if (again)
    gate_send (leg);
}

/* Finish io when a flush that has not begun yet is done. */
static void
gate_enter (struct leg_io *io)
{
  struct leg *leg = io->leg;
  bool start = false;
  int err;

  {
    CLEANUP_LOCK (&leg->lock);
    err = refused (io);
    if (err == 0) {
      io->next = leg->flush_waiters;
      leg->flush_waiters = io;
      start = gate_next_locked (leg);
    }
  }
  if (err != 0)
    finish (io, err, 0);
  else if (start)
    gate_send (leg);
}

/* ---- Requests ---- */

/* The data of io is at the medium. */
static void
data_done (struct leg_io *io, int err, uint64_t now)
{
  if (err == 0 && (io->flags & LEG_FUA) && !io->leg->can_fua)
    gate_enter (io);
  else
    finish (io, err, now);
}

static void pump (struct pieces *p);

static void
piece_answered (struct leg_io *piece, int err, uint64_t now)
{
  struct pieces *p = piece->opaque;
  bool busy;

  (void) now;
  {
    CLEANUP_LOCK (&p->lock);
    if (err != 0 && p->error == 0)
      p->error = err;
    p->parent->unsent |= piece->unsent;
    p->in_flight--;
    piece->next = p->idle;
    p->idle = piece;
    busy = p->pumping;
    p->pumping = true;
  }
  if (!busy)
    pump (p);
}

/* Lock held.  NULL: nothing can be sent now. */
static struct leg_io *
next_piece_locked (struct pieces *p)
{
  struct leg_io *piece = p->idle;
  uint64_t left = p->parent->count - p->sent;

  if (!piece || left == 0 || p->error != 0)
    return NULL;
  p->idle = piece->next;
  piece->offset = p->parent->offset + p->sent;
  piece->count = left < p->length ? left : p->length;
  piece->buf = p->zeroes        ? zeroes
               : p->parent->buf ? (char *) p->parent->buf + p->sent
                                : NULL;
  p->sent += piece->count;
  p->in_flight++;
  return piece;
}

static void
pieces_done (struct pieces *p)
{
  struct leg_io *io = p->parent;
  int err = p->error;

  pthread_mutex_destroy (&p->lock);
  free (p);
  io->answered (io, err, now_ns ());
}

/* Send what can be sent.  One thread at a time does it (pumping; who calls
 * this has set it), in a loop: a piece that is answered while it is sent only
 * leaves word, so the stack does not grow with the number of pieces.  Nobody
 * else ends the request meanwhile, and p may be gone as soon as the lock is
 * given up without pumping.
 */
static void
pump (struct pieces *p)
{
  struct leg_io *piece;
  bool done;

  pthread_mutex_lock (&p->lock);
  while ((piece = next_piece_locked (p)) != NULL) {
    pthread_mutex_unlock (&p->lock);
    send (piece, piece_answered);
    pthread_mutex_lock (&p->lock);
  }
  p->pumping = false;
  done = p->in_flight == 0;
  pthread_mutex_unlock (&p->lock);
  if (done)
    pieces_done (p);
}

/* Send io in pieces of at most length bytes, or WRITEs of zeroes instead;
 * io->answered gets the first error.
 */
static void
send_pieces (struct leg_io *io, uint32_t length, bool with_zeroes)
{
  struct pieces *p = calloc (1, sizeof *p);

  if (!p) {
    io->answered (io, ENOMEM, now_ns ());
    return;
  }
  pthread_mutex_init (&p->lock, NULL);
  p->parent = io;
  p->length = length;
  p->zeroes = with_zeroes;
  p->pumping = true;
  for (size_t i = 0; i < PIECES_WINDOW; ++i) {
    p->piece[i].leg = io->leg;
    p->piece[i].op = with_zeroes ? LEG_WRITE : io->op;
    p->piece[i].flags = io->flags;
    p->piece[i].opaque = p;
    p->piece[i].next = p->idle;
    p->idle = &p->piece[i];
  }
  pump (p);
}

/* Write zeroes instead of io, a ZERO. */
static void
emulate_zero (struct leg_io *io)
{
  uint32_t max = io->leg->max_request;

  io->answered = data_done;
  send_pieces (io, max < ZEROES_SIZE ? max : ZEROES_SIZE, true);
}

static bool
must_emulate (const struct leg_io *io)
{
  return io->op == LEG_ZERO &&
         atomic_load_explicit (io->flags & LEG_MAY_TRIM ? &io->leg->no_trim
                                                        : &io->leg->no_zero,
                               memory_order_relaxed);
}

/* The medium can't do this kind of ZERO: do not ask again. */
static void
note_no_zero (const struct leg_io *io)
{
  bool trim = io->flags & LEG_MAY_TRIM;
  struct leg *leg = io->leg;

  atomic_store (trim ? &leg->no_trim : &leg->no_zero, true);
  atomic_store (trim ? &leg->fast_trim : &leg->fast_zero, false);
}

static void
request_answered (struct leg_io *io, int err, uint64_t now)
{
  if (io->op == LEG_ZERO && err == EOPNOTSUPP) {
    note_no_zero (io);
    emulate_zero (io);
  }
  else if (io->op == LEG_ZERO && err == EINVAL)
    emulate_zero (io);
  else if (io->op == LEG_CACHE)
    finish (io, 0, now); /* it was only advice */
  else
    data_done (io, err, now);
}

static void
count_request (struct leg *leg, const struct leg_io *io)
{
  struct leg_counters *c = &leg->counters;

  if (io->op == LEG_READ) {
    atomic_fetch_add_explicit (&c->reads, 1, memory_order_relaxed);
    atomic_fetch_add_explicit (&c->read_bytes, io->count,
                               memory_order_relaxed);
    atomic_store_explicit (&leg->next_offset, io->offset + io->count,
                           memory_order_relaxed);
  }
  else if (io->op == LEG_WRITE || io->op == LEG_ZERO) {
    atomic_fetch_add_explicit (&c->writes, 1, memory_order_relaxed);
    atomic_fetch_add_explicit (&c->write_bytes, io->count,
                               memory_order_relaxed);
  }
}

static bool
valid_range (const struct leg *leg, const struct leg_io *io)
{
  return io->offset <= leg->size && io->count <= leg->size - io->offset &&
         (io->offset | io->count) % leg->min_block == 0;
}

void
leg_submit (struct leg *leg, struct leg_io *io)
{
  int err = atomic_load_explicit (&leg->refusal, memory_order_acquire);

  io->leg = leg;
  if (err != 0) {
    io->error = err;
    io->done (io);
    return;
  }
  assert (io->op == LEG_FLUSH || valid_range (leg, io));
  atomic_fetch_add_explicit (&leg->in_flight, 1, memory_order_relaxed);
  count_request (leg, io);
  if (io->op == LEG_FLUSH)
    gate_enter (io);
  else if (io->count == 0)
    data_done (io, 0, now_ns ());
  else if (must_emulate (io))
    emulate_zero (io);
  else if (io->count <= leg->max_request)
    send (io, request_answered);
  else {
    io->start_ns = now_ns ();
    io->answered = request_answered;
    send_pieces (io, leg->max_request, false);
  }
}
