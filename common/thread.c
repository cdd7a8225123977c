/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "thread.h"

#define MAX_NAME 15 /* of the kernel */

/* A fault whose signal is blocked ends the process without a word, also
 * where somebody (a sanitizer) would have told what happened.
 */
static void
fill_mask (sigset_t *mask)
{
  static const int faults[] = {SIGABRT, SIGBUS,  SIGFPE, SIGILL,
                               SIGSEGV, SIGTRAP, SIGSYS};

  sigfillset (mask);
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; ++i)
    sigdelset (mask, faults[i]);
}

/* A thread begins with the mask of the one that makes it, so there is no
 * moment at which it could take a signal.
 */
static int
start_masked (pthread_t *thread, const pthread_attr_t *attr, const char *name,
              void *(*run) (void *), void *opaque)
{
  sigset_t mask, old;
  int err;

  assert (strlen (name) <= MAX_NAME);
  fill_mask (&mask);
  pthread_sigmask (SIG_SETMASK, &mask, &old);
  err = pthread_create (thread, attr, run, opaque);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (err) {
    errno = err;
    return -1;
  }
  pthread_setname_np (*thread, name);
  return 0;
}

int
thread_start (pthread_t *thread, const char *name, void *(*run) (void *),
              void *opaque)
{
  return start_masked (thread, NULL, name, run, opaque);
}

int
thread_start_small (pthread_t *thread, const char *name, void *(*run) (void *),
                    void *opaque, size_t stack)
{
  pthread_attr_t attr;
  int err = pthread_attr_init (&attr);
  int r = -1;

  if (err) {
    errno = err;
    return -1;
  }
  err = pthread_attr_setstacksize (&attr, stack);
  if (err)
    errno = err;
  else
    r = start_masked (thread, &attr, name, run, opaque);
  pthread_attr_destroy (&attr);
  return r;
}
