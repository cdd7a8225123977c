/* SPDX-License-Identifier: BSD-3-Clause */

/* One request in several: what is longer than the medium takes, and zeroes
 * that have to be written.
 */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cleanup.h"
#include "deadline.h"
#include "leg-pieces.h"
#include "leg-request.h"

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

static void pieces_pump (struct pieces *p);

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
    pieces_pump (p);
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
pieces_pump (struct pieces *p)
{
  struct leg_io *piece;
  bool done;

  pthread_mutex_lock (&p->lock);
  while ((piece = next_piece_locked (p)) != NULL) {
    pthread_mutex_unlock (&p->lock);
    leg_send (piece, piece_answered);
    pthread_mutex_lock (&p->lock);
  }
  p->pumping = false;
  done = p->in_flight == 0;
  pthread_mutex_unlock (&p->lock);
  if (done)
    pieces_done (p);
}

static void
pieces_send (struct leg_io *io, uint32_t length, bool with_zeroes)
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
  pieces_pump (p);
}

uint32_t
leg_max_piece (const struct leg_io *io)
{
  const struct leg *leg = io->leg;
  bool bare = io->op == LEG_ZERO || io->op == LEG_CACHE;

  return bare && leg->max_bare > 0 ? leg->max_bare : leg->max_request;
}

void
leg_send_pieces (struct leg_io *io)
{
  pieces_send (io, leg_max_piece (io), false);
}

void
leg_send_zeroes (struct leg_io *io)
{
  uint32_t max = io->leg->max_request;

  pieces_send (io, max < ZEROES_SIZE ? max : ZEROES_SIZE, true);
}
