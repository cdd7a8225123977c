/* SPDX-License-Identifier: BSD-3-Clause */

/* Threads: common/thread.h. */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "suite.h"
#include "thread.h"

#define STACK ((size_t) 256 << 10)

/* --- the wrapped function --- */

int __real_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                           void *(*run) (void *), void *opaque);
int __wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                           void *(*run) (void *), void *opaque);

static int create_error;

int
__wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                       void *(*run) (void *), void *opaque)
{
  return create_error ? create_error
                      : __real_pthread_create (thread, attr, run, opaque);
}

/* --- what a thread sees --- */

struct seen {
  sigset_t mask;
  size_t stack;
};

static void *
look (void *opaque)
{
  struct seen *seen = opaque;
  pthread_attr_t attr;

  pthread_sigmask (SIG_SETMASK, NULL, &seen->mask);
  if (pthread_getattr_np (pthread_self (), &attr) == 0) {
    pthread_attr_getstacksize (&attr, &seen->stack);
    pthread_attr_destroy (&attr);
  }
  return seen;
}

static struct seen
look_in_thread (size_t stack)
{
  struct seen seen = {.stack = 0};
  pthread_t thread;
  void *result;
  int r = stack > 0 ? thread_start_small (&thread, "small", look, &seen, stack)
                    : thread_start (&thread, "thread", look, &seen);

  ck_assert_int_eq (r, 0);
  ck_assert_int_eq (pthread_join (thread, &result), 0);
  ck_assert_ptr_eq (result, &seen);
  return seen;
}

static void
check_mask (const sigset_t *mask)
{
  static const int blocked[] = {SIGTERM, SIGINT,  SIGHUP,  SIGALRM,
                                SIGUSR1, SIGCHLD, SIGPIPE, SIGWINCH};
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

  for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; ++i)
    ck_assert_msg (sigismember (mask, blocked[i]), "signal %d", blocked[i]);
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; ++i)
    ck_assert_msg (!sigismember (mask, faults[i]), "fault %d", faults[i]);
}

TEST (test_takes_no_signal)
{
  struct seen seen = look_in_thread (0);

  check_mask (&seen.mask);
  seen = look_in_thread (STACK);
  check_mask (&seen.mask);
}

TEST (test_mask_of_the_caller_stays)
{
  sigset_t before, mine, after;

  sigemptyset (&mine);
  sigaddset (&mine, SIGUSR2);
  pthread_sigmask (SIG_SETMASK, &mine, &before);
  look_in_thread (0);
  create_error = EAGAIN;
  ck_assert_int_eq (thread_start (&(pthread_t){0}, "none", look, NULL), -1);
  create_error = 0;
  pthread_sigmask (SIG_SETMASK, &before, &after);
  for (int sig = 1; sig < NSIG; ++sig)
    ck_assert_int_eq (sigismember (&after, sig) == 1, sig == SIGUSR2);
}

TEST (test_error)
{
  pthread_t thread;

  create_error = EAGAIN;
  errno = 0;
  ck_assert_int_eq (thread_start (&thread, "none", look, NULL), -1);
  ck_assert_int_eq (errno, EAGAIN);
  errno = 0;
  ck_assert_int_eq (thread_start_small (&thread, "none", look, NULL, STACK),
                    -1);
  ck_assert_int_eq (errno, EAGAIN);
  create_error = 0;
  errno = 0;
  ck_assert_int_eq (thread_start_small (&thread, "none", look, NULL, 1), -1);
  ck_assert_int_eq (errno, EINVAL);
}

TEST (test_small_stack)
{
  size_t small = look_in_thread (STACK).stack;

  /* A sanitizer adds what it needs itself. */
  ck_assert_uint_ge (small, STACK);
  ck_assert_uint_lt (small, look_in_thread (0).stack);
}

static pthread_barrier_t barrier;

static void *
wait_barrier (void *opaque)
{
  pthread_barrier_wait (&barrier);
  return opaque;
}

TEST (test_name)
{
  const char *const longest = "123456789012345";
  char name[16];
  pthread_t thread;

  pthread_barrier_init (&barrier, NULL, 2);
  ck_assert_int_eq (thread_start (&thread, longest, wait_barrier, NULL), 0);
  ck_assert_int_eq (pthread_getname_np (thread, name, sizeof name), 0);
  pthread_barrier_wait (&barrier);
  pthread_join (thread, NULL);
  pthread_barrier_destroy (&barrier);
  ck_assert_str_eq (name, longest);
}

int
main (void)
{
  return suite_main ("thread");
}
