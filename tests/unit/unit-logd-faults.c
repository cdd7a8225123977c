/* SPDX-License-Identifier: BSD-3-Clause */

/* A log server among clients that break off, talk nonsense, do not listen,
 * and are too many; without descriptors, without space, and told to end.
 */

#include "config.h"

#undef NDEBUG
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "logd-peer.h"
#include "suite.h"
#include "unit-wait.h"

#define REGIONS 4096
#define A 'A'
#define B 'B'

static struct logd server;
static struct peer a, b;
static uint64_t seed;

static void
setup (void)
{
  seed = 4711;
  logd_start (&server, NULL, "--max-clients", "60", NULL);
}

static void
teardown (void)
{
  logd_clean (&server);
}

static void
has_log (struct peer *p, char who, const char *name)
{
  peer_open (p, &server, who);
  ck_assert_int_eq (peer_attach (p, name, 0), PROTO_OK);
  peer_create (p, REGIONS);
  ck_assert_int_eq (peer_flush_log (p, 0, NULL), PROTO_OK);
}

static void
still_serves (struct peer *p)
{
  ck_assert_int_eq (peer_simple (p, PROTO_RENEW), PROTO_OK);
  ck_assert_int_eq (peer_simple (p, PROTO_FLUSH), PROTO_OK);
}

/* KiB; not of interest where a sanitizer keeps what was freed. */
static long
memory_of_server (void)
{
  char path[64], line[256];
  long kib = -1;
  FILE *f;

  snprintf (path, sizeof path, "/proc/%ld/status", (long) server.pid);
  f = fopen (path, "r");
  ck_assert_ptr_nonnull (f);
  while (kib == -1 && fgets (line, sizeof line, f))
    sscanf (line, "VmRSS: %ld", &kib);
  fclose (f);
  ck_assert_int_gt (kib, 0);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#else
  return kib;
#endif
}

/* Milliseconds of processor time. */
static long
time_of_server (void)
{
  unsigned long user = 0, sys = 0;
  char path[64];
  FILE *f;

  snprintf (path, sizeof path, "/proc/%ld/stat", (long) server.pid);
  f = fopen (path, "r");
  ck_assert_ptr_nonnull (f);
  ck_assert_int_eq (fscanf (f,
                            "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
                            "%*u %lu %lu",
                            &user, &sys),
                    2);
  fclose (f);
  return (long) ((user + sys) * 1000 / (unsigned long) sysconf (_SC_CLK_TCK));
}

/* --- frames that are cut, or damaged --- */

/* Frames that mark region after region, and where each one ends. */
#define NR_FRAMES 40

static size_t frame_end[NR_FRAMES];

static void
put_marks (struct peer *p)
{
  for (unsigned i = 0; i < NR_FRAMES; ++i) {
    peer_put_runs (p, PROTO_MARK_REGION, i, 1);
    frame_end[i] = p->out.len;
  }
}

static unsigned
whole_frames (size_t len)
{
  unsigned n = 0;

  while (n < NR_FRAMES && frame_end[n] <= len)
    ++n;
  return n;
}

/* What was cut: the marks of whole frames are there, of no others. */
static void
cut_at (size_t len)
{
  struct peer p = {0};

  peer_open (&p, &server, B);
  ck_assert_int_eq (peer_attach (&p, "cut", 0), PROTO_OK);
  peer_create (&p, REGIONS);
  ck_assert_int_eq (peer_flush_log (&p, 0, NULL), PROTO_OK);
  put_marks (&p);
  ck_assert (peer_send_bytes (&p, p.out.data, len));
  shutdown (p.fd, SHUT_WR);
  ck_assert (!peer_next (&p, &(struct proto_msg){0}));
  peer_close (&p);
  peer_open (&p, &server, B);
  ck_assert_int_eq (peer_attach (&p, "cut", 0), PROTO_OK);
  ck_assert_uint_eq (p.marked, whole_frames (len));
  peer_close (&p);
}

TEST (cut_frames_are_done_or_not)
{
  size_t total;

  has_log (&a, A, "x");
  put_marks (&a);
  total = a.out.len;
  a.out.len = 0;
  for (unsigned i = 0; i < 100; ++i)
    cut_at (random_next (&seed) % (total + 1));
  still_serves (&a);
}

static void
damage (uint8_t *data, size_t len)
{
  unsigned nr = 1 + (unsigned) (random_next (&seed) % 4);

  while (nr-- > 0)
    data[random_next (&seed) % len] ^=
      (uint8_t) (1 + random_next (&seed) % 255);
}

/* A few good frames and one that is damaged; whether the server closes the
 * connection or still waits for the rest of a long frame, nothing comes back
 * that is no frame.
 */
static void
send_damaged (unsigned nr)
{
  struct peer p = {0};
  size_t start;

  peer_connect (&p, &server, B);
  if (nr % 3 > 0)
    peer_hello (&p);
  if (nr % 3 > 1)
    peer_put_attach (&p, "bad", 0, 0);
  start = p.out.len;
  p.epoch = 1;
  peer_put_runs (&p, PROTO_CLEAR_REGION, 0, REGIONS);
  damage (p.out.data + start, p.out.len - start);
  ck_assert (peer_send_bytes (&p, p.out.data, p.out.len));
  shutdown (p.fd, SHUT_WR);
  while (peer_next (&p, &(struct proto_msg){0}))
    ;
  peer_close (&p);
}

TEST (damaged_frames_hurt_nobody_else)
{
  has_log (&a, A, "x");
  peer_put_runs (&a, PROTO_MARK_REGION, 0, REGIONS);
  for (unsigned i = 0; i < 10000; ++i) {
    send_damaged (i);
    if (i % 100 == 0)
      still_serves (&a);
  }
  for (unsigned i = 0; i < REGIONS; i += 111)
    ck_assert (!peer_is_clean (&a, i));
  ck_assert_int_lt (memory_of_server (), 65536);
}

TEST (nonsense_is_answered)
{
  struct proto_msg msg = {.type = PROTO_TAKEOVER};
  uint64_t id;

  peer_open (&a, &server, A);
  msg.named.name = (struct proto_str){"x", 1};
  id = peer_put (&a, &msg);
  a.out.data[5] = 200; /* a type that nobody knows */
  peer_crc (&a);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_UNSUPPORTED);

  msg = (struct proto_msg){.type = PROTO_TAKEOVER};
  msg.named.name = (struct proto_str){"x", 1};
  id = peer_put (&a, &msg);
  a.out.data[a.out.len - 1] = '/'; /* a name that would leave the directory */
  peer_crc (&a);
  peer_flush (&a);
  peer_reply (&a, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_INVALID);
}

TEST (hello_must_be_first)
{
  peer_connect (&a, &server, A);
  peer_put_attach (&a, "x", 0, 0);
  peer_flush (&a);
  ck_assert (!peer_next (&a, &(struct proto_msg){0}));
}

TEST (silent_connection_is_dropped)
{
  uint64_t begin = now_ns ();

  has_log (&b, B, "x");
  peer_connect (&a, &server, A);
  ck_assert (!peer_next (&a, &(struct proto_msg){0}));
  ck_assert_uint_ge (now_ns () - begin, 9 * NSEC_PER_SEC);
  still_serves (&b);
}

/* --- too much --- */

#define TOO_MUCH ((size_t) 64 << 20)

/* Send the frames in out again and again, until nothing goes out for a
 * second.  Returns how many bytes were sent.
 */
static size_t
send_until_blocked (struct peer *p)
{
  size_t sent = 0, at = 0;
  unsigned idle = 0;
  ssize_t n;

  while (sent < TOO_MUCH && idle < 50) {
    n = send (p->fd, p->out.data + at, p->out.len - at,
              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n == -1) {
      ck_assert_int_eq (errno, EAGAIN);
      ++idle;
      poll_for (20);
      continue;
    }
    idle = 0;
    sent += (size_t) n;
    at = (at + (size_t) n) % p->out.len;
  }
  return sent;
}

TEST (client_that_does_not_read_is_not_read)
{
  struct proto_msg msg = {.type = PROTO_GET_SYNC_COUNT};

  has_log (&a, A, "x");
  has_log (&b, B, "y");
  for (unsigned i = 0; i < 1000; ++i) {
    msg.id = 0;
    peer_put (&a, &msg);
  }
  ck_assert_uint_lt (send_until_blocked (&a), TOO_MUCH);
  ck_assert_int_lt (memory_of_server (), 65536);
  still_serves (&b);
}

TEST (long_state_goes_out_bit_by_bit)
{
  enum {
    MANY = 4 << 20
  };
  long before;

  peer_open (&a, &server, A);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_OK);
  peer_create (&a, MANY);
  for (unsigned i = 0; i < MANY; i += 2) {
    peer_put_runs (&a, PROTO_MARK_REGION, i, 1);
    if (a.out.len > 60000)
      peer_flush (&a);
  }
  ck_assert_int_eq (peer_flush_log (&a, 0, NULL), PROTO_OK);
  before = memory_of_server ();
  peer_open (&b, &server, B);
  peer_put_attach (&b, "x", PROTO_ATTACH_READ_ONLY, 0);
  peer_flush (&b);
  poll_for (300);
  ck_assert_int_lt (memory_of_server () - before, 16384);
  still_serves (&a);
  ck_assert_int_eq (peer_attached (&b), PROTO_OK);
  ck_assert_uint_eq (b.marked, MANY / 2);
}

TEST (one_client_too_many_is_told)
{
  static struct peer many[60];
  struct proto_msg msg;
  uint64_t id;

  for (unsigned i = 0; i < 60; ++i)
    peer_open (&many[i], &server, A);
  peer_connect (&b, &server, B);
  id = peer_hello (&b);
  peer_flush (&b);
  peer_reply (&b, id, &msg);
  ck_assert_int_eq (msg.error, PROTO_E_BUSY);
  ck_assert (!peer_next (&b, &msg));
  peer_close (&many[0]);
  poll_for (100);
  peer_open (&b, &server, B);
}

/* --- no descriptors, no space --- */

static void
few_descriptors (void)
{
  struct rlimit limit = {30, 30};

  setrlimit (RLIMIT_NOFILE, &limit);
}

TEST (server_without_descriptors_serves_and_does_not_spin)
{
  static struct peer many[40], late;
  long before;

  logd_clean (&server);
  logd_start (&server, few_descriptors, NULL);
  has_log (&a, A, "x");
  for (unsigned i = 0; i < 40; ++i)
    peer_connect (&many[i], &server, B);
  poll_for (600); /* until it noticed */
  ck_assert_ptr_nonnull (strstr (logd_messages (&server), "accept"));
  before = time_of_server ();
  for (unsigned i = 0; i < 10; ++i) {
    poll_for (100);
    still_serves (&a);
  }
  ck_assert_int_lt (time_of_server () - before, 400);
  /* Files can still be opened for who is connected. */
  ck_assert_int_eq (peer_simple (&a, PROTO_DETACH), PROTO_OK);
  ck_assert_int_eq (peer_attach (&a, "x", 0), PROTO_OK);
  for (unsigned i = 0; i < 40; ++i)
    peer_close (&many[i]);
  peer_open (&late, &server, B);
}

static void
small_files (void)
{
  struct rlimit limit = {200 << 10, 200 << 10};

  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_FSIZE, &limit);
}

/* A log that is larger than its disk, and one that is not. */
TEST (full_disk_is_told_to_one_client_only)
{
  logd_clean (&server);
  logd_start (&server, small_files, NULL);
  has_log (&a, A, "small");
  peer_open (&b, &server, B);
  ck_assert_int_eq (peer_attach (&b, "large", 0), PROTO_OK);
  peer_create (&b, 4 << 20);
  ck_assert_int_eq (peer_flush_log (&b, 0, NULL), PROTO_E_NO_SPACE);
  ck_assert_ptr_nonnull (strstr (peer_text (), "large"));
  still_serves (&a);
  ck_assert_int_eq (peer_simple (&b, PROTO_RENEW), PROTO_OK);
  peer_create (&b, REGIONS);
  ck_assert_int_eq (peer_flush_log (&b, 0, NULL), PROTO_OK);
  still_serves (&a);
}

TEST (directory_is_one_servers)
{
  char command[512];

  snprintf (
    command, sizeof command,
    "%s --foreground --dir %s --socket %s/other 2>%s/said; test $? = 1", LOGD,
    server.dir, server.dir, server.dir);
  ck_assert_int_eq (system (command), 0);
  snprintf (command, sizeof command, "grep -q 'in use by process %ld' %s/said",
            (long) server.pid, server.dir);
  ck_assert_int_eq (system (command), 0);
}

/* --- the end --- */

struct busy {
  pthread_t thread;
  struct peer peer;
  char name[8];
  uint64_t acknowledged; /* flush number */
  uint64_t marked;
};

/* Marks and flushes until the connection ends. */
static void *
be_busy (void *arg)
{
  struct busy *w = arg;
  struct proto_msg msg;

  for (uint64_t r = 0;; ++r) {
    peer_put_runs (&w->peer, PROTO_MARK_REGION, r % REGIONS, 1);
    peer_put_flush (&w->peer, PROTO_FLUSH, 0);
    if (!peer_send_bytes (&w->peer, w->peer.out.data, w->peer.out.len) ||
        !peer_next (&w->peer, &msg) || msg.error)
      return NULL;
    w->peer.out.len = 0;
    w->acknowledged = msg.flushed.flush_number;
    w->marked = r + 1 < REGIONS ? r + 1 : REGIONS;
  }
}

static void
start_busy (struct busy *w, unsigned i)
{
  snprintf (w->name, sizeof w->name, "b%u", i);
  has_log (&w->peer, (char) (A + i), w->name);
  w->thread = thread_run (be_busy, w);
}

/* All that was acknowledged is in the log, for the same session. */
static void
check_busy (const struct busy *w)
{
  struct peer p = {0};

  ck_assert_uint_gt (w->marked, 0);
  peer_open (&p, &server, (char) w->peer.session[0]);
  p.epoch = 1;
  ck_assert_int_eq (peer_attach_again (&p, w->name, w->acknowledged),
                    PROTO_OK);
  for (uint64_t r = 0; r < w->marked; ++r)
    ck_assert (!peer_is_clean (&p, r));
  peer_close (&p);
}

static void
end_under_load (bool kill_it)
{
  static struct busy busy[8];
  uint64_t begin;

  for (unsigned i = 0; i < 8; ++i)
    start_busy (&busy[i], i);
  poll_for (500);
  begin = now_ns ();
  if (kill_it)
    logd_kill (&server);
  else
    ck_assert_int_eq (logd_end (&server), 0);
  ck_assert_uint_lt (now_ns () - begin, 5 * NSEC_PER_SEC);
  for (unsigned i = 0; i < 8; ++i)
    pthread_join (busy[i].thread, NULL);
  logd_again (&server, NULL);
  for (unsigned i = 0; i < 8; ++i)
    check_busy (&busy[i]);
}

TEST (end_with_busy_clients)
{
  end_under_load (false);
}

TEST (killed_with_busy_clients)
{
  end_under_load (true);
}

TEST (end_with_clients_that_do_not_read)
{
  uint64_t begin;

  has_log (&a, A, "x");
  for (unsigned i = 0; i < 200; ++i)
    peer_put_flush (&a, PROTO_FLUSH, PROTO_FLUSH_COMMIT);
  peer_flush (&a);
  peer_open (&b, &server, B);
  peer_put_attach (&b, "x", 0, 0);
  peer_flush (&b);
  poll_for (50);
  begin = now_ns ();
  ck_assert_int_eq (logd_end (&server), 0);
  ck_assert_uint_lt (now_ns () - begin, 5 * NSEC_PER_SEC);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 120,
};

int
main (void)
{
  return suite_main ("logd-faults");
}
