/* SPDX-License-Identifier: BSD-3-Clause */

/* Streams in a loop, for tests. */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ev-util.h"
#include "stream-fixture.h"

struct ev_loop *loop;
struct stream_options options;
static ev_timer guard;

static void
too_late (struct ev_loop *l, ev_timer *w, int revents)
{
  (void) l;
  (void) w;
  (void) revents;
  ck_abort_msg ("nothing happens");
}

void
loop_set_up (void)
{
  options = (struct stream_options){
    .max_input = 1 << 20,
    .max_output = 1 << 20,
    .handshake_s = PATIENCE_S,
  };
  loop = ev_loop_new (EVFLAG_AUTO);
  ck_assert_ptr_nonnull (loop);
  ev_timer_setup (&guard, too_late, NULL);
}

void
loop_tear_down (void)
{
  ev_loop_destroy (loop);
}

void
run_once (void)
{
  ev_timer_in (loop, &guard, PATIENCE_S);
  ev_run (loop, EVRUN_ONCE);
  ev_timer_stop (loop, &guard);
}

static void
ready (struct stream *s)
{
  struct side *side = stream_opaque (s);

  ++side->readies;
  ck_assert_uint_eq (side->readies, 1);
  ck_assert_uint_eq (side->fails, 0);
  if (side->on_ready)
    side->on_ready (side);
}

static size_t
input (struct stream *s, const uint8_t *data, size_t len)
{
  struct side *side = stream_opaque (s);

  ++side->inputs;
  ck_assert_uint_eq (side->readies, 1);
  ck_assert_uint_eq (side->fails, 0);
  ck_assert_uint_ge (len, 1);
  if (side->on_input)
    len = side->on_input (side, data, len);
  ck_assert_int_eq (buffer_append (&side->got, data, len), 0);
  return len;
}

static void
drained (struct stream *s)
{
  struct side *side = stream_opaque (s);

  ++side->drains;
  ck_assert_uint_eq (side->readies, 1);
  ck_assert (!stream_congested (s));
  if (side->on_drained)
    side->on_drained (side);
}

static void
failed (struct stream *s, const char *reason)
{
  struct side *side = stream_opaque (s);

  ++side->fails;
  ck_assert_uint_eq (side->fails, 1);
  snprintf (side->reason, sizeof side->reason, "%s", reason);
  if (side->on_failed)
    side->on_failed (side);
}

static const struct stream_callbacks callbacks = {
  .ready = ready,
  .input = input,
  .drained = drained,
  .failed = failed,
};

struct stream *
side_new (struct side *side, int fd, bool connecting)
{
  side->s = stream_new (loop, fd, connecting, &options, &callbacks, side);
  return side->s;
}

void
side_close (struct side *side)
{
  if (side->s)
    stream_close (side->s);
  side->s = NULL;
}

void
side_free (struct side *side)
{
  side_close (side);
  buffer_free (&side->got);
}

void
side_write (struct side *side, const void *data, size_t len)
{
  ck_assert_int_eq (stream_write (side->s, data, len), 0);
}

bool
side_got (const struct side *side, const char *text)
{
  return side->got.len == strlen (text) &&
         memcmp (buffer_head (&side->got), text, strlen (text)) == 0;
}

static const char *const hosts[NR_KINDS] = {
  [TCP4] = "127.0.0.1",
  [TCP6] = "::1",
};

/* Port 0, and for a Unix socket an address that the system chooses. */
static void
bind_any (int fd, enum kind kind, struct resolved *r)
{
  struct address a = {.port = "0"};
  struct sockaddr *addr = (struct sockaddr *) &r->addr;
  const char *why = "";

  if (kind == UNIX) {
    memset (r, 0, sizeof *r);
    r->addr.ss_family = AF_UNIX;
    r->len = sizeof (sa_family_t);
  }
  else {
    snprintf (a.host, sizeof a.host, "%s", hosts[kind]);
    ck_assert_msg (address_resolve (&a, true, r, 1, &why) == 1, "%s", why);
  }
  ck_assert_int_eq (bind (fd, addr, r->len), 0);
  r->len = sizeof r->addr;
  ck_assert_int_eq (getsockname (fd, addr, &r->len), 0);
}

int
listen_local (enum kind kind, struct resolved *r)
{
  static const int family[NR_KINDS] = {
    [UNIX] = AF_UNIX, [TCP4] = AF_INET, [TCP6] = AF_INET6};
  int fd = socket (family[kind], SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd == -1) {
    ck_assert_int_eq (kind, TCP6);
    return -1;
  }
  bind_any (fd, kind, r);
  ck_assert_int_eq (listen (fd, 1), 0);
  return fd;
}

bool
connect_pair (enum kind kind, int fd[2])
{
  struct resolved r;
  int listener;

  if (kind == SOCKETPAIR) {
    ck_assert_int_eq (socketpair (AF_UNIX,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                  0, fd),
                      0);
    return true;
  }
  listener = listen_local (kind, &r);
  if (listener == -1)
    return false;
  fd[0] = resolved_connect (&r);
  fd[1] = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  ck_assert_int_ge (fd[0], 0);
  ck_assert_int_ge (fd[1], 0);
  close (listener);
  return true;
}

void
side_pair (struct side *a, struct side *b, int fd[2])
{
  ck_assert_ptr_nonnull (side_new (a, fd[0], true));
  ck_assert_ptr_nonnull (side_new (b, fd[1], false));
}
