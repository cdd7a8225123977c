/* SPDX-License-Identifier: BSD-3-Clause */

/* Thread model: one thread sleeps on counters of the kernel (eventfd).  The
 * signal handlers, which take the place of nbdkit's, add to one of them.
 */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "deadline.h"
#include "msg.h"
#include "shutdown.h"
#include "thread.h"

/* For nbdkit to end by itself when nobody is connected.  A client that has not
 * said what it wants can be in the way.
 */
#define END_GRACE_NS (1500 * NSEC_PER_MSEC)

static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
#define NR_SIGNALS (sizeof signals / sizeof signals[0])

enum event {
  EVENT_STOP,   /* unwatch; stays */
  EVENT_SIGNAL, /* the server must end */
  EVENT_ASKED,  /* it ends if clients leave */
  EVENT_LEFT,   /* a client has left */
  NR_EVENTS,
  EVENT_NONE = NR_EVENTS
};
#define ON_STOP (1u << EVENT_STOP)
#define ON_SIGNAL (1u << EVENT_SIGNAL)
#define ON_ASKED (1u << EVENT_ASKED)
#define ON_LEFT (1u << EVENT_LEFT)

/* Set before the handlers are installed, fixed until they are gone. */
static struct sigaction old_action[NR_SIGNALS];
static int event_fd[NR_EVENTS];
static pthread_t watcher;
static bool watching;
static const struct shutdown_calls *calls;
static atomic_uint drain_seconds;

static atomic_uint nr_clients;
static atomic_bool ending;

/* --- events --- */

static void
event_set (enum event event)
{
  const uint64_t one = 1;
  ssize_t r = write (event_fd[event], &one, sizeof one);

  (void) r; /* it can't overflow */
}

static void
event_take (enum event event)
{
  uint64_t count;
  ssize_t r = read (event_fd[event], &count, sizeof count);

  (void) r;
}

static int
poll_timeout (uint64_t deadline)
{
  uint64_t now = now_ns ();

  if (deadline == NO_DEADLINE)
    return -1;
  return deadline <= now ? 0 : (int) ((deadline - now) / NSEC_PER_MSEC) + 1;
}

/* Until one of these events is there (a mask), or the deadline.  The first of
 * them counts.
 */
static enum event
event_wait (unsigned events, uint64_t deadline)
{
  struct pollfd fds[NR_EVENTS];
  int r;

  for (unsigned e = 0; e < NR_EVENTS; ++e)
    fds[e] = (struct pollfd){
      .fd = events & (1u << e) ? event_fd[e] : -1,
      .events = POLLIN,
    };
  do
    r = poll (fds, NR_EVENTS, poll_timeout (deadline));
  while (r == -1 && errno == EINTR);
  for (unsigned e = 0; r > 0 && e < NR_EVENTS; ++e)
    if (fds[e].revents)
      return e;
  return EVENT_NONE;
}

/* --- the end --- */

static bool
is_idle (void)
{
  return atomic_load (&nr_clients) == 0;
}

/* Clients may leave.  A second signal ends the wait, and so does unwatch. */
static void
drain (void)
{
  uint64_t deadline = now_ns () + drain_seconds * NSEC_PER_SEC;

  while (!is_idle () &&
         event_wait (ON_STOP | ON_SIGNAL | ON_LEFT, deadline) == EVENT_LEFT)
    event_take (EVENT_LEFT);
}

/* True if the server must end, false if it is not watched any more. */
static bool
wait_for_end (void)
{
  for (;;)
    switch (event_wait (ON_STOP | ON_SIGNAL | ON_ASKED, NO_DEADLINE)) {
    case EVENT_SIGNAL:
      event_take (EVENT_SIGNAL);
      if (!is_idle () && drain_seconds > 0)
        msg_note ("told to end: clients may go on for %u seconds",
                  atomic_load (&drain_seconds));
      drain ();
      return true;
    case EVENT_ASKED:
      event_take (EVENT_ASKED);
      drain ();
      if (is_idle ())
        return true;
      msg_note ("clients are still connected: the log is not given up");
      break;
    default:
      return false;
    }
}

static void *
watch_thread (void *opaque)
{
  (void) opaque;
  if (!wait_for_end ())
    return NULL;
  atomic_store (&ending, true);
  calls->finish ();
  if (is_idle ()) {
    calls->end_server ();
    if (event_wait (ON_STOP, now_ns () + END_GRACE_NS) == EVENT_STOP)
      return NULL;
  }
  msg_debug ("clients are still connected: ending without them");
  _exit (0);
}

static void
wait_for_exit (void)
{
  for (;;)
    pause ();
}

int
shutdown_answer (int result)
{
  if (result == -1 && atomic_load (&ending))
    wait_for_exit ();
  return result;
}

void
shutdown_client_came (void)
{
  atomic_fetch_add (&nr_clients, 1);
  if (atomic_load (&ending))
    wait_for_exit ();
}

void
shutdown_client_left (void)
{
  atomic_fetch_sub (&nr_clients, 1);
  event_set (EVENT_LEFT);
}

bool
shutdown_if_idle (void)
{
  bool idle = is_idle ();

  event_set (idle ? EVENT_SIGNAL : EVENT_ASKED);
  return idle;
}

void
shutdown_in (unsigned drain)
{
  atomic_store (&drain_seconds, drain);
  event_set (EVENT_SIGNAL);
}

/* --- signals --- */

static void
handler (int sig)
{
  int err = errno;

  (void) sig;
  event_set (EVENT_SIGNAL);
  errno = err;
}

/* A signal that nbdkit does not handle is left alone. */
static bool
is_handled (const struct sigaction *sa)
{
  return (sa->sa_flags & SA_SIGINFO) ||
         (sa->sa_handler != SIG_DFL && sa->sa_handler != SIG_IGN);
}

static void
replace_handlers (void)
{
  for (size_t i = 0; i < NR_SIGNALS; ++i) {
    struct sigaction sa;

    sigaction (signals[i], NULL, &old_action[i]);
    if (!is_handled (&old_action[i]))
      continue;
    sa = old_action[i];
    sa.sa_flags &= ~SA_SIGINFO;
    sa.sa_handler = handler;
    sigaction (signals[i], &sa, NULL);
  }
}

static void
restore_handlers (void)
{
  for (size_t i = 0; i < NR_SIGNALS; ++i)
    if (is_handled (&old_action[i]))
      sigaction (signals[i], &old_action[i], NULL);
}

/* --- watching --- */

static int
open_events (void)
{
  for (unsigned e = 0; e < NR_EVENTS; ++e) {
    event_fd[e] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd[e] == -1) {
      msg_error ("eventfd: %m");
      return -1;
    }
  }
  return 0;
}

int
shutdown_watch (const struct shutdown_calls *c, unsigned drain)
{
  calls = c;
  drain_seconds = drain;
  if (open_events () == -1)
    return -1;
  if (thread_start (&watcher, "mirror-shutdown", watch_thread, NULL) == -1) {
    msg_error ("cannot start the shutdown thread: %m");
    return -1;
  }
  watching = true;
  replace_handlers ();
  return 0;
}

/* The counters stay open: a handler may still be running. */
void
shutdown_unwatch (void)
{
  if (!watching)
    return;
  restore_handlers ();
  event_set (EVENT_STOP);
  pthread_join (watcher, NULL);
  watching = false;
}
