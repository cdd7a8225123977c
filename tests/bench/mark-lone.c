/* SPDX-License-Identifier: BSD-3-Clause */

/* How long one mark takes, and what it is made of.  Samples of each kind
 * take turns, so that whatever else the machine does meets all of them.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadline.h"
#include "full-io.h"
#include "mark-client.h"
#include "mark-load.h"
#include "thread.h"

#define BLOCK 4096
#define RENEW_SAMPLES 100

/* --- a peer that answers at once --- */

struct echo {
  int fd; /* ours */
  int peer;
  size_t request, reply; /* bytes */
  uint8_t *buf;
};

static void
transfer (int fd, uint8_t *buf, size_t out, size_t in)
{
  if (out > 0 && send (fd, buf, out, MSG_NOSIGNAL) != (ssize_t) out)
    die ("echo: %s", strerror (errno));
  if (in > 0 && recv (fd, buf, in, MSG_WAITALL) != (ssize_t) in)
    die ("echo: %s", strerror (errno));
}

static void *
echo_thread (void *arg)
{
  const struct echo *e = arg;
  uint8_t buf[4096];

  for (;;) {
    ssize_t r = recv (e->peer, buf, e->request, MSG_WAITALL);

    if (r == 0)
      return NULL;
    if (r != (ssize_t) e->request)
      die ("echo: %s", strerror (errno));
    transfer (e->peer, buf, e->reply, 0);
  }
}

static void
tcp_pair (struct echo *e)
{
  struct sockaddr_in sin = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
  socklen_t len = sizeof sin;
  int listener = socket (AF_INET, SOCK_STREAM, 0), on = 1;

  e->fd = socket (AF_INET, SOCK_STREAM, 0);
  if (bind (listener, (const void *) &sin, sizeof sin) == -1 ||
      listen (listener, 1) == -1 ||
      getsockname (listener, (void *) &sin, &len) == -1 ||
      connect (e->fd, (const void *) &sin, sizeof sin) == -1)
    die ("echo: %s", strerror (errno));
  e->peer = accept (listener, NULL, NULL);
  if (e->peer == -1)
    die ("echo: %s", strerror (errno));
  close (listener);
  setsockopt (e->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt (e->peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* --- a file --- */

/* Where the disk log writes for one mark in up to 98304 regions: the kernel's
 * bitmap, the flush number, the map of marks.
 */
static const uint64_t block_at[] = {0, 12 * BLOCK, 13 * BLOCK};
#define NR_BLOCKS (sizeof block_at / sizeof block_at[0])

static int
open_file (const struct load_options *o)
{
  char *path;
  uint8_t zero[BLOCK] = {0};
  int fd;

  if (asprintf (&path, "%s/mark-lone.XXXXXX", o->dir) == -1)
    die ("out of memory");
  fd = mkostemp (path, O_CLOEXEC);
  if (fd == -1)
    die ("%s: %s", path, strerror (errno));
  unlink (path);
  free (path);
  for (size_t i = 0; i < NR_BLOCKS; ++i)
    if (full_pwrite (fd, zero, sizeof zero, block_at[i]) == -1)
      die ("write: %s", strerror (errno));
  if (fsync (fd) == -1)
    die ("sync: %s", strerror (errno));
  return fd;
}

static void
write_blocks (int fd, uint64_t n, size_t nr)
{
  uint8_t block[BLOCK];

  memset (block, (int) (n & 255), sizeof block);
  for (size_t i = 0; i < nr; ++i)
    if (full_pwrite (fd, block, sizeof block, block_at[i]) == -1)
      die ("write: %s", strerror (errno));
  if (fdatasync (fd) == -1)
    die ("sync: %s", strerror (errno));
}

/* --- samples --- */

static void
prepare (struct mark_client *c, uint64_t n)
{
  struct proto_msg msg;

  if (n % RENEW_SAMPLES == 0)
    mark_client_renew (c);
  if (c->used < c->regions && n % RENEW_SAMPLES != 0)
    return;
  if (c->used == c->regions)
    mark_client_clear (c);
  mark_client_wait (c, mark_client_flush (c, PROTO_FLUSH_COMMIT), &msg);
}

/* Returns how long it took. */
static uint64_t
mark_one (struct mark_client *c, size_t *len)
{
  struct proto_msg msg;
  uint64_t begin = now_ns (), id;

  mark_client_mark (c, 1);
  id = mark_client_flush (c, 0);
  *len = c->out.len;
  mark_client_wait (c, id, &msg);
  return now_ns () - begin;
}

static uint64_t
write_one (int fd, uint64_t n, size_t nr)
{
  uint64_t begin = now_ns ();

  write_blocks (fd, n, nr);
  return now_ns () - begin;
}

static uint64_t
echo_one (const struct echo *e)
{
  uint64_t begin = now_ns ();

  transfer (e->fd, e->buf, e->request, e->reply);
  return now_ns () - begin;
}

static int
compare (const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return x < y ? -1 : x > y;
}

/* Microseconds. */
static double
median (uint64_t *samples, uint64_t nr)
{
  qsort (samples, nr, sizeof *samples, compare);
  return (double) samples[nr / 2] / 1e3;
}

static void
measure (const struct load_options *o, struct mark_client *c, struct echo *e,
         int fd)
{
  enum {
    MARK,
    ECHO,
    BLOCKS,
    BLOCK_1,
    NR
  };
  uint64_t *samples[NR];
  double m[NR];
  size_t len;

  for (int i = 0; i < NR; ++i)
    if (!(samples[i] = calloc (o->samples, sizeof samples[0][0])))
      die ("out of memory");
  for (uint64_t n = 0; n < o->samples; ++n) {
    prepare (c, n);
    samples[MARK][n] = mark_one (c, &len);
    samples[ECHO][n] = echo_one (e);
    samples[BLOCKS][n] = write_one (fd, n, NR_BLOCKS);
    samples[BLOCK_1][n] = write_one (fd, n, 1);
  }
  for (int i = 0; i < NR; ++i) {
    m[i] = median (samples[i], o->samples);
    free (samples[i]);
  }
  printf ("medians of %" PRIu64 ": lone mark %.0f us; round trip %.0f us; "
          "%zu blocks and fdatasync %.0f us; 1 block %.0f us\n",
          o->samples, m[MARK], m[ECHO], NR_BLOCKS, m[BLOCKS], m[BLOCK_1]);
  printf ("lone mark / (round trip + fdatasync): %.2f (with 1 block: %.2f)\n",
          m[MARK] / (m[ECHO] + m[BLOCKS]), m[MARK] / (m[ECHO] + m[BLOCK_1]));
}

void
lone (const struct load_options *o)
{
  struct mark_client *c = mark_client_new (o->server);
  uint8_t buf[4096] = {0};
  struct echo e = {.reply = PROTO_HEADER_SIZE + 8, .buf = buf};
  int fd = open_file (o);
  pthread_t thread;

  mark_client_begin (c, "mark-lone", o->regions, o->memory);
  mark_one (c, &e.request);
  tcp_pair (&e);
  if (thread_start (&thread, "echo", echo_thread, &e) == -1)
    die ("thread: %s", strerror (errno));
  measure (o, c, &e, fd);
  close (e.fd);
  pthread_join (thread, NULL);
  close (e.peer);
  close (fd);
  mark_client_end (c);
}
