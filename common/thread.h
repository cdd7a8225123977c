/* SPDX-License-Identifier: BSD-3-Clause */

/* Start a thread that has a name and takes no signals: those belong to the
 * program's own threads.
 */

#ifndef NBDMIRROR_THREAD_H
#define NBDMIRROR_THREAD_H

#include <pthread.h>
#include <signal.h>

/* name: at most 15 characters.  0, or an errno. */
static inline int
thread_start (pthread_t *thread, const char *name, void *(*run) (void *),
              void *arg)
{
  sigset_t all, old;
  int err;

  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, &old);
  err = pthread_create (thread, NULL, run, arg);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (err == 0)
    pthread_setname_np (*thread, name);
  return err;
}

#endif /* NBDMIRROR_THREAD_H */
