/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs, against real files and real NBD servers; what has to be provoked
 * (the flush gate, errors of pieces) against a leg in memory.
 */

#include "config.h"

#undef NDEBUG

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "cleanup.h"
#include "deadline.h"
#include "fake-nbd.h"
#include "leg.h"
#include "mem-leg.h"
#include "msg.h"
#include "nbd-identity.h"
#include "nbd-server.h"
#include "suite.h"
#include "temp-path.h"

#define MAX_IOS 64
#define MAX_WAIT_S 20

/* ---- The message sink: keep the last one ---- */

static pthread_mutex_t msg_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_msg[512];

void
msg_error (const char *fmt, ...)
{
  int err = errno;
  va_list args;

  CLEANUP_LOCK (&msg_lock);
  va_start (args, fmt);
  errno = err;
  vsnprintf (last_msg, sizeof last_msg, fmt, args);
  va_end (args);
  errno = err;
}

void
msg_debug (const char *fmt, ...)
{
  (void) fmt;
}

static void
expect_msg (const char *part)
{
  CLEANUP_LOCK (&msg_lock);
  ck_assert_msg (strstr (last_msg, part) != NULL, "\"%s\" is not in \"%s\"",
                 part, last_msg);
}

/* ---- Fixture: a directory, a baseline of threads, losses ---- */

static char dir[64];
static size_t base_threads;
static atomic_uint nr_lost;
static sem_t lost_sem;

static size_t
count_entries (const char *path)
{
  DIR *d = opendir (path);
  size_t n = 0;

  ck_assert_ptr_nonnull (d);
  while (readdir (d))
    n++;
  closedir (d);
  return n;
}

static size_t
count_threads (void)
{
  return count_entries ("/proc/self/task");
}

/* A joined thread may still be in /proc for a moment. */
static bool
threads_become (size_t nr)
{
  uint64_t deadline = now_ns () + MAX_WAIT_S * NSEC_PER_SEC;

  while (count_threads () != base_threads + nr && now_ns () < deadline)
    poll (NULL, 0, 1);
  return count_threads () == base_threads + nr;
}

/* Not those that listen, which are locks. */
static bool
is_lock (int fd)
{
  int listens = 0;
  socklen_t len = sizeof listens;

  return getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
         listens;
}

/* By name: a look at the fds themselves would race with their closing. */
static size_t
count_sockets (void)
{
  size_t n = 0;

  for (int fd = 0; fd < 256; ++fd) {
    char path[32], target[16];

    snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    n += readlink (path, target, sizeof target) > 7 &&
         memcmp (target, "socket:", 7) == 0 && !is_lock (fd);
  }
  return n;
}

static void *
do_nothing (void *arg)
{
  return arg;
}

static void
set_up (void)
{
  pthread_t thread;

  /* A sanitizer has a thread of its own from the first thread on. */
  ck_assert_int_eq (pthread_create (&thread, NULL, do_nothing, NULL), 0);
  pthread_join (thread, NULL);
  temp_path (dir, sizeof dir, "unit-leg");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  base_threads = count_threads ();
  atomic_store (&nr_lost, 0);
  sem_init (&lost_sem, 0, 0);
}

static void
tear_down (void)
{
  char cmd[80];

  snprintf (cmd, sizeof cmd, "rm -rf %s", dir);
  ck_assert_int_eq (system (cmd), 0);
  sem_destroy (&lost_sem);
}

static const char *
in_dir (const char *name)
{
  static char path[4][128];
  static unsigned i;
  char *p = path[i++ % 4];

  snprintf (p, sizeof path[0], "%s/%s", dir, name);
  return p;
}

static const char *
make_file (const char *name, off_t size)
{
  const char *path = in_dir (name);
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC, 0600);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, size), 0);
  close (fd);
  return path;
}

static void
on_lost (struct leg *leg)
{
  ck_assert (atomic_load (&leg->lost));
  atomic_fetch_add (&nr_lost, 1);
  sem_post (&lost_sem);
}

static struct leg *
new_leg (const char *name, unsigned connections, uint64_t timeout_ms)
{
  struct leg_options options = {.connections = connections,
                                .timeout_ns = timeout_ms * NSEC_PER_MSEC};
  struct leg *leg = leg_new (name, &options);

  ck_assert_ptr_nonnull (leg);
  leg->on_lost = on_lost;
  return leg;
}

static struct leg *
open_leg_with (const char *name, unsigned connections)
{
  struct leg *leg = new_leg (name, connections, MAX_WAIT_S * 1000);

  ck_assert_msg (leg_open (leg, 0) == 0, "%s", last_msg);
  return leg;
}

static struct leg *
open_leg (const char *name)
{
  return open_leg_with (name, 1);
}

static bool
wait_sem (sem_t *sem)
{
  struct timespec ts;

  clock_gettime (CLOCK_REALTIME, &ts);
  ts.tv_sec += MAX_WAIT_S;
  return sem_timedwait (sem, &ts) == 0;
}

static void
expect_last_error (struct leg *leg, const char *part)
{
  char buf[256];

  leg_last_error (leg, buf, sizeof buf);
  if (part[0] == '\0')
    ck_assert_str_eq (buf, "");
  ck_assert_msg (strstr (buf, part) != NULL, "\"%s\" is not in \"%s\"", part,
                 buf);
}

/* ---- Asynchronous requests ---- */

struct test_io {
  struct leg_io io;
  sem_t done;
  atomic_uint nr_done;
  /* When it was done: */
  size_t sockets; /* that were open */
  char last_error[LEG_ERROR_SIZE];
};

static void
test_io_done (struct leg_io *io)
{
  struct test_io *t = io->opaque;

  t->sockets = count_sockets ();
  leg_last_error (io->leg, t->last_error, sizeof t->last_error);
  atomic_fetch_add (&t->nr_done, 1);
  sem_post (&t->done);
}

static void
init_io (struct test_io *t, enum leg_op op, unsigned flags, void *buf,
         uint64_t offset, uint64_t count)
{
  memset (t, 0, sizeof *t);
  sem_init (&t->done, 0, 0);
  t->io = (struct leg_io){.op = op,
                          .flags = flags,
                          .buf = buf,
                          .offset = offset,
                          .count = count,
                          .done = test_io_done,
                          .opaque = t};
}

static void
submit (struct leg *leg, struct test_io *t, enum leg_op op, unsigned flags,
        void *buf, uint64_t offset, uint64_t count)
{
  init_io (t, op, flags, buf, offset, count);
  leg_submit (leg, &t->io);
}

/* A request that failed: what the leg's last error was at that moment, when
 * the owner says why the leg is out.
 */
static void
expect_blamed (const struct test_io *t, const char *part)
{
  ck_assert_msg (strstr (t->last_error, part) != NULL,
                 "\"%s\" is not in \"%s\"", part, t->last_error);
}

static int
finish (struct test_io *t)
{
  ck_assert (wait_sem (&t->done));
  ck_assert_uint_eq (atomic_load (&t->nr_done), 1);
  return t->io.error;
}

static bool
is_done (struct test_io *t)
{
  return atomic_load (&t->nr_done) > 0;
}

/* ---- What every leg can do ---- */

static void
expect_byte (struct leg *leg, uint64_t offset, uint64_t count, int byte)
{
  CLEANUP_FREE unsigned char *buf = malloc (count);

  memset (buf, ~byte, count);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, offset, count), 0);
  ck_assert_uint_eq (buf[0], (unsigned) byte);
  ck_assert (count == 1 || memcmp (buf, buf + 1, count - 1) == 0);
}

static void
write_byte (struct leg *leg, unsigned flags, uint64_t offset, uint64_t count,
            int byte)
{
  CLEANUP_FREE unsigned char *buf = malloc (count);

  memset (buf, byte, count);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, flags, buf, offset, count), 0);
}

/* leg: 16 MiB, min_block up to 4096. */
static void
exercise (struct leg *leg)
{
  const uint64_t k = 1024, m = 1024 * k;

  ck_assert_uint_eq (leg->size, 16 * m);
  write_byte (leg, 0, 0, 4 * k, 0x11);
  write_byte (leg, LEG_FUA, 4 * k, 4 * k, 0x22);
  write_byte (leg, 0, 15 * m, m, 0x33);
  write_byte (leg, 0, 4 * m, 4 * m, 0x44);
  expect_byte (leg, 0, 4 * k, 0x11);
  expect_byte (leg, 4 * k, 4 * k, 0x22);
  expect_byte (leg, 15 * m, m, 0x33);
  expect_byte (leg, 4 * m, 4 * m, 0x44);
  expect_byte (leg, 8 * m, m, 0);
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, LEG_FUA, NULL, 4 * m + 8 * k,
                             4 * k),
                    0);
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, LEG_MAY_TRIM, NULL, 6 * m, 2 * m),
                    0);
  expect_byte (leg, 4 * m, 8 * k, 0x44);
  expect_byte (leg, 4 * m + 8 * k, 4 * k, 0);
  expect_byte (leg, 4 * m + 12 * k, 4 * k, 0x44);
  expect_byte (leg, 6 * m, 2 * m, 0);
  ck_assert_int_eq (leg_run (leg, LEG_CACHE, 0, NULL, 0, m), 0);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  ck_assert_uint_eq (leg->counters.writes, 6);
  ck_assert_uint_eq (leg->counters.write_bytes, 7 * m + 12 * k);
  ck_assert_uint_eq (leg->counters.reads, 9);
  ck_assert_uint_eq (leg->counters.write_errors, 0);
  ck_assert_uint_eq (leg->in_flight, 0);
  ck_assert_uint_gt (leg->read_latency_ns, 0);
  ck_assert_uint_eq (leg->counters.flushes, leg->can_fua ? 1 : 3);
  expect_last_error (leg, "");
}

TEST (file_does_everything)
{
  struct leg *leg = open_leg (make_file ("a", 16 << 20));

  ck_assert_int_eq (leg->kind, LEG_FILE);
  exercise (leg);
  leg_free (leg);
  ck_assert (threads_become (0));
}

LOOP_TEST (nbd_does_everything, 5)
{
  static const char *const servers[][8] = {
    {"memory", "16M", NULL},
    {"memory", "16M", "--filter=nozero", "zeromode=none", NULL},
    {"memory", "16M", "--no-sr", NULL},
    {"memory", "16M", "--filter=error", "error-zero=EINVAL",
     "error-zero-rate=100%", NULL},
    {"memory", "16M", "--filter=blocksize-policy", "blocksize-minimum=4096",
     "blocksize-maximum=64K", "blocksize-preferred=4096",
     "blocksize-error-policy=error", NULL},
  };
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, _i % 2 == 0, servers[_i]);
  leg = open_leg (server.uri);
  ck_assert_int_eq (leg->kind, LEG_NBD);
  ck_assert_uint_eq (leg->min_block, _i == 4 ? 4096 : 1);
  ck_assert_uint_eq (leg->max_request, _i == 4 ? 65536 : 1 << 20);
  ck_assert_uint_eq (leg->max_bare, _i == 4 ? 65536 : 32 << 20);
  if (_i == 2)
    leg->can_fua = false; /* as if the server had none */
  exercise (leg);
  leg_free (leg);
  ck_assert (threads_become (0));
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

TEST (nbd_works_over_tls)
{
  static char psk[128], param[160];
  const char *args[] = {"--tls=require", param, "memory", "16M", NULL};
  struct nbd_server server;
  char uri[512];
  struct leg *leg;
  FILE *fp;

  snprintf (psk, sizeof psk, "%s", in_dir ("psk"));
  snprintf (param, sizeof param, "--tls-psk=%s", psk);
  fp = fopen (psk, "w");
  fputs ("me:00112233445566778899aabbccddeeff\n", fp);
  fclose (fp);
  nbd_server_start (&server, false, args);
  snprintf (uri, sizeof uri, "nbds+unix://me@/?socket=%s&tls-psk-file=%s",
            server.socket, psk);
  leg = open_leg (uri);
  exercise (leg);
  leg_free (leg);
  nbd_server_end (&server);
}

/* ---- The file behind an open leg ---- */

static enum leg_place
place_of (struct leg *leg, const char *why)
{
  struct leg_sight sight;

  leg_look (leg, &sight);
  ck_assert_str_eq (sight.why, why);
  return sight.place;
}

TEST (a_file_that_was_removed_is_gone_at_the_second_look)
{
  const char *path = make_file ("a", 1 << 20);
  struct leg *leg = open_leg (path);

  ck_assert_int_eq (place_of (leg, ""), LEG_IN_PLACE);
  ck_assert_int_eq (unlink (path), 0);
  ck_assert_int_eq (place_of (leg, ""), LEG_IN_PLACE);
  ck_assert_int_eq (place_of (leg, "its file was removed"), LEG_GONE);
  make_file ("a", 1 << 20);
  ck_assert_int_eq (place_of (leg, "another file has its name now"), LEG_GONE);
  leg_close (leg);
  ck_assert_int_eq (place_of (leg, ""), LEG_IN_PLACE);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_int_eq (place_of (leg, ""), LEG_IN_PLACE);
  leg_free (leg);
}

TEST (a_file_that_was_cut_says_where)
{
  const char *path = make_file ("a", 1 << 20);
  struct leg *leg = open_leg (path);
  struct leg_sight sight;

  ck_assert_int_eq (truncate (path, 5000), 0);
  leg_look (leg, &sight);
  ck_assert_int_eq (sight.place, LEG_CUT);
  ck_assert_uint_eq (sight.end, 5000);
  ck_assert_str_eq (sight.why,
                    "its file is 5000 bytes long now, and was 1048576");
  ck_assert_int_eq (truncate (path, 2 << 20), 0);
  ck_assert_int_eq (place_of (leg, ""), LEG_IN_PLACE);
  leg_free (leg);
}

/* ---- Names ---- */

TEST (names_decide_the_kind)
{
  static const char *const uris[] = {
    "nbd://host",
    "nbds://host/e",
    "nbd+unix:///?socket=/s",
    "nbd+vsock://1:2",
    "nbds+unix://u@/e?socket=/s",
    "nbds+vsock://1",
    "NBD://host",
  };
  struct leg *leg;

  for (size_t i = 0; i < sizeof uris / sizeof uris[0]; ++i) {
    leg = new_leg (uris[i], 1, 1000);
    ck_assert_int_eq (leg->kind, LEG_NBD);
    ck_assert_str_eq (leg->name, uris[i]);
    leg_free (leg);
  }
}

TEST (paths_become_absolute)
{
  char expected[512];
  struct leg *leg;

  ck_assert_int_eq (chdir (dir), 0);
  leg = new_leg ("./nbd://x", 1, 1000);
  snprintf (expected, sizeof expected, "%s/./nbd://x", dir);
  ck_assert_str_eq (leg->name, expected);
  leg_free (leg);
  leg_free (NULL);
}

TEST (unknown_schemes_are_refused)
{
  const struct leg_options options = {.connections = 1};

  ck_assert_ptr_null (leg_new ("http://host/x", &options));
  expect_msg ("leg http://host/x: ");
  expect_msg ("nbds+unix");
  ck_assert_ptr_null (leg_new ("", &options));
}

TEST (what_names_no_export_is_no_leg)
{
  struct leg_options options = {.timeout_ns = NSEC_PER_SEC};

  ck_assert_ptr_null (leg_new ("nbd+unix:///x", &options));
  expect_msg ("leg nbd+unix:///x: names no export");
}

/* ---- Files ---- */

TEST (only_files_and_devices_are_legs)
{
  struct leg *leg;

  ck_assert_int_eq (mkfifo (in_dir ("fifo"), 0600), 0);
  const char *const names[] = {dir, in_dir ("fifo"), "/dev/null",
                               in_dir ("absent")};

  for (size_t i = 0; i < 4; ++i) {
    leg = new_leg (names[i], 1, 1000);
    ck_assert_int_eq (leg_open (leg, 0), -1);
    ck_assert_int_eq (errno, i < 3 ? EINVAL : ENOENT);
    expect_msg (names[i]);
    leg_free (leg);
  }
}

TEST (a_second_owner_is_refused_by_pid)
{
  const char *path = make_file ("a", 4096);
  struct leg *leg = open_leg (path);
  struct leg *second = new_leg (path, 1, 1000);
  char expected[64];
  int status;
  pid_t pid;

  leg_quiesce (leg); /* as before a fork; it stays owned */
  snprintf (expected, sizeof expected, "in use by process %ld",
            (long) getpid ());
  pid = fork ();
  if (pid == 0) {
    bool ok = leg_open (second, 0) == -1 && errno == EBUSY &&
              strstr (last_msg, expected) && strstr (last_msg, path);

    leg_free (second);
    leg_free (leg);
    _exit (ok ? 0 : 1);
  }
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_int_eq (status, 0);
  ck_assert_int_eq (leg_start (leg), 0);
  ck_assert_int_eq (leg_open (second, 0), -1);
  ck_assert_int_eq (errno, EBUSY);
  ck_assert_int_eq (leg_open (second, LEG_READ_ONLY), 0);
  leg_close (second);
  leg_free (leg);
  ck_assert_int_eq (leg_open (second, 0), 0);
  leg_free (second);
}

TEST (read_only_takes_no_ownership)
{
  const char *path = make_file ("a", 4096);
  struct leg *leg = new_leg (path, 1, 1000), *owner;
  char buf[1] = {1};

  ck_assert_int_eq (leg_open (leg, LEG_READ_ONLY), 0);
  owner = open_leg (path);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, 0, 1), 0);
  ck_assert_int_eq (buf[0], 0);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, buf, 0, 1), -1);
  expect_last_error (leg, "write at offset 0: Bad file descriptor");
  leg_free (owner);
  leg_free (leg);
}

TEST (identity_follows_the_inode)
{
  struct leg *a = open_leg (make_file ("a", 4096)), *b;
  uint8_t id[LEG_ID_SIZE];

  memcpy (id, a->id, sizeof id);
  leg_free (a);
  ck_assert_int_eq (rename (in_dir ("a"), in_dir ("c")), 0);
  a = open_leg (in_dir ("c"));
  b = open_leg (make_file ("b", 4096));
  ck_assert_mem_eq (id, a->id, sizeof id);
  ck_assert_mem_ne (id, b->id, sizeof id);
  leg_free (a);
  leg_free (b);
}

TEST (file_extents_tell_holes)
{
  const uint64_t m = 1 << 20;
  struct leg *leg = open_leg (make_file ("a", 16 * m));
  struct leg_extent e[8];
  size_t nr = 8;

  write_byte (leg, 0, 4 * m, m, 1);
  write_byte (leg, 0, 15 * m, m, 1);
  ck_assert_int_eq (leg_extents (leg, m, 14 * m + 4096, e, &nr), 0);
  ck_assert_uint_eq (nr, 4);
  ck_assert (e[0].hole && e[0].zero && e[0].length == 3 * m);
  ck_assert (!e[1].hole && !e[1].zero && e[1].length == m);
  ck_assert (e[2].hole && e[2].zero && e[2].length == 10 * m);
  ck_assert (!e[3].hole && !e[3].zero && e[3].length == 4096);
  nr = 1;
  ck_assert_int_eq (leg_extents (leg, 0, 16 * m, e, &nr), 0);
  ck_assert_uint_eq (nr, 1);
  ck_assert_uint_eq (e[0].length, 4 * m);
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, LEG_MAY_TRIM, NULL, 15 * m, m), 0);
  ck_assert_int_eq (leg_extents (leg, 15 * m, m, e, &nr), 0);
  ck_assert (e[0].hole && e[0].zero && e[0].length == m);
  leg_free (leg);
}

TEST (a_truncated_file_is_an_error_not_zeroes)
{
  const char *path = make_file ("a", 1 << 20);
  struct leg *leg = open_leg (path);
  struct leg_extent e[8];
  size_t nr = 8;
  char buf[4096];

  ck_assert_int_eq (truncate (path, 8192), 0);
  /* Nor does a write bring the end back with zeroes before it. */
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, buf, leg->size - 512, 512),
                    -1);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, 8192, 4096), -1);
  ck_assert_int_eq (errno, EIO);
  expect_last_error (leg, "read at offset 8192: Input/output error");
  ck_assert_int_eq (leg_extents (leg, 0, 1 << 20, e, &nr), -1);
  ck_assert_int_eq (errno, EIO);
  ck_assert_uint_eq (leg->counters.read_errors, 2);
  ck_assert (!atomic_load (&leg->lost));
  leg_quiesce (leg);
  ck_assert_int_eq (leg_start (leg), -1);
  expect_msg ("size was 1048576 and is 8192 now");
  leg_free (leg);
}

TEST (quiesce_leaves_no_thread)
{
  struct leg *leg = open_leg (make_file ("a", 16 << 20));
  CLEANUP_FREE char *buf = calloc (1, 4 << 20);
  struct test_io io[8];

  for (size_t i = 0; i < 8; ++i)
    submit (leg, &io[i], LEG_WRITE, 0, buf, i << 20, 1 << 20);
  for (size_t i = 0; i < 8; ++i)
    ck_assert_int_eq (finish (&io[i]), 0);
  ck_assert_uint_gt (count_threads (), base_threads);
  leg_quiesce (leg);
  ck_assert (threads_become (0));
  submit (leg, &io[0], LEG_FLUSH, 0, NULL, 0, 0);
  ck_assert_int_eq (finish (&io[0]), ENOTCONN);
  ck_assert_int_eq (leg_start (leg), 0);
  submit (leg, &io[0], LEG_FLUSH, 0, NULL, 0, 0);
  ck_assert_int_eq (finish (&io[0]), 0);
  leg_free (leg);
  ck_assert (threads_become (0));
  ck_assert_uint_eq (nr_lost, 0);
}

/* ---- NBD ---- */

TEST (logs_of_earlier_versions_know_the_leg)
{
  static const char *const args[] = {"memory", "1M", NULL};
  uint8_t old[LEG_ID_SIZE], other[LEG_ID_SIZE];
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 1, 10000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  nbd_identity_old_hash (server.uri, old);
  nbd_identity_old_hash ("nbd://else/", other);
  ck_assert_mem_ne (leg->id, old, LEG_ID_SIZE);
  ck_assert (leg_has_id (leg, LEG_NBD, leg->id));
  ck_assert (leg_has_id (leg, LEG_NBD, old));
  ck_assert (!leg_has_id (leg, LEG_NBD, other));
  ck_assert (!leg_has_id (leg, LEG_BLOCK, old));
  leg_free (leg);
  nbd_server_end (&server);
}

LOOP_TEST (connections_follow_multi_conn, 2)
{
  static const char *const servers[][6] = {
    {"memory", "16M", NULL},
    {"memory", "16M", "--filter=multi-conn", "multi-conn-mode=disable", NULL},
  };
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, servers[_i]);
  leg = new_leg (server.uri, 4, 10000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_uint_eq (count_sockets (), _i == 0 ? 4 : 1);
  ck_assert (threads_become (_i == 0 ? 4 : 1));
  exercise (leg);
  leg_quiesce (leg);
  ck_assert_uint_eq (count_sockets (), 0);
  ck_assert (threads_become (0));
  ck_assert_int_eq (leg_start (leg), 0);
  ck_assert_uint_eq (count_sockets (), _i == 0 ? 4 : 1);
  expect_byte (leg, 0, 4096, 0x11);
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

static bool
sockets_become (size_t nr)
{
  uint64_t deadline = now_ns () + MAX_WAIT_S * NSEC_PER_SEC;

  while (count_sockets () != nr && now_ns () < deadline)
    poll (NULL, 0, 10);
  return count_sockets () == nr;
}

/* Of another process, which is ours to look at. */
static size_t
sockets_of (pid_t pid)
{
  size_t n = 0;

  for (int fd = 0; fd < 256; ++fd) {
    char path[48], target[16];

    snprintf (path, sizeof path, "/proc/%ld/fd/%d", (long) pid, fd);
    n += readlink (path, target, sizeof target) > 7 &&
         memcmp (target, "socket:", 7) == 0;
  }
  return n;
}

/* The server knows that so many clients have gone. */
static void
wait_until_gone (const struct nbd_server *server, size_t sockets)
{
  uint64_t deadline = now_ns () + MAX_WAIT_S * NSEC_PER_SEC;

  while (sockets_of (server->pid) > sockets && now_ns () < deadline)
    poll (NULL, 0, 10);
  ck_assert_uint_eq (sockets_of (server->pid), sockets);
}

/* Another client has the others; when it has gone they are ours. */
TEST (a_leg_goes_on_with_the_connections_that_it_gets)
{
  static const char *const args[] = {"memory", "16M", "--filter=limit",
                                     "limit=5", NULL};
  struct nbd_server server;
  struct leg *leg, *other;
  size_t of_other;

  nbd_server_start (&server, true, args);
  other = new_leg (server.uri, 2, 10000);
  ck_assert_int_eq (leg_open (other, LEG_READ_ONLY), 0);
  of_other = sockets_of (server.pid);
  leg = new_leg (server.uri, 4, 10000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_uint_eq (count_sockets (), 2 + 3);
  expect_msg ("3 of 4 connections");
  exercise (leg);
  leg_quiesce (leg);
  wait_until_gone (&server, of_other);
  msg_error ("%s", "");
  ck_assert_int_eq (leg_start (leg), 0);
  expect_msg (""); /* it is said once */
  ck_assert (last_msg[0] == '\0');
  ck_assert_uint_eq (count_sockets (), 2 + 3);
  leg_free (other);
  ck_assert (sockets_become (4));
  ck_assert (threads_become (4));
  for (unsigned i = 0; i < 8; ++i)
    expect_byte (leg, 0, 4096, 0x11);
  leg_free (leg);
  ck_assert (threads_become (0));
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

/* The first server does not answer any more, and what it had answered may be
 * gone: another one has taken its place, but not that of its connection.
 */
TEST (a_later_connection_goes_to_the_same_server)
{
  static const char *const args[] = {"memory", "16M", "--filter=limit",
                                     "limit=1", NULL};
  static struct test_io io[MAX_IOS];
  struct nbd_server server, frozen;
  struct leg *leg;
  uint8_t byte[512];
  size_t nr = 0;

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 2, 1000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  expect_msg ("1 of 2 connections");
  nbd_server_freeze (&server);
  frozen = server;
  server.pid = 0;
  nbd_server_restart (&server, args);
  ck_assert (sockets_become (2));
  do {
    submit (leg, &io[nr++], LEG_READ, 0, byte, 0, sizeof byte);
    poll (NULL, 0, 20);
  } while (nr < MAX_IOS && !atomic_load (&leg->lost));
  for (size_t n = 0; n < nr; ++n)
    ck_assert_int_ne (finish (&io[n]), 0);
  leg_free (leg);
  ck_assert (threads_become (0));
  nbd_server_kill (&frozen);
  nbd_server_end (&server);
}

/* A server may let the others wait without a word. */
TEST (a_leg_does_not_wait_for_all_of_its_connections)
{
  struct nbd_server server;
  struct leg *leg;

  fake_nbd_start (&server, FAKE_NBD_MULTI_CONN);
  leg = open_leg_with (server.uri, 4);
  expect_msg ("1 of 4 connections");
  expect_byte (leg, 0, 4096, FAKE_NBD_BYTE);
  leg_free (leg);
  ck_assert (threads_become (0));
  nbd_server_end (&server);
}

TEST (nbd_extents_tell_hole_and_zero_apart)
{
  static const char *const args[] = {
    "eval",
    "get_size=echo 1M",
    "pread=head -c $3 /dev/zero",
    "can_extents=exit 0",
    "extents=echo 0 64K hole; echo 64K 64K zero; echo 128K 64K hole,zero; "
    "echo 192K 832K",
    "pwrite=cat >/dev/null",
    NULL};
  struct nbd_server server;
  struct leg_extent e[8];
  struct leg *leg;
  size_t nr = 8;

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  ck_assert_int_eq (leg_extents (leg, 0, 256 * 1024, e, &nr), 0);
  ck_assert_uint_eq (nr, 4);
  ck_assert (e[0].hole && !e[0].zero && e[0].length == 65536);
  ck_assert (!e[1].hole && e[1].zero && e[1].length == 65536);
  ck_assert (e[2].hole && e[2].zero && e[2].length == 65536);
  ck_assert (!e[3].hole && !e[3].zero && e[3].length == 65536);
  nr = 2;
  ck_assert_int_eq (leg_extents (leg, 0, 1 << 20, e, &nr), 0);
  ck_assert_uint_eq (nr, 2);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (nbd_without_block_status_is_data)
{
  static const char *const args[] = {"memory", "16M", "--no-sr", NULL};
  struct nbd_server server;
  struct leg_extent e[2];
  struct leg *leg;
  size_t nr = 2;

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  ck_assert_int_eq (leg_extents (leg, 4096, 1 << 20, e, &nr), 0);
  ck_assert_uint_eq (nr, 1);
  ck_assert (!e[0].hole && !e[0].zero && e[0].length == 1 << 20);
  leg_free (leg);
  nbd_server_end (&server);
}

/* What a server did not send was not read, whatever it says. */
LOOP_TEST (a_read_without_data_has_failed, 3)
{
  static const enum fake_nbd_fault faults[] = {FAKE_NBD_GOOD, FAKE_NBD_NO_DATA,
                                               FAKE_NBD_HALF_DATA};
  struct nbd_server server;
  struct leg *leg;
  char buf[4096];
  int r;

  fake_nbd_start (&server, faults[_i]);
  leg = open_leg (server.uri);
  r = leg_run (leg, LEG_READ, 0, buf, 8192, sizeof buf);
  if (faults[_i] == FAKE_NBD_GOOD) {
    ck_assert_int_eq (r, 0);
    ck_assert_int_eq (buf[sizeof buf - 1], FAKE_NBD_BYTE);
  }
  else {
    ck_assert_int_eq (r, -1);
    ck_assert_int_eq (errno, EIO);
    ck_assert_uint_eq (leg->counters.read_errors, 1);
    expect_last_error (leg, "read at offset 8192: Input/output error");
  }
  /* It is a read that failed, not the connection. */
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, buf, 0, sizeof buf), 0);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

LOOP_TEST (block_status_without_extents_has_failed, 3)
{
  static const enum fake_nbd_fault faults[] = {
    FAKE_NBD_GOOD, FAKE_NBD_NO_EXTENTS, FAKE_NBD_TWICE_EXTENTS};
  struct nbd_server server;
  struct leg_extent e[4];
  struct leg *leg;
  size_t nr = 4;
  int r;

  fake_nbd_start (&server, faults[_i]);
  leg = open_leg (server.uri);
  r = leg_extents (leg, 0, 65536, e, &nr);
  if (faults[_i] == FAKE_NBD_GOOD) {
    ck_assert_int_eq (r, 0);
    ck_assert_uint_eq (nr, 1);
    ck_assert_uint_eq (e[0].length, 65536);
  }
  else {
    ck_assert_int_eq (r, -1);
    ck_assert_int_eq (errno, EIO);
    expect_last_error (leg, "block status at offset 0: Input/output error");
  }
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

/* Whose mistake it is: nothing of it is the leg's. */
static void
expect_bad_range (struct leg *leg, uint64_t offset, uint64_t count)
{
  static const enum leg_op ops[] = {LEG_READ, LEG_WRITE, LEG_ZERO, LEG_CACHE};
  CLEANUP_FREE char *buf = calloc (1, 8192);
  struct leg_extent e[4];
  size_t nr = 4;

  ck_assert_int_eq (leg_extents (leg, offset, count, e, &nr), -1);
  ck_assert_int_eq (errno, EINVAL);
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; ++i) {
    ck_assert_int_eq (leg_run (leg, ops[i], 0, buf, offset, count), -1);
    ck_assert_int_eq (errno, EINVAL);
  }
}

TEST (a_bad_range_is_refused_and_no_error_of_the_leg)
{
  static const char *const args[] = {"memory",
                                     "16M",
                                     "--filter=blocksize-policy",
                                     "blocksize-minimum=512",
                                     "blocksize-error-policy=error",
                                     NULL};
  struct nbd_server server;
  struct leg *leg;
  uint64_t end = 16 << 20;

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  ck_assert_uint_eq (leg->min_block, 512);
  expect_bad_range (leg, 1, 1);
  expect_bad_range (leg, 0, 513);
  expect_bad_range (leg, 511, 512);
  expect_bad_range (leg, end, 512);
  expect_bad_range (leg, end - 512, 1024);
  expect_bad_range (leg, UINT64_MAX - 511, 512);
  expect_bad_range (leg, 512, UINT64_MAX - 511);
  ck_assert_uint_eq (leg->counters.reads, 0);
  ck_assert_uint_eq (leg->counters.writes, 0);
  ck_assert_uint_eq (leg->counters.read_errors, 0);
  ck_assert_uint_eq (leg->counters.write_errors, 0);
  ck_assert_uint_eq (leg->in_flight, 0);
  expect_last_error (leg, "");
  expect_byte (leg, 512, 512, 0);
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

TEST (a_read_only_export_is_refused)
{
  static const char *const args[] = {"-r", "memory", "16M", NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 1, 10000);
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, EROFS);
  expect_msg ("read-only");
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (a_server_without_flush_is_said)
{
  static const char *const args[] = {"eval", "get_size=echo 1M",
                                     "pread=head -c $3 /dev/zero",
                                     "pwrite=cat >/dev/null", NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  expect_msg ("no flush");
  write_byte (leg, LEG_FUA, 0, 512, 1);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (connecting_has_a_deadline)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct leg *leg;
  uint64_t begin;

  nbd_server_start (&server, true, args);
  nbd_server_freeze (&server);
  leg = new_leg (server.uri, 1, 300);
  begin = now_ns ();
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, ETIMEDOUT);
  ck_assert_uint_ge (now_ns () - begin, 300 * NSEC_PER_MSEC);
  expect_msg ("connect: no answer for 0.3 s");
  kill (server.pid, SIGCONT);
  leg_free (leg);
  leg = open_leg (server.uri);
  leg_free (leg);
  nbd_server_kill (&server);
  leg = new_leg (server.uri, 1, 10000);
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, ECONNREFUSED);
  expect_msg ("Connection refused");
  leg_free (leg);
  nbd_server_end (&server);
}

LOOP_TEST (what_is_not_wanted_any_more_does_not_open, 2)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = _i == 0 ? new_leg (server.uri, 1, 10000)
                : new_leg (make_file ("a", 4096), 1, 10000);
  leg_cancel (leg);
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, ECANCELED);
  expect_msg ("canceled");
  leg_free (leg);
  ck_assert (threads_become (0));
  nbd_server_end (&server);
}

TEST (another_size_after_quiesce_is_refused)
{
  static const char *const args[] = {"memory", "16M", NULL};
  static const char *const other[] = {"memory", "8M", NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  leg_quiesce (leg);
  nbd_server_restart (&server, other);
  ck_assert_int_eq (leg_start (leg), -1);
  expect_msg ("16777216");
  leg_free (leg);
  nbd_server_end (&server);
}

static int
tcp_option (int fd, int level, int name)
{
  int value;
  socklen_t len = sizeof value;

  ck_assert_int_eq (getsockopt (fd, level, name, &value, &len), 0);
  return value;
}

TEST (tcp_sockets_do_not_linger_and_are_kept_alive)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct leg *leg;
  size_t seen = 0;

  nbd_server_start (&server, true, args);
  leg = new_leg (server.uri, 2, 7000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  for (int fd = 0; fd < 256; ++fd) {
    struct linger linger;
    socklen_t len = sizeof linger;

    if (getsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, &len) == -1 ||
        is_lock (fd))
      continue;
    ck_assert (linger.l_onoff && linger.l_linger == 0);
    ck_assert_int_eq (tcp_option (fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
    ck_assert_int_eq (tcp_option (fd, IPPROTO_TCP, TCP_KEEPIDLE), 5);
    ck_assert_int_ne (tcp_option (fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    seen++;
  }
  ck_assert_uint_eq (seen, 2);
  leg_free (leg);
  nbd_server_end (&server);
}

/* ---- NBD: one user (S19) ---- */

/* Another spelling of the same export. */
static void
spell_again (const struct nbd_server *server, char uri[512])
{
  snprintf (uri, 512, "nbd+unix://me@/?tls-hostname=x&socket=%s/../%s/sock",
            server->dir, strrchr (server->dir, '/') + 1);
}

/* A child that has opened the leg, and waits to be killed. */
static pid_t
start_owner (struct leg *leg)
{
  int ready[2];
  pid_t pid;
  char c;

  ck_assert_int_eq (pipe (ready), 0);
  pid = fork ();
  ck_assert_int_ge (pid, 0);
  if (pid == 0) {
    if (leg_open (leg, 0) == 0 && write (ready[1], "", 1) == 1)
      for (;;)
        pause ();
    _exit (1);
  }
  close (ready[1]);
  ck_assert_int_eq (read (ready[0], &c, 1), 1);
  close (ready[0]);
  return pid;
}

static void
end_owner (pid_t pid)
{
  ck_assert_int_eq (kill (pid, SIGKILL), 0);
  ck_assert_int_eq (waitpid (pid, NULL, 0), pid);
}

static void
expect_owned (struct leg *leg, pid_t pid)
{
  char expected[64];

  snprintf (expected, sizeof expected, "in use by process %ld", (long) pid);
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, EBUSY);
  expect_msg (expected);
}

LOOP_TEST (a_second_user_of_an_export_is_refused_by_pid, 2)
{
  static const char *const args[] = {"memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg, *other;
  char uri[512];
  pid_t pid;

  nbd_server_start (&server, _i == 1, args);
  if (_i == 0)
    spell_again (&server, uri);
  else
    snprintf (uri, sizeof uri, "nbd://u@localhost:%s/",
              strrchr (server.uri, ':') + 1);
  leg = new_leg (server.uri, 1, 10000);
  other = new_leg (uri, 1, 10000);
  pid = start_owner (leg);
  expect_owned (other, pid);
  expect_owned (other, pid);
  end_owner (pid);
  ck_assert_int_eq (leg_open (other, 0), 0);
  expect_byte (other, 0, 4096, 0);
  leg_free (other);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (another_export_of_the_server_is_free)
{
  static const char *const args[] = {"memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg, *other;
  char uri[512];

  nbd_server_start (&server, false, args);
  snprintf (uri, sizeof uri, "nbd+unix:///other?socket=%s", server.socket);
  leg = open_leg (server.uri);
  other = open_leg (uri);
  leg_free (other);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (an_export_is_owned_until_it_is_closed)
{
  static const char *const args[] = {"memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg, *other;
  char uri[512];
  pid_t pid;

  nbd_server_start (&server, false, args);
  spell_again (&server, uri);
  leg = new_leg (server.uri, 1, 10000);
  other = new_leg (uri, 1, 10000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert_int_eq (leg_open (other, 0), -1);
  ck_assert_int_eq (errno, EBUSY);
  expect_msg ("in use by another leg");
  leg_lose (leg, EIO, "lost");
  ck_assert_int_eq (leg_open (other, 0), -1);
  leg_close (leg);
  ck_assert_int_eq (leg_open (other, 0), 0);
  leg_quiesce (other);

  /* Over a fork, and then it is the child's. */
  pid = fork ();
  ck_assert_int_ge (pid, 0);
  if (pid == 0) {
    if (leg_start (other) == 0 && kill (getpid (), SIGSTOP) == 0)
      pause ();
    _exit (1);
  }
  ck_assert_int_eq (waitpid (pid, NULL, WUNTRACED), pid);
  leg_close (other);
  expect_owned (leg, pid);
  end_owner (pid);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_free (leg);
  leg_free (other);
  nbd_server_end (&server);
}

TEST (who_only_reads_owns_nothing)
{
  static const char *const args[] = {"memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg, *other;

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  other = new_leg (server.uri, 1, 10000);
  ck_assert_int_eq (leg_open (other, LEG_READ_ONLY), 0);
  leg_close (leg);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  leg_free (other);
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (an_export_that_cannot_be_opened_is_not_owned)
{
  static const char *const args[] = {"memory", "1M", NULL};
  struct nbd_server server;
  struct leg *leg, *other;

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 1, 10000);
  other = new_leg (server.uri, 1, 10000);
  nbd_server_kill (&server);
  ck_assert_int_eq (leg_open (leg, 0), -1);
  nbd_server_restart (&server, args);
  ck_assert_int_eq (leg_open (other, 0), 0);
  leg_free (other);
  leg_free (leg);
  nbd_server_end (&server);
}

/* So a request to several legs takes as long as the slowest, not the sum. */
TEST (two_legs_work_at_the_same_time)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server[2];
  struct leg *leg[2];
  struct test_io io[2];
  char buf[4096] = {0};

  for (size_t i = 0; i < 2; ++i) {
    nbd_server_start (&server[i], false, args);
    leg[i] = open_leg (server[i].uri);
    nbd_server_freeze (&server[i]);
  }
  for (size_t i = 0; i < 2; ++i)
    submit (leg[i], &io[i], LEG_WRITE, 0, buf, 0, 4096);
  for (size_t i = 0; i < 2; ++i) {
    ck_assert_uint_eq (atomic_load (&leg[i]->in_flight), 1);
    kill (server[i].pid, SIGCONT);
  }
  for (size_t i = 0; i < 2; ++i)
    ck_assert_int_eq (finish (&io[i]), 0);
  for (size_t i = 0; i < 2; ++i) {
    leg_free (leg[i]);
    nbd_server_end (&server[i]);
  }
}

/* ---- Losing a leg ---- */

/* How long servers are silent: connect, too, must be done in this time. */
#define SILENCE_MS 2000

/* Requests wait at the server, which then ends or stops. */
static void
lose_with_requests (int sig, uint64_t timeout_ms, unsigned connections,
                    const char *why)
{
  static const char *const args[] = {
    "memory", "64M", "--filter=delay", "wdelay=30", "rdelay=30", NULL};
  static struct test_io io[MAX_IOS];
  CLEANUP_FREE char *buf = calloc (MAX_IOS, 1 << 20);
  struct nbd_server server;
  struct leg *leg;
  uint64_t begin;

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, connections, timeout_ms);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  if (sig == SIGSTOP)
    nbd_server_freeze (&server);
  begin = now_ns ();
  for (size_t i = 0; i < MAX_IOS; ++i)
    submit (leg, &io[i],
            i == MAX_IOS - 1 ? LEG_FLUSH
            : i % 2 == 0     ? LEG_READ
                             : LEG_WRITE,
            i % 4 == 1 ? LEG_FUA : 0, buf + (i << 20), i << 19,
            i == MAX_IOS - 1 ? 0 : 1 << 19);
  if (sig == SIGKILL)
    nbd_server_kill (&server);
  for (size_t i = 0; i < MAX_IOS; ++i)
    if (finish (&io[i]) != 0)
      expect_blamed (&io[i], why);
    else /* a running server answers the FLUSH, which comes last, at once */
      ck_assert (sig == SIGKILL && i == MAX_IOS - 1);
  if (sig == SIGSTOP)
    ck_assert_uint_ge (now_ns () - begin, timeout_ms * NSEC_PER_MSEC);
  for (size_t i = 0; connections == 1 && i < MAX_IOS - 1; ++i)
    ck_assert_uint_eq (io[i].sockets, 0);
  ck_assert (wait_sem (&lost_sem));
  expect_last_error (leg, why);
  submit (leg, &io[0], LEG_READ, 0, buf, 0, 4096);
  ck_assert_int_ne (finish (&io[0]), 0);
  leg_lose (leg, EIO, "again");
  expect_last_error (leg, why);
  ck_assert_int_eq (leg_start (leg), -1);
  leg_close (leg);
  ck_assert_uint_eq (nr_lost, 1);
  ck_assert_uint_eq (leg->in_flight, 0);
  ck_assert (threads_become (0));
  nbd_server_kill (&server);
  nbd_server_restart (&server, args);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  ck_assert (!atomic_load (&leg->lost));
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  leg_free (leg);
  nbd_server_end (&server);
}

LOOP_TEST (a_killed_server_fails_all_and_is_told_once, 2)
{
  lose_with_requests (SIGKILL, 20000, _i == 0 ? 1 : 4, "connection lost");
}

static sem_t reader_may_go_on;

static void
keep_reader (struct leg_io *io)
{
  test_io_done (io);
  wait_sem (&reader_may_go_on);
}

/* The reader, which would see the end of the connection, is kept from it: the
 * first write finds it, and only that one is told why by libnbd.
 */
TEST (the_connection_is_to_blame_not_what_is_sent_on_it)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct test_io io[3];
  char buf[512] = {0};
  struct leg *leg;

  sem_init (&reader_may_go_on, 0, 0);
  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 1, 20000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  init_io (&io[0], LEG_READ, 0, buf, 0, sizeof buf);
  io[0].io.done = keep_reader;
  leg_submit (leg, &io[0].io);
  ck_assert_int_eq (finish (&io[0]), 0);
  nbd_server_kill (&server);
  for (size_t i = 1; i < 3; ++i)
    submit (leg, &io[i], LEG_WRITE, 0, buf, 0, sizeof buf);
  sem_post (&reader_may_go_on);
  for (size_t i = 1; i < 3; ++i) {
    ck_assert_int_eq (finish (&io[i]), ENOTCONN);
    expect_blamed (&io[i], "connection lost: send");
  }
  ck_assert (wait_sem (&lost_sem));
  expect_last_error (leg, "connection lost: send");
  leg_free (leg);
  nbd_server_end (&server);
}

LOOP_TEST (a_silent_server_is_lost_in_time, 2)
{
  lose_with_requests (SIGSTOP, SILENCE_MS, _i == 0 ? 1 : 4,
                      "no answer for 2 s");
}

LOOP_TEST (an_idle_leg_notices_the_end_of_its_server, 2)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct leg *leg;

  nbd_server_start (&server, _i == 1, args);
  leg = new_leg (server.uri, 2, 20000);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  nbd_server_kill (&server);
  ck_assert (wait_sem (&lost_sem));
  ck_assert (atomic_load (&leg->lost));
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 1);
  nbd_server_end (&server);
}

TEST (an_idle_reader_still_keeps_deadlines)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct test_io io;
  struct leg *leg;
  uint64_t begin;
  char buf[512];

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 1, SILENCE_MS);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  begin = now_ns ();
  while (now_ns () - begin < (SILENCE_MS + 500) * NSEC_PER_MSEC)
    poll (NULL, 0, 50); /* idle for more than the timeout is the case */
  ck_assert (!atomic_load (&leg->lost));
  nbd_server_freeze (&server);
  submit (leg, &io, LEG_READ, 0, buf, 0, 512);
  ck_assert_int_eq (finish (&io), ETIMEDOUT);
  ck_assert (wait_sem (&lost_sem));
  leg_free (leg);
  nbd_server_end (&server);
}

TEST (a_silent_server_fails_block_status)
{
  static const char *const args[] = {"memory", "16M", NULL};
  struct nbd_server server;
  struct leg_extent e[4];
  struct leg *leg;
  size_t nr = 4;

  nbd_server_start (&server, false, args);
  leg = new_leg (server.uri, 1, SILENCE_MS);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  nbd_server_freeze (&server);
  ck_assert_int_eq (leg_extents (leg, 0, 1 << 20, e, &nr), -1);
  ck_assert (atomic_load (&leg->lost));
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 1);
  nbd_server_end (&server);
}

TEST (a_failed_write_is_no_loss)
{
  static const char *const args[] = {"memory",
                                     "16M",
                                     "--filter=error",
                                     "error-pwrite=ENOSPC",
                                     "error-rate=100%",
                                     "error-pread=EIO",
                                     NULL};
  struct nbd_server server;
  struct leg *leg;
  char buf[512] = {0};

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, buf, 1024, 512), -1);
  ck_assert_int_eq (errno, ENOSPC);
  expect_last_error (leg, "write at offset 1024: No space left on device");
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, 0, 512), -1);
  ck_assert_uint_eq (leg->counters.write_errors, 1);
  ck_assert_uint_eq (leg->counters.read_errors, 1);
  ck_assert (!atomic_load (&leg->lost));
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

LOOP_TEST (a_failed_flush_of_a_server_stays_failed, 2)
{
  static const char *const args[] = {"eval",
                                     "get_size=echo 1M",
                                     "pread=head -c $3 /dev/zero",
                                     "pwrite=cat >/dev/null",
                                     "can_flush=exit 0",
                                     "can_fua=echo none",
                                     "flush=echo EIO broken >&2; exit 1",
                                     NULL};
  struct nbd_server server;
  struct leg *leg;
  char buf[512] = {0};

  nbd_server_start (&server, false, args);
  leg = open_leg (server.uri);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, buf, 0, 512), 0);
  ck_assert_int_eq (leg_run (leg, _i == 0 ? LEG_FLUSH : LEG_WRITE, LEG_FUA,
                             buf, 0, _i == 0 ? 0 : 512),
                    -1);
  ck_assert_int_eq (errno, EIO);
  expect_last_error (leg, "flush failed: Input/output error");
  ck_assert_uint_eq (leg->counters.flush_errors, 1);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), -1);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, 0, 512), 0);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, buf, 0, 512), 0);
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
  nbd_server_end (&server);
}

/* ---- The flush gate and pieces, with a leg in memory ---- */

static struct leg *
open_mem (void)
{
  struct leg *leg = mem_leg_new ("mem", 16 << 20);

  leg->on_lost = on_lost;
  leg->max_request = 64 * 1024;
  ck_assert_int_eq (leg_open (leg, 0), 0);
  return leg;
}

static void
flush (struct leg *leg, struct test_io *io)
{
  submit (leg, io, LEG_FLUSH, 0, NULL, 0, 0);
}

TEST (a_flush_does_not_join_one_that_runs)
{
  struct leg *leg = open_mem ();
  struct test_io io[4];
  char buf[512] = {1};

  mem_leg_hold (leg, LEG_FLUSH, 1, 2);
  flush (leg, &io[0]);
  flush (leg, &io[1]);
  flush (leg, &io[2]);
  submit (leg, &io[3], LEG_WRITE, LEG_FUA, buf, 0, 512);
  ck_assert_uint_eq (mem_leg_nr_held (leg), 1);
  ck_assert_uint_eq (leg->counters.flushes, 1);
  mem_leg_release (leg, 1, 0);
  ck_assert_int_eq (finish (&io[0]), 0);
  ck_assert (!is_done (&io[1]) && !is_done (&io[2]) && !is_done (&io[3]));
  ck_assert_uint_eq (mem_leg_nr_held (leg), 1);
  mem_leg_release (leg, 1, 0);
  for (size_t i = 1; i < 4; ++i)
    ck_assert_int_eq (finish (&io[i]), 0);
  ck_assert_uint_eq (leg->counters.flushes, 2);
  leg_close (leg);
  mem_leg_crash (leg, 0);
  ck_assert_int_eq (mem_leg_data (leg)[0], 1);
  leg_free (leg);
}

TEST (a_failed_flush_fails_all_who_wait)
{
  struct leg *leg = open_mem ();
  struct test_io io[4];
  char buf[512] = {1};

  mem_leg_hold (leg, LEG_FLUSH, 1, 1);
  for (size_t i = 0; i < 3; ++i)
    flush (leg, &io[i]);
  submit (leg, &io[3], LEG_WRITE, LEG_FUA, buf, 0, 512);
  mem_leg_release (leg, 1, EIO);
  for (size_t i = 0; i < 4; ++i)
    ck_assert_int_eq (finish (&io[i]), EIO);
  ck_assert_uint_eq (leg->counters.flushes, 1);
  ck_assert_uint_eq (leg->counters.flush_errors, 1);
  flush (leg, &io[0]);
  ck_assert_int_eq (finish (&io[0]), EIO);
  ck_assert_uint_eq (leg->counters.flushes, 1);
  submit (leg, &io[1], LEG_WRITE, 0, buf, 0, 512);
  ck_assert_int_eq (finish (&io[1]), 0);
  expect_last_error (leg, "flush failed: Input/output error");
  leg_free (leg);
  ck_assert_uint_eq (nr_lost, 0);
}

TEST (what_succeeds_on_a_lost_leg_has_failed)
{
  struct leg *leg = open_mem ();
  struct test_io io[3];
  char buf[512];

  /* leg_lose of a leg whose requests can't be called back. */
  mem_leg_delay (leg, LEG_FLUSH, 1, 1, 200 * NSEC_PER_MSEC);
  mem_leg_delay (leg, LEG_READ, 1, 1, 200 * NSEC_PER_MSEC);
  flush (leg, &io[0]);
  flush (leg, &io[1]);
  submit (leg, &io[2], LEG_READ, 0, buf, 0, 512);
  leg_lose (leg, EPIPE, "by the test");
  for (size_t i = 0; i < 3; ++i)
    ck_assert_int_eq (finish (&io[i]), EPIPE);
  ck_assert_uint_eq (nr_lost, 1);
  expect_last_error (leg, "by the test");
  leg_free (leg);
}

TEST (closing_fails_what_is_under_way)
{
  struct leg *leg = open_mem ();
  struct test_io io[3];
  char buf[512];

  mem_leg_hold (leg, LEG_FLUSH, 1, MEM_LEG_ALWAYS);
  mem_leg_hold (leg, LEG_READ, 1, MEM_LEG_ALWAYS);
  flush (leg, &io[0]);
  flush (leg, &io[1]);
  submit (leg, &io[2], LEG_READ, 0, buf, 0, 512);
  leg_close (leg);
  for (size_t i = 0; i < 3; ++i)
    ck_assert_int_eq (finish (&io[i]), ENOTCONN);
  ck_assert_uint_eq (nr_lost, 0);
  ck_assert_uint_eq (leg->in_flight, 0);
  leg_free (leg);
}

TEST (long_requests_go_in_pieces)
{
  const size_t len = (1 << 20) + 512;
  struct leg *leg = open_mem ();
  CLEANUP_FREE unsigned char *buf = malloc (len);
  CLEANUP_FREE unsigned char *back = malloc (len);
  struct mem_leg_record *r;
  uint64_t bytes = 0;
  size_t nr;

  for (size_t i = 0; i < len; ++i)
    buf[i] = (unsigned char) (i * 2654435761u >> 13);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, LEG_FUA, buf, 1024, len), 0);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, back, 1024, len), 0);
  ck_assert_mem_eq (buf, back, len);
  ck_assert_uint_eq (leg->counters.writes, 1);
  ck_assert_uint_eq (leg->counters.write_bytes, len);
  r = mem_leg_records (leg, &nr);
  ck_assert_uint_eq (nr, 17 + 1 + 17); /* writes, one flush, reads */
  for (size_t i = 0; i < nr; ++i) {
    ck_assert_uint_le (r[i].count, 64 * 1024);
    bytes += r[i].count;
  }
  ck_assert_int_eq (r[17].op, LEG_FLUSH);
  ck_assert_uint_eq (bytes, 2 * len);
  free (r);
  leg_free (leg);
}

TEST (a_failed_piece_fails_the_request)
{
  struct leg *leg = open_mem ();
  CLEANUP_FREE char *buf = calloc (1, 1 << 20);
  size_t nr;

  mem_leg_fail (leg, LEG_WRITE, 3, 1, ENOSPC);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, LEG_FUA, buf, 0, 1 << 20), -1);
  ck_assert_int_eq (errno, ENOSPC);
  free (mem_leg_records (leg, &nr));
  ck_assert_uint_eq (nr, 3); /* nothing after it, no flush */
  ck_assert_uint_eq (leg->counters.write_errors, 1);
  expect_last_error (leg, "write at offset 0: No space left on device");
  leg_free (leg);
}

TEST (zero_that_cannot_be_done_is_written)
{
  struct leg *leg = open_mem ();
  struct mem_leg_record *r;
  size_t nr;

  write_byte (leg, 0, 0, 1 << 20, 7);
  mem_leg_fail (leg, LEG_ZERO, 1, MEM_LEG_ALWAYS, EOPNOTSUPP);
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, 0, NULL, 512, 4096), 0);
  ck_assert (!atomic_load (&leg->fast_zero));
  ck_assert (atomic_load (&leg->fast_trim));
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, LEG_MAY_TRIM, NULL, 8192, 4096),
                    0);
  ck_assert (!atomic_load (&leg->fast_trim));
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, LEG_FUA, NULL, 65536, 200000), 0);
  expect_byte (leg, 0, 512, 7);
  expect_byte (leg, 512, 4096, 0);
  expect_byte (leg, 512 + 4096, 512, 7);
  expect_byte (leg, 8192, 4096, 0);
  expect_byte (leg, 65536, 200000, 0);
  expect_byte (leg, 265536, 512, 7);
  ck_assert_uint_eq (leg->counters.writes, 4);
  ck_assert_uint_eq (leg->counters.write_errors, 0);
  expect_last_error (leg, "");
  r = mem_leg_records (leg, &nr);
  for (size_t i = 0, zeroes = 0; i < nr; ++i) {
    zeroes += r[i].op == LEG_ZERO;
    ck_assert_uint_le (zeroes, 2); /* it is not asked again */
  }
  free (r);
  leg_free (leg);
}

/* ---- The leg in memory itself ---- */

TEST (a_crash_drops_what_no_flush_covered)
{
  struct leg *leg = open_mem ();
  struct test_io io;

  write_byte (leg, 0, 0, 512, 1);
  mem_leg_hold (leg, LEG_FLUSH, 1, 1);
  flush (leg, &io);
  write_byte (leg, 0, 512, 512, 2); /* comes after the flush began */
  mem_leg_release (leg, 1, 0);
  ck_assert_int_eq (finish (&io), 0);
  leg_close (leg);
  mem_leg_crash (leg, 0);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  expect_byte (leg, 0, 512, 1);
  expect_byte (leg, 512, 512, 0);
  leg_free (leg);
}

TEST (rules_count_calls)
{
  struct leg *leg = open_mem ();
  char buf[512];

  mem_leg_fail (leg, LEG_READ, 2, 2, EIO);
  for (size_t i = 1; i <= 4; ++i)
    ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, 0, 512),
                      i == 2 || i == 3 ? -1 : 0);
  leg_close (leg);
  mem_leg_fail_open (leg, ENOENT);
  ck_assert_int_eq (leg_open (leg, 0), -1);
  ck_assert_int_eq (errno, ENOENT);
  leg_free (leg);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 4 * MAX_WAIT_S,
};

int
main (void)
{
  return suite_main ("leg");
}
