/* SPDX-License-Identifier: BSD-3-Clause */

/* Streams without TLS. */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ev-util.h"
#include "stream-fixture.h"
#include "suite.h"
#include "unit-wait.h"

#define BIG ((size_t) 8 << 20)

static struct side a, b;
static int pair[2];

static void
set_up (void)
{
  loop_set_up ();
  a = b = (struct side){0};
}

static void
tear_down (void)
{
  side_free (&a);
  side_free (&b);
  loop_tear_down ();
}

/* a is a stream, pair[1] the raw socket of its peer. */
static void
one_stream (enum kind kind)
{
  ck_assert (connect_pair (kind, pair));
  ck_assert_ptr_nonnull (side_new (&a, pair[0], false));
}

static void
two_streams (void)
{
  ck_assert (connect_pair (SOCKETPAIR, pair));
  side_pair (&a, &b, pair);
}

static void
say (const void *data, size_t len)
{
  ck_assert_int_eq (send (pair[1], data, len, MSG_NOSIGNAL), (ssize_t) len);
}

/* What has come to the raw socket, up to size bytes; 0: nothing yet. */
static size_t
hear (void *buf, size_t size)
{
  ssize_t r = recv (pair[1], buf, size, MSG_DONTWAIT);

  ck_assert (r > 0 || (r == -1 && errno == EAGAIN));
  return r > 0 ? (size_t) r : 0;
}

static void
wait_for_input (void)
{
  struct pollfd pfd = {.fd = pair[1], .events = POLLIN};

  ck_assert_int_eq (poll (&pfd, 1, (int) PATIENCE_S * 1000), 1);
}

/* Bytes that show where they belong. */
static uint8_t
pattern (size_t i)
{
  return (uint8_t) (i ^ i >> 8 ^ i >> 16);
}

static uint8_t *
new_pattern (size_t len)
{
  uint8_t *data = malloc (len);

  ck_assert_ptr_nonnull (data);
  for (size_t i = 0; i < len; ++i)
    data[i] = pattern (i);
  return data;
}

static void
check_pattern (const uint8_t *data, size_t from, size_t len)
{
  for (size_t i = 0; i < len; ++i)
    if (data[i] != pattern (from + i))
      ck_abort_msg ("byte %zu is wrong", from + i);
}

/* --- buffers --- */

TEST (buffer_keeps_order_and_bounds)
{
  struct buffer buf = {0};
  uint8_t chunk[300];
  size_t in = 0, out = 0, peak = 0;

  /* 300 in, 299 out: the rest grows slowly while all is moved along. */
  for (unsigned i = 0; i < 20000; ++i) {
    for (size_t k = 0; k < sizeof chunk; ++k)
      chunk[k] = pattern (in + k);
    ck_assert_int_eq (buffer_append (&buf, chunk, sizeof chunk), 0);
    in += sizeof chunk;
    check_pattern (buffer_head (&buf), out, 299);
    buffer_consume (&buf, 299);
    out += 299;
    if (buf.len > peak)
      peak = buf.len;
    ck_assert_uint_le (buf.cap, 2 * peak + 2 * sizeof chunk);
  }
  check_pattern (buffer_head (&buf), out, buf.len);
  buffer_consume (&buf, buf.len);
  buffer_trim (&buf, buf.cap);
  ck_assert_ptr_nonnull (buf.data);
  buffer_trim (&buf, buf.cap - 1);
  ck_assert_ptr_null (buf.data);

  ck_assert_int_eq (buffer_append (&buf, "x", 1), 0);
  ck_assert_int_eq (buffer_reserve (&buf, SIZE_MAX), -1);
  ck_assert_int_eq (errno, ENOMEM);
  buffer_free (&buf);
}

/* --- data --- */

static size_t
echo (struct side *side, const uint8_t *data, size_t len)
{
  side_write (side, data, len);
  return len;
}

LOOP_TEST (echo_in_one_loop, NR_KINDS)
{
  static const char *const peers[NR_KINDS] = {
    [SOCKETPAIR] = "unix", [TCP4] = "127.0.0.1:", [TCP6] = "[::1]:"};
  const char *peer = peers[_i] ? peers[_i] : "unix";

  if (!connect_pair ((enum kind) _i, pair))
    return;
  b.on_input = echo;
  side_pair (&a, &b, pair);
  ck_assert_str_eq (stream_peer (a.s), "unconnected");
  side_write (&a, "before ", 7);
  RUN_UNTIL (a.readies);
  side_write (&a, "after", 5);
  RUN_UNTIL (side_got (&a, "before after"));
  ck_assert (side_got (&b, "before after"));
  ck_assert_msg (strncmp (stream_peer (a.s), peer, strlen (peer)) == 0, "%s",
                 stream_peer (a.s));
  ck_assert_msg (strncmp (stream_peer (b.s), peer, strlen (peer)) == 0, "%s",
                 stream_peer (b.s));
  ck_assert_str_eq (stream_identity (a.s), "");
}

static void *
echo_thread (void *arg)
{
  int fd = *(int *) arg;
  char buf[65536];

  for (;;) {
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    ssize_t r;

    poll (&pfd, 1, -1);
    r = recv (fd, buf, sizeof buf, MSG_DONTWAIT);
    if (r == -1 && errno == EAGAIN)
      continue;
    if (r <= 0)
      return NULL;
    for (ssize_t done = 0; done < r;) {
      ssize_t w = send (fd, buf + done, (size_t) (r - done), MSG_NOSIGNAL);

      pfd.events = POLLOUT;
      if (w == -1)
        poll (&pfd, 1, -1);
      else
        done += w;
    }
  }
}

LOOP_TEST (echo_with_a_peer_thread, NR_KINDS)
{
  pthread_t thread;

  if (!connect_pair ((enum kind) _i, pair))
    return;
  thread = thread_run (echo_thread, &pair[1]);
  ck_assert_ptr_nonnull (side_new (&a, pair[0], false));
  for (size_t i = 1; i <= 1000; ++i) {
    side_write (&a, "ping", 4);
    RUN_UNTIL (a.got.len == 4 * i);
  }
  side_close (&a);
  pthread_join (thread, NULL);
  close (pair[1]);
}

/* Both directions are full all the time. */
LOOP_TEST (echo_of_much_data, NR_KINDS)
{
  uint8_t *data = new_pattern (BIG);
  pthread_t thread;

  if (!connect_pair ((enum kind) _i, pair))
    return;
  thread = thread_run (echo_thread, &pair[1]);
  ck_assert_ptr_nonnull (side_new (&a, pair[0], false));
  side_write (&a, data, BIG);
  RUN_UNTIL (a.got.len == BIG);
  check_pattern (buffer_head (&a.got), 0, BIG);
  side_close (&a);
  pthread_join (thread, NULL);
  close (pair[1]);
  free (data);
}

/* Messages of a length byte and so many bytes. */
static size_t
whole_messages (struct side *side, const uint8_t *data, size_t len)
{
  size_t used = 0;

  (void) side;
  while (used < len && data[used] < len - used)
    used += 1u + data[used];
  return used;
}

TEST (bytes_one_at_a_time)
{
  static const char text[] = "\5hello\0\1x\11brave new";

  a.on_input = whole_messages;
  one_stream (SOCKETPAIR);
  for (size_t i = 0; i < sizeof text - 1; ++i) {
    say (&text[i], 1);
    RUN_UNTIL (a.inputs == i + 1);
  }
  ck_assert_uint_eq (a.got.len, sizeof text - 1);
  ck_assert_mem_eq (buffer_head (&a.got), text, sizeof text - 1);
  close (pair[1]);
}

/* A packet socket keeps the borders of what is sent at once. */
static void
packet_stream (void)
{
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
                                pair),
                    0);
  ck_assert_ptr_nonnull (side_new (&a, pair[0], false));
  RUN_UNTIL (a.readies);
}

static size_t
answer_thrice (struct side *side, const uint8_t *data, size_t len)
{
  (void) data;
  for (unsigned i = 0; i < 3; ++i)
    side_write (side, "yes ", 4);
  return len;
}

TEST (output_of_one_iteration_is_sent_at_once)
{
  char buf[64];

  a.on_input = answer_thrice;
  packet_stream ();
  say ("?", 1);
  run_once ();
  ck_assert_uint_eq (hear (buf, sizeof buf), 12);
  ck_assert_mem_eq (buf, "yes yes yes ", 12);
  close (pair[1]);
}

static void
write_from_prepare (struct ev_loop *l, ev_prepare *w, int revents)
{
  (void) revents;
  side_write (&a, "prepared", 8);
  ev_prepare_stop (l, w);
}

/* The last moment before the loop waits. */
TEST (output_of_ev_prepare_is_not_delayed)
{
  ev_prepare prepare;
  char buf[64];

  packet_stream ();
  ev_prepare_init (&prepare, write_from_prepare);
  ev_prepare_start (loop, &prepare);
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_eq (hear (buf, sizeof buf), 8);
  close (pair[1]);
}

/* --- back-pressure --- */

static size_t
hear_all (size_t len, unsigned step)
{
  uint8_t *buf = malloc (step);
  size_t heard = 0;

  while (heard < len) {
    size_t r = hear (buf, step);

    check_pattern (buf, heard, r);
    heard += r;
    ev_run (loop, EVRUN_NOWAIT);
  }
  free (buf);
  return heard;
}

LOOP_TEST (huge_output_to_a_slow_reader, TCP6)
{
  uint8_t *data = new_pattern (BIG);

  one_stream ((enum kind) _i);
  RUN_UNTIL (a.readies);
  ck_assert (!stream_congested (a.s));
  side_write (&a, data, BIG);
  ck_assert (stream_congested (a.s));
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert (stream_congested (a.s));
  ck_assert_uint_eq (a.drains, 0);
  hear_all (BIG, 10007);
  ck_assert_uint_ge (a.drains, 1);
  ck_assert (!stream_congested (a.s));
  close (pair[1]);
  free (data);
}

static size_t produced;

/* Chunks, as long as there is room. */
static void
produce (struct side *side)
{
  static uint8_t chunk[1000];

  while (produced < BIG && !stream_congested (side->s)) {
    size_t len = BIG - produced < sizeof chunk ? BIG - produced : sizeof chunk;

    for (size_t i = 0; i < len; ++i)
      chunk[i] = pattern (produced + i);
    side_write (side, chunk, len);
    produced += len;
  }
}

LOOP_TEST (producer_goes_on_when_drained, TCP6)
{
  produced = 0;
  options.max_output = 100000;
  a.on_ready = a.on_drained = produce;
  one_stream ((enum kind) _i);
  hear_all (BIG, 65536);
  ck_assert_uint_eq (produced, BIG);
  close (pair[1]);
}

/* Others get their turn although the producer never has to wait. */
TEST (endless_producer_does_not_keep_the_loop)
{
  pthread_t thread;

  ck_assert (connect_pair (SOCKETPAIR, pair));
  thread = thread_run (echo_thread, &pair[1]);
  produced = 0;
  options.max_output = 1;
  a.on_ready = a.on_drained = produce;
  ck_assert_ptr_nonnull (side_new (&a, pair[0], false));
  ev_run (loop, EVRUN_NOWAIT);
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_le (produced, 10000);
  RUN_UNTIL (a.got.len == BIG);
  side_close (&a);
  pthread_join (thread, NULL);
  close (pair[1]);
}

TEST (paused_stream_does_not_read)
{
  static const char text[] = "later";

  one_stream (SOCKETPAIR);
  stream_pause (a.s, true);
  RUN_UNTIL (a.readies);
  say (text, 5);
  ev_run (loop, EVRUN_NOWAIT);
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_eq (a.inputs, 0);
  stream_pause (a.s, false);
  RUN_UNTIL (side_got (&a, text));
  stream_pause (a.s, true);
  stream_pause (a.s, false);
  say ("!", 1);
  RUN_UNTIL (side_got (&a, "later!"));
  close (pair[1]);
}

static size_t
take_one_and_pause (struct side *side, const uint8_t *data, size_t len)
{
  (void) data;
  (void) len;
  stream_pause (side->s, true);
  return 1;
}

/* The peer says no more: what was left comes again all the same. */
TEST (input_left_comes_again_after_a_pause)
{
  a.on_input = take_one_and_pause;
  one_stream (SOCKETPAIR);
  say ("abc", 3);
  RUN_UNTIL (side_got (&a, "a"));
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_eq (a.inputs, 1);
  stream_pause (a.s, false);
  ck_assert_uint_eq (a.inputs, 1); /* not from within */
  RUN_UNTIL (side_got (&a, "ab"));
  stream_pause (a.s, false);
  RUN_UNTIL (side_got (&a, "abc"));
  ck_assert_uint_eq (a.inputs, 3);
  close (pair[1]);
}

static size_t
take_none (struct side *side, const uint8_t *data, size_t len)
{
  (void) side;
  (void) data;
  (void) len;
  return 0;
}

static size_t
pause_and_take_none (struct side *side, const uint8_t *data, size_t len)
{
  stream_pause (side->s, true);
  return take_none (side, data, len);
}

TEST (too_long_message_fails)
{
  options.max_input = 10;
  a.on_input = take_none;
  one_stream (SOCKETPAIR);
  say ("123456789", 9);
  RUN_UNTIL (a.inputs == 1);
  ck_assert_uint_eq (a.fails, 0);
  say ("abcdef", 6);
  RUN_UNTIL (a.fails);
  ck_assert_str_eq (a.reason, "a message of more than 10 bytes came");
  ck_assert_uint_eq (a.inputs, 2);
  close (pair[1]);
}

TEST (full_buffer_may_wait_while_paused)
{
  options.max_input = 10;
  a.on_input = pause_and_take_none;
  one_stream (SOCKETPAIR);
  say ("0123456789abc", 13);
  RUN_UNTIL (a.inputs == 1);
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_eq (a.fails, 0);
  a.on_input = NULL;
  stream_pause (a.s, false);
  RUN_UNTIL (side_got (&a, "0123456789abc"));
  close (pair[1]);
}

/* --- failures --- */

LOOP_TEST (peer_closes, TCP6)
{
  one_stream ((enum kind) _i);
  say ("bye", 3);
  close (pair[1]);
  RUN_UNTIL (a.fails);
  ck_assert (side_got (&a, "bye"));
  ck_assert_str_eq (a.reason, "closed by the peer");
}

LOOP_TEST (peer_closes_in_the_middle_of_a_message, TCP6)
{
  a.on_input = take_none;
  one_stream ((enum kind) _i);
  say ("by", 2);
  close (pair[1]);
  RUN_UNTIL (a.fails);
  ck_assert_str_eq (a.reason, "closed by the peer in the middle of a message");
}

LOOP_TEST (writing_to_a_closed_peer_fails_once, TCP6)
{
  one_stream ((enum kind) _i);
  RUN_UNTIL (a.readies);
  stream_pause (a.s, true); /* or reading would see it first */
  close (pair[1]);
  while (a.fails == 0) {
    side_write (&a, "x", 1);
    ck_assert_uint_eq (a.fails, 0); /* not from within */
    ev_run (loop, EVRUN_NOWAIT);
  }
  ck_assert_msg (strcmp (a.reason, "Broken pipe") == 0 ||
                   strcmp (a.reason, "Connection reset by peer") == 0,
                 "%s", a.reason);

  /* The callee may close it later. */
  side_write (&a, "x", 1);
  stream_pause (a.s, false);
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_eq (a.fails, 1);
}

/* Nobody listens on the address: it was just given back. */
TEST (connect_is_refused)
{
  struct resolved r;
  int fd = listen_local (TCP4, &r);

  close (fd);
  fd = resolved_connect (&r);
  ck_assert_int_ge (fd, 0);
  ck_assert_ptr_nonnull (side_new (&a, fd, true));
  side_write (&a, "lost", 4);
  RUN_UNTIL (a.fails);
  ck_assert_str_eq (a.reason, "connect: Connection refused");
  ck_assert_uint_eq (a.readies, 0);
}

/* The simultaneous open of one socket with itself. */
TEST (connection_to_itself_is_refused)
{
  struct resolved r;
  int fd = listen_local (TCP4, &r), on = 1;

  close (fd);
  fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ck_assert_int_eq (bind (fd, (struct sockaddr *) &r.addr, r.len), 0);
  connect (fd, (struct sockaddr *) &r.addr, r.len);
  ck_assert_ptr_nonnull (side_new (&a, fd, true));
  RUN_UNTIL (a.fails);
  ck_assert_str_eq (a.reason, "connect: Connection refused");
}

static bool
is_connected (int fd)
{
  struct pollfd pfd = {.fd = fd, .events = POLLOUT};

  return poll (&pfd, 1, 50) == 1;
}

/* A full queue: the system does not answer. */
TEST (connect_ends_with_its_deadline)
{
  struct resolved r;
  int listener = listen_local (TCP4, &r), fd[8], nr = 0;

  do {
    ck_assert_int_lt (nr, 8);
    fd[nr] = resolved_connect (&r);
  } while (is_connected (fd[nr++]));
  options.handshake_s = 0.2;
  ck_assert_ptr_nonnull (side_new (&a, fd[--nr], true));
  RUN_UNTIL (a.fails);
  ck_assert_str_eq (a.reason, "connect: no answer within 0.2 seconds");
  while (nr > 0)
    close (fd[--nr]);
  close (listener);
}

/* --- closing --- */

static void
close_it (struct side *side)
{
  side_close (side);
}

static size_t
close_in_input (struct side *side, const uint8_t *data, size_t len)
{
  side_close (side);
  ck_assert_uint_eq (data[len - 1], '!'); /* still there */
  return len;
}

static void
shut_it (struct side *side)
{
  side_write (side, "last", 4);
  stream_shut (side->s, PATIENCE_S);
  side->s = NULL;
}

static size_t
shut_in_input (struct side *side, const uint8_t *data, size_t len)
{
  shut_it (side);
  ck_assert_uint_eq (data[len - 1], '!');
  return 0;
}

/* In each callback: close, and then shut. */
LOOP_TEST (close_within_callbacks, 8)
{
  void (*end) (struct side *) = _i < 4 ? close_it : shut_it;

  switch (_i % 4) {
  case 0:
    a.on_ready = end;
    break;
  case 1:
    a.on_input = _i < 4 ? close_in_input : shut_in_input;
    break;
  case 2:
    a.on_drained = end;
    break;
  default:
    a.on_failed = end;
  }
  two_streams ();
  side_write (&a, "hello", 5);
  side_write (&b, "hello!", 6);
  if (_i % 4 == 3)
    RUN_UNTIL (a.readies);
  if (_i % 4 == 3)
    side_close (&b);
  RUN_UNTIL (a.s == NULL);
  if (b.s)
    RUN_UNTIL (b.fails);
  ck_assert_uint_le (a.fails, 1);
  if (_i > 3 && b.s)
    ck_assert_mem_eq (buffer_tail (&b.got) - 4, "last", 4);
  side_close (&b);
  ck_assert_int_eq (ev_run (loop, 0), 0);
}

/* The other one has an event that waits. */
static size_t
close_both (struct side *side, const uint8_t *data, size_t len)
{
  (void) side;
  (void) data;
  side_close (&a);
  side_close (&b);
  return len;
}

TEST (close_another_stream_with_events)
{
  a.on_input = b.on_input = close_both;
  two_streams ();
  RUN_UNTIL (a.readies && b.readies);
  side_write (&a, "x", 1);
  side_write (&b, "x", 1);
  RUN_UNTIL (a.s == NULL);
  ck_assert_uint_eq (a.inputs + b.inputs, 1);
}

TEST (close_with_work_deferred)
{
  two_streams ();
  side_close (&a); /* before it was ready */
  RUN_UNTIL (b.fails);
  side_write (&b, "x", 1);
  side_close (&b);
  ck_assert_int_eq (ev_run (loop, EVRUN_NOWAIT), 0);
}

/* The peer had sent what nobody reads any more: all the same it gets what
 * was written before, and no reset.
 */
LOOP_TEST (shut_sends_all_and_then_closes, TCP6)
{
  uint8_t *data = new_pattern (BIG), byte;

  one_stream ((enum kind) _i);
  RUN_UNTIL (a.readies);
  side_write (&a, data, BIG);
  stream_shut (a.s, PATIENCE_S);
  a.s = NULL;
  say ("unread", 6);
  hear_all (BIG, 1 << 20);
  say ("unread", 6);
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_int_eq (recv (pair[1], &byte, 1, 0), 0);
  close (pair[1]);
  ck_assert_int_eq (ev_run (loop, 0), 0); /* nothing is left in the loop */
  ck_assert_uint_eq (a.inputs + a.fails + a.drains, 0);
  free (data);
}

TEST (shut_has_a_deadline)
{
  uint8_t *data = new_pattern (BIG);
  double begun = ev_time ();

  one_stream (SOCKETPAIR);
  RUN_UNTIL (a.readies);
  side_write (&a, data, BIG);
  stream_shut (a.s, 0.05);
  a.s = NULL;
  ck_assert_int_eq (ev_run (loop, 0), 0);
  ck_assert (ev_time () - begun >= 0.05);
  ck_assert_uint_eq (a.fails, 0);
  close (pair[1]);
  free (data);
}

TEST (shut_before_ready)
{
  char buf[16];

  one_stream (SOCKETPAIR);
  side_write (&a, "late", 4);
  stream_shut (a.s, PATIENCE_S);
  ck_assert_ptr_nonnull (side_new (&b, dup (pair[1]), false));
  stream_shut (b.s, PATIENCE_S); /* nothing to say */
  a.s = b.s = NULL;
  ev_run (loop, EVRUN_NOWAIT);
  ck_assert_uint_eq (hear (buf, sizeof buf), 4);
  close (pair[1]);
  ck_assert_int_eq (ev_run (loop, 0), 0);
  ck_assert_uint_eq (a.readies + b.readies, 0);
}

TEST (shut_of_a_failed_stream)
{
  one_stream (SOCKETPAIR);
  close (pair[1]);
  RUN_UNTIL (a.fails);
  stream_shut (a.s, PATIENCE_S);
  a.s = NULL;
  ck_assert_int_eq (ev_run (loop, 0), 0);
}

/* A complaint about the message that filled the buffer goes out. */
TEST (shut_with_a_full_buffer)
{
  char buf[16];

  options.max_input = 10;
  a.on_input = shut_in_input;
  one_stream (TCP4);
  say ("123456789!and more", 18);
  RUN_UNTIL (a.s == NULL);
  wait_for_input ();
  ck_assert_uint_eq (hear (buf, sizeof buf), 4);
  ck_assert_mem_eq (buf, "last", 4);
  close (pair[1]);
  ck_assert_int_eq (ev_run (loop, 0), 0);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("stream");
}
