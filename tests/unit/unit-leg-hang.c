/* SPDX-License-Identifier: BSD-3-Clause */

/* A file whose kernel hangs: this program has the calls in libc's place, and
 * they wait as long as a test wants.  A leg that is lost meanwhile leaves them
 * behind.
 */

#include "config.h"

#undef NDEBUG

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "leg.h"
#include "suite.h"
#include "temp-path.h"
#include "unit-wait.h"

#define MIB (UINT64_C (1) << 20)
#define SIZE (8 * MIB)
#define NR_MANY 40 /* more than a pool has threads */

/* --- the kernel --- */

static atomic_bool stuck;
static atomic_uint nr_stuck;

static void
hang_if_told (void)
{
  if (!atomic_load (&stuck))
    return;
  atomic_fetch_add (&nr_stuck, 1);
  WAIT_FOR (!atomic_load (&stuck));
  atomic_fetch_sub (&nr_stuck, 1);
}

ssize_t
pwrite (int fd, const void *buf, size_t count, off_t offset)
{
  hang_if_told ();
  return syscall (SYS_pwrite64, fd, buf, count, offset);
}

ssize_t
pread (int fd, void *buf, size_t count, off_t offset)
{
  hang_if_told ();
  return syscall (SYS_pread64, fd, buf, count, offset);
}

int
fdatasync (int fd)
{
  hang_if_told ();
  return (int) syscall (SYS_fdatasync, fd);
}

int
fallocate (int fd, int mode, off_t offset, off_t len)
{
  hang_if_told ();
  return (int) syscall (SYS_fallocate, fd, mode, offset, len);
}

/* --- a leg --- */

static const struct leg_options options = {.leave_behind = true};
static struct leg *leg;
static char path[256];

static void
setup (void)
{
  int fd;

  temp_path (path, sizeof path, "leg");
  fd = open (path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, SIZE), 0);
  close (fd);
  leg = leg_new (path, &options);
  ck_assert_ptr_nonnull (leg);
  ck_assert_int_eq (leg_open (leg, 0), 0);
}

static void
teardown (void)
{
  atomic_store (&stuck, false);
  leg_free (leg);
  unlink (path);
}

struct asked {
  struct leg_io io;
  atomic_bool done;
};

static void
asked_done (struct leg_io *io)
{
  struct asked *a = io->opaque;

  atomic_store (&a->done, true);
}

static void
ask (struct asked *a, enum leg_op op, void *buf, uint64_t offset,
     uint64_t count)
{
  memset (a, 0, sizeof *a);
  a->io = (struct leg_io){
    .op = op,
    .buf = buf,
    .offset = offset,
    .count = count,
    .done = asked_done,
    .opaque = a,
  };
  leg_submit (leg, &a->io);
}

static void
lose (void)
{
  leg_lose (leg, ETIMEDOUT, "the test says so");
}

static char *
filled (uint64_t count, int byte)
{
  char *buf = malloc (count);

  ck_assert_ptr_nonnull (buf);
  memset (buf, byte, count);
  return buf;
}

TEST (what_is_copied_aside_is_the_same)
{
  CLEANUP_FREE char *out = filled (5 * MIB, 'w'), *in = filled (5 * MIB, 0);
  struct leg_extent extent;
  size_t nr = 1;

  for (uint64_t i = 0; i < 5 * MIB; i += 1000)
    out[i] = (char) i;
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, LEG_FUA, out, 4096, 5 * MIB), 0);
  ck_assert_int_eq (leg_run (leg, LEG_ZERO, 0, NULL, 4096, 4096), 0);
  ck_assert_int_eq (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0), 0);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, in, 4096, 5 * MIB), 0);
  memset (out, 0, 4096);
  ck_assert_mem_eq (in, out, 5 * MIB);
  ck_assert_int_eq (leg_extents (leg, 6 * MIB, MIB, &extent, &nr), 0);
  ck_assert (extent.zero);
  ck_assert_uint_eq (extent.length, MIB);
}

/* A read, a write, a flush, a zero. */
static const enum leg_op ops[] = {LEG_READ, LEG_WRITE, LEG_FLUSH, LEG_ZERO};

/* Its memory is free for anything from then on. */
LOOP_TEST (a_request_that_hangs_ends_with_the_leg, 4)
{
  enum leg_op op = ops[_i];
  char *buf = filled (4096, 'a');
  struct asked a;

  atomic_store (&stuck, true);
  ask (&a, op, buf, 0, op == LEG_FLUSH ? 0 : 4096);
  WAIT_FOR (atomic_load (&nr_stuck) == 1);
  ck_assert (!atomic_load (&a.done));
  lose ();
  ck_assert (atomic_load (&a.done));
  ck_assert_int_eq (a.io.error, ETIMEDOUT);
  memset (buf, 'b', 4096);
  atomic_store (&stuck, false);
  WAIT_FOR (atomic_load (&nr_stuck) == 0);
  leg_close (leg);
  for (unsigned i = 0; i < 4096; ++i)
    ck_assert_int_eq (buf[i], 'b');
  free (buf);
  if (op != LEG_WRITE)
    return;
  /* What it does late is what it was asked. */
  ck_assert_int_eq (leg_open (leg, 0), 0);
  buf = filled (4096, 0);
  ck_assert_int_eq (leg_run (leg, LEG_READ, 0, buf, 0, 4096), 0);
  for (unsigned i = 0; i < 4096; ++i)
    ck_assert_int_eq (buf[i], 'a');
  free (buf);
}

TEST (requests_that_wait_for_a_thread_end_too)
{
  static struct asked a[NR_MANY];
  CLEANUP_FREE char *buf = filled (4096, 'a');

  atomic_store (&stuck, true);
  for (unsigned i = 0; i < NR_MANY; ++i)
    ask (&a[i], LEG_WRITE, buf, i * 4096, 4096);
  WAIT_FOR (atomic_load (&nr_stuck) > 0);
  lose ();
  WAIT_FOR (atomic_load (&leg->in_flight) == 0);
  for (unsigned i = 0; i < NR_MANY; ++i)
    ck_assert (atomic_load (&a[i].done));
  ask (&a[0], LEG_WRITE, buf, 0, 4096);
  ck_assert_int_eq (a[0].io.error, ETIMEDOUT);
}

static atomic_bool closing, closed_early;

static void *
close_thread (void *opaque)
{
  (void) opaque;
  atomic_store (&closing, true);
  leg_close (leg);
  atomic_store (&closed_early,
                atomic_load (&stuck) || atomic_load (&nr_stuck) > 0);
  return NULL;
}

/* So it is not opened anew before, either. */
TEST (a_leg_is_closed_when_its_calls_have_ended)
{
  CLEANUP_FREE char *buf = filled (4096, 'a');
  struct asked a;
  pthread_t thread;

  atomic_store (&stuck, true);
  ask (&a, LEG_WRITE, buf, 0, 4096);
  WAIT_FOR (atomic_load (&nr_stuck) == 1);
  lose ();
  thread = thread_run (close_thread, NULL);
  WAIT_FOR (atomic_load (&closing));
  ck_assert_uint_gt (leg_call_oldest (&leg->calls), 0);
  atomic_store (&stuck, false);
  pthread_join (thread, NULL);
  ck_assert (!atomic_load (&closed_early));
  ck_assert_uint_eq (leg_call_oldest (&leg->calls), 0);
}

/* --- calls that are no requests --- */

struct sum {
  int a, b, sum;
};

static int
add (void *arg)
{
  struct sum *s = arg;

  hang_if_told ();
  s->sum = s->a + s->b;
  if (s->sum >= 0)
    return 0;
  errno = ERANGE;
  return -1;
}

static void *
add_thread (void *opaque)
{
  errno = 0;
  return leg_aside (leg, add, opaque, sizeof (struct sum)) == 0 ? NULL
                                                                : &errno;
}

TEST (a_call_aside_has_its_result)
{
  struct sum s = {2, 3, 0};

  ck_assert_int_eq (leg_aside (leg, add, &s, sizeof s), 0);
  ck_assert_int_eq (s.sum, 5);
  s = (struct sum){-2, -3, 0};
  ck_assert_int_eq (leg_aside (leg, add, &s, sizeof s), -1);
  ck_assert_int_eq (errno, ERANGE);
  ck_assert_int_eq (s.sum, -5);
}

TEST (a_call_aside_is_left_behind_too)
{
  struct sum s = {2, 3, 0};
  pthread_t thread;
  void *failed;

  atomic_store (&stuck, true);
  thread = thread_run (add_thread, &s);
  WAIT_FOR (atomic_load (&nr_stuck) == 1);
  lose ();
  pthread_join (thread, &failed);
  ck_assert_ptr_nonnull (failed);
  atomic_store (&stuck, false);
  WAIT_FOR (atomic_load (&nr_stuck) == 0);
  leg_close (leg);
  ck_assert_int_eq (s.sum, 0);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("leg-hang");
}
