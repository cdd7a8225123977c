/* SPDX-License-Identifier: BSD-3-Clause */

/* The only way to start a thread: it has a name, and takes no signals.
 * Those belong to the program's own threads, and in the plugin to nbdkit's.
 */

#ifndef NBDMIRROR_THREAD_H
#define NBDMIRROR_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* Start run (opaque) in a joinable thread.  name: static, at most 15
 * characters, for `ps -L`, debuggers and the like.
 *
 * 0, or -1 with errno (EAGAIN), and *thread is not set.
 *
 * All signals are blocked in it but those that are its own faults (SIGSEGV,
 * SIGBUS ...), which cannot come from elsewhere and must be seen.
 */
int thread_start (pthread_t *thread, const char *name, void *(*run) (void *),
                  void *opaque);

/* The same with a stack of so many bytes, for threads of which there are
 * many.
 */
int thread_start_small (pthread_t *thread, const char *name,
                        void *(*run) (void *), void *opaque, size_t stack);

#endif /* NBDMIRROR_THREAD_H */
