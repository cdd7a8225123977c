/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log in a file of which the N-th system call fails, for every N,
 * with each of some errors, or writes only half of what it should.
 *
 * Two media are looked at after each step: the file, and what a power
 * failure would leave at worst: only what was written before a sync that
 * succeeded, and after the last one that failed.  Both must have what was
 * acknowledged: marks, missed regions, legs that are stale.
 */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "disk.h"
#include "log-life.h"
#include "suite.h"
#include "temp-path.h"
#include "unit-wait.h"

#define NR 33000
#define GROWN_NR 400000 /* its bitmap covers maps of the old area */
#define REGION LOG_MIN_REGION_SIZE

static const uint64_t regions[] = {0, 5, 4095, 32999};
#define NR_USED (sizeof regions / sizeof regions[0])

#define SHORT 0 /* half is written, and no error */
static const int faults[] = {EIO, ENOSPC, EINTR, SHORT};
#define NR_FAULTS (sizeof faults / sizeof faults[0])

static char dir[64];
static char path[80], spec[96], worst_path[80], worst_spec[96];

/* --- the calls --- */

struct written {
  uint64_t offset;
  size_t count;
  void *data;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool armed; /* calls are the log's, and are counted */
static unsigned calls, fail_at;
static int fault;
static const char *hit; /* the call that failed */
static bool said;       /* a message that names the log */
static struct written *pending;
static size_t nr_pending;
static int worst_fd;

int __real_open (const char *name, int flags, mode_t mode);
int __wrap_open (const char *name, int flags, ...);
int __real_stat (const char *name, struct stat *st);
int __wrap_stat (const char *name, struct stat *st);
int __real_fstat (int fd, struct stat *st);
int __wrap_fstat (int fd, struct stat *st);
int __real_fcntl (int fd, int cmd, void *arg);
int __wrap_fcntl (int fd, int cmd, void *arg);
ssize_t __real_pread (int fd, void *buf, size_t count, off_t offset);
ssize_t __wrap_pread (int fd, void *buf, size_t count, off_t offset);
ssize_t __real_pwrite (int fd, const void *buf, size_t count, off_t offset);
ssize_t __wrap_pwrite (int fd, const void *buf, size_t count, off_t offset);
int __wrap_fdatasync (int fd);
int __wrap_fsync (int fd);
int __real_fallocate (int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate (int fd, int mode, off_t offset, off_t len);
void __wrap_msg_error (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));

/* True if this call is to fail, with errno. */
static bool
fails (const char *name)
{
  CLEANUP_LOCK (&lock);

  if (!armed || ++calls != fail_at)
    return false;
  hit = name;
  errno = fault;
  return true;
}

int
__wrap_open (const char *name, int flags, ...)
{
  va_list args;
  mode_t mode;

  va_start (args, flags);
  mode = flags & O_CREAT ? va_arg (args, mode_t) : 0;
  va_end (args);
  return fails ("open") && fault ? -1 : __real_open (name, flags, mode);
}

int
__wrap_stat (const char *name, struct stat *st)
{
  return fails ("stat") && fault ? -1 : __real_stat (name, st);
}

int
__wrap_fstat (int fd, struct stat *st)
{
  return fails ("fstat") && fault ? -1 : __real_fstat (fd, st);
}

int
__wrap_fcntl (int fd, int cmd, void *arg)
{
  return fails ("fcntl") && fault ? -1 : __real_fcntl (fd, cmd, arg);
}

ssize_t
__wrap_pread (int fd, void *buf, size_t count, off_t offset)
{
  if (!fails ("pread"))
    return __real_pread (fd, buf, count, offset);
  return fault ? -1 : __real_pread (fd, buf, (count + 1) / 2, offset);
}

static void
note_written (const void *buf, size_t count, off_t offset)
{
  CLEANUP_LOCK (&lock);

  pending = realloc (pending, (nr_pending + 1) * sizeof *pending);
  ck_assert_ptr_nonnull (pending);
  pending[nr_pending] =
    (struct written){(uint64_t) offset, count, malloc (count)};
  ck_assert_ptr_nonnull (pending[nr_pending].data);
  memcpy (pending[nr_pending++].data, buf, count);
}

ssize_t
__wrap_pwrite (int fd, const void *buf, size_t count, off_t offset)
{
  ssize_t r;

  if (fails ("pwrite")) {
    if (fault)
      return -1;
    count = (count + 1) / 2;
  }
  r = __real_pwrite (fd, buf, count, offset);
  if (armed && r > 0)
    note_written (buf, (size_t) r, offset);
  return r;
}

/* What a sync that failed should have made durable is lost. */
static void
end_pending (bool durable)
{
  CLEANUP_LOCK (&lock);

  for (size_t i = 0; i < nr_pending; ++i) {
    if (durable)
      ck_assert_int_eq (__real_pwrite (worst_fd, pending[i].data,
                                       pending[i].count,
                                       (off_t) pending[i].offset),
                        (ssize_t) pending[i].count);
    free (pending[i].data);
  }
  nr_pending = 0;
}

/* No real one: there is a model of it. */
static int
wrapped_sync (const char *name)
{
  bool failed = fails (name) && fault;
  int err = errno;

  if (armed)
    end_pending (!failed);
  errno = err;
  return failed ? -1 : 0;
}

int
__wrap_fdatasync (int fd)
{
  (void) fd;
  return wrapped_sync ("fdatasync");
}

int
__wrap_fsync (int fd)
{
  (void) fd;
  return wrapped_sync ("fsync");
}

int
__wrap_fallocate (int fd, int mode, off_t offset, off_t len)
{
  if (fails ("fallocate") && fault)
    return -1;
  ck_assert_int_eq (ftruncate (worst_fd, len), 0);
  return __real_fallocate (fd, mode, offset, len);
}

void
__wrap_msg_error (const char *fmt, ...)
{
  char text[1024];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  CLEANUP_LOCK (&lock);
  said |= strstr (text, spec) != NULL;
}

/* --- what was promised --- */

struct promise {
  bool created, stale;
  bool marked[NR_USED], missed[NR_USED];
  uint64_t generation;
};

static struct dirty_log *log_;
static struct promise truth, acked;

static void
keeps_promises (const char *name)
{
  struct dirty_log *log = dirty_log_open (name, LOG_READ_ONLY);
  struct log_status status;

  if (!acked.created) {
    dirty_log_close (log, NO_DEADLINE);
    return;
  }
  ck_assert_msg (log && log->info.found == LOG_FOUND_OURS, "%s %u", hit,
                 fail_at);
  dirty_log_status (log, &status);
  ck_assert_msg (!acked.stale || status.leg_state[1] == LOG_LEG_STALE,
                 "stale: %s %u", hit, fail_at);
  ck_assert_uint_ge (status.generation, acked.generation);
  for (size_t i = 0; i < NR_USED; ++i) {
    ck_assert_msg (!acked.marked[i] || !dirty_log_is_clean (log, regions[i]),
                   "mark %zu: %s %u", i, hit, fail_at);
    ck_assert_msg (!acked.missed[i] ||
                     !dirty_log_in_sync (log, 1, regions[i], 1),
                   "missed %zu: %s %u", i, hit, fail_at);
  }
  dirty_log_close (log, NO_DEADLINE);
}

static void
look (void)
{
  armed = false;
  keeps_promises (spec);
  keeps_promises (worst_spec);
  armed = true;
}

static bool
is_said (void)
{
  CLEANUP_LOCK (&lock);

  return said;
}

/* A step that failed did so because of the fault, and says which log; its
 * thread may do so a little later.
 */
static void
check_failure (void)
{
  ck_assert_msg (hit && fault, "failed without a fault");
  ck_assert_msg (fault != EINTR || hit[0] != 'p', "%s was interrupted", hit);
  WAIT_FOR (is_said ());
}

/* One fault, so the second try has to work. */
static void
store (bool commit)
{
  int (*flush) (struct dirty_log *, uint64_t) =
    commit ? dirty_log_commit : dirty_log_flush;

  if (flush (log_, NO_DEADLINE) == -1) {
    check_failure ();
    look ();
    ck_assert_msg (flush (log_, NO_DEADLINE) == 0, "again: %s %u: %s", hit,
                   fail_at, strerror (errno));
  }
  acked = truth;
  look ();
}

static void
open_log (void)
{
  log_ = dirty_log_open (spec, 0);
  if (!log_) {
    check_failure ();
    log_ = dirty_log_open (spec, 0);
  }
  ck_assert_ptr_nonnull (log_);
}

static void
close_log (void)
{
  bool before = hit != NULL;

  said = false;
  dirty_log_close (log_, NO_DEADLINE);
  ck_assert_msg (before || !hit || fault == SHORT || fault == EINTR || said,
                 "close: %s %u: no message", hit, fail_at);
  look ();
}

/* --- the scenario --- */

static void
add_legs (void)
{
  const uint8_t id[LOG_ID_SIZE] = {1, 2, 3};

  for (unsigned s = 0; s < 2; ++s) {
    dirty_log_set_leg (log_, s, 2, id, log_->info.geo.size, "/leg");
    dirty_log_set_region_sync (log_, s, 0, log_->info.geo.nr_regions, true);
    dirty_log_leg_in_sync (log_, s);
  }
}

/* False if the new log could not be locked: it is left alone for good. */
static bool
create (void)
{
  const struct log_geometry geo = {(uint64_t) NR * REGION, REGION, NR};

  open_log ();
  if (dirty_log_create (log_, &geo, 1) == -1) {
    check_failure ();
    ck_assert_int_eq (dirty_log_create (log_, &geo, 1), 0);
  }
  add_legs ();
  if (dirty_log_flush (log_, NO_DEADLINE) == -1) {
    check_failure ();
    look ();
    if (strcmp (hit, "fcntl") == 0)
      return false;
  }
  truth.created = true;
  truth.generation = 1;
  store (true);
  close_log ();
  return true;
}

static void
mark (size_t i)
{
  dirty_log_mark (log_, regions[i]);
  truth.marked[i] = true;
}

static void
fail_leg (void)
{
  dirty_log_leg_failed (log_, 1);
  truth.stale = true;
  truth.generation++;
  for (size_t i = 0; i < NR_USED; ++i)
    truth.missed[i] |= truth.marked[i];
}

static void
miss (size_t i)
{
  dirty_log_set_region_sync (log_, 1, regions[i], 1, false);
  truth.missed[i] = truth.stale = true;
}

static void
clear (size_t i)
{
  dirty_log_clear (log_, regions[i]);
  truth.marked[i] = acked.marked[i] = false;
}

static void
grow (void)
{
  ck_assert_int_eq (dirty_log_grow (log_, (uint64_t) GROWN_NR * REGION, 0), 0);
  store (true);
}

static void
use (void)
{
  open_log ();
  grow ();
  if (dirty_log_start (log_) == -1)
    check_failure ();
  mark (1);
  mark (3);
  store (false);
  fail_leg ();
  store (false);
  miss (0);
  store (false);
  clear (1);
  store (true);
  mark (2);
  close_log ();
}

static void
run_scenario (void)
{
  memset (&truth, 0, sizeof truth);
  memset (&acked, 0, sizeof acked);
  unlink (path);
  worst_fd = __real_open (worst_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  ck_assert_int_ge (worst_fd, 0);
  hit = NULL;
  said = false;
  calls = 0;
  armed = true;
  if (create ())
    use ();
  else
    dirty_log_close (log_, NO_DEADLINE);
  armed = false;
  end_pending (false);
  close (worst_fd);
}

LOOP_TEST (every_call_fails_once, NR_FAULTS)
{
  fault = faults[_i];
  for (fail_at = 1; fail_at == 1 || hit; ++fail_at)
    run_scenario ();
  ck_assert_uint_gt (fail_at, 60); /* so many calls there are */
}

static void
setup (void)
{
  temp_path (dir, sizeof dir, "unit-disk-faults");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  snprintf (path, sizeof path, "%s/log", dir);
  snprintf (worst_path, sizeof worst_path, "%s/worst", dir);
  snprintf (spec, sizeof spec, "disk:%s", path);
  snprintf (worst_spec, sizeof worst_spec, "disk:%s", worst_path);
}

static void
teardown (void)
{
  unlink (path);
  unlink (worst_path);
  rmdir (dir);
  free (pending);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 120,
};

int
main (void)
{
  return suite_main ("disk-faults");
}
