/* SPDX-License-Identifier: BSD-3-Clause */

/* Thread model: one thread sleeps on a pipe.  The signal handlers, chained
 * in front of nbdkit's, write a byte to it; shutdown_unwatch closes it.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "cleanup.h"
#include "msg.h"
#include "shutdown.h"
#include "thread.h"

#define GRACE_MS 1500 /* for clients to finish and leave */

static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
#define NR_SIGNALS (sizeof signals / sizeof signals[0])

/* Set before the handlers are installed, fixed until they are gone. */
static struct sigaction old_action[NR_SIGNALS];
static int signal_pipe[2] = {-1, -1}; /* handlers -> thread */
static int stop_pipe[2] = {-1, -1};   /* unwatch -> thread */
static pthread_t watcher;
static bool watching;
static void (*finish_server) (void);

static void
wake_watcher (void)
{
  ssize_t r = write (signal_pipe[1], "", 1);

  (void) r; /* a full pipe says the same */
}

static void
handler (int sig, siginfo_t *info, void *context)
{
  int err = errno;

  wake_watcher ();
  for (size_t i = 0; i < NR_SIGNALS; ++i)
    if (signals[i] == sig) {
      if (old_action[i].sa_flags & SA_SIGINFO)
        old_action[i].sa_sigaction (sig, info, context);
      else
        old_action[i].sa_handler (sig);
    }
  errno = err;
}

/* True if fd became readable, false after timeout_ms or when told to stop. */
static bool
wait_readable (int fd, int timeout_ms, bool *stop)
{
  struct pollfd fds[] = {{.fd = stop_pipe[0], .events = POLLIN},
                         {.fd = fd, .events = POLLIN}};
  int r;

  do
    r = poll (fds, fd == -1 ? 1 : 2, timeout_ms);
  while (r == -1 && errno == EINTR);
  *stop = fds[0].revents != 0;
  return r > 0 && !*stop;
}

static void *
watch_thread (void *opaque)
{
  bool stop;

  (void) opaque;
  if (!wait_readable (signal_pipe[0], -1, &stop))
    return NULL;
  wait_readable (-1, GRACE_MS, &stop);
  if (stop)
    return NULL;
  msg_debug ("clients are still connected: closing the mirror without them");
  finish_server ();
  _exit (0);
}

static int
open_pipes (void)
{
  if (pipe2 (signal_pipe, O_CLOEXEC | O_NONBLOCK) == 0 &&
      pipe2 (stop_pipe, O_CLOEXEC) == 0)
    return 0;
  msg_error ("pipe: %m");
  return -1;
}

/* A signal that nbdkit does not handle is left alone. */
static bool
is_handled (const struct sigaction *sa)
{
  return (sa->sa_flags & SA_SIGINFO) ||
         (sa->sa_handler != SIG_DFL && sa->sa_handler != SIG_IGN);
}

static void
chain_handlers (void)
{
  for (size_t i = 0; i < NR_SIGNALS; ++i) {
    struct sigaction sa;

    sigaction (signals[i], NULL, &old_action[i]);
    if (!is_handled (&old_action[i]))
      continue;
    sa = old_action[i];
    sa.sa_flags |= SA_SIGINFO;
    sa.sa_sigaction = handler;
    sigaction (signals[i], &sa, NULL);
  }
}

int
shutdown_watch (void (*finish) (void))
{
  int err;

  finish_server = finish;
  if (open_pipes () == -1)
    return -1;
  err = thread_start (&watcher, "mirror-shutdown", watch_thread, NULL);
  if (err != 0) {
    errno = err;
    msg_error ("cannot start the shutdown thread: %m");
    return -1;
  }
  watching = true;
  chain_handlers ();
  return 0;
}

static void
restore_handlers (void)
{
  for (size_t i = 0; i < NR_SIGNALS; ++i)
    if (is_handled (&old_action[i]))
      sigaction (signals[i], &old_action[i], NULL);
}

void
shutdown_expect (void)
{
  wake_watcher ();
}

void
shutdown_unwatch (void)
{
  if (!watching)
    return;
  restore_handlers ();
  close (stop_pipe[1]);
  pthread_join (watcher, NULL);
  watching = false;
  /* signal_pipe stays open: a handler may still be running. */
}
