/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket.  nbdmirror-control(7) is about what is said on it.
 *
 * Thread model: one thread runs one libev loop and owns every watcher and
 * client (clients.h).  Orders that block are carried out by another one, one after
 * the other (jobs.h); while a client waits for one nothing is read from it, so its
 * replies come in the order of its requests.  Other threads only call
 * ev_async_send.
 *
 * When there are no descriptors left, accept pauses for ACCEPT_PAUSE seconds
 * instead of spinning.
 */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "announce.h"
#include "cleanup.h"
#include "clients.h"
#include "control.h"
#include "jobs.h"
#include "msg.h"
#include "order.h"
#include "thread.h"
#include "unix-socket.h"
#include "unix-watch.h"

#define ACCEPT_PAUSE 0.5
#define LOOK_SECONDS 1.

/* All of it belongs to the thread while that runs. */
struct control {
  bool started;
  uid_t user;    /* who opened it */
  int announced; /* announce.h */
  struct unix_listener listener;
  struct unix_watch watch;
  ev_timer look;
  pthread_t thread;
  ev_io accept;
  ev_timer resume_accept;
  bool accept_failed; /* and that was reported */
  ev_async stop;
  ev_async done; /* a job is */
  struct clients clients;
};

static void
on_done (struct ev_loop *loop, ev_async *w, int revents)
{
  struct control *c = w->data;

  (void) loop;
  (void) revents;
  clients_jobs_done (&c->clients);
}

static void
tell_done (void *opaque)
{
  struct control *c = opaque;

  ev_async_send (c->clients.loop, &c->done);
}

/* Out of descriptors or memory: give others time to free some. */
static void
pause_accept (struct control *c)
{
  if (!c->accept_failed)
    msg_error ("%s: accept: %m", c->listener.path);
  c->accept_failed = true;
  ev_io_stop (c->clients.loop, &c->accept);
  ev_timer_set (&c->resume_accept, ACCEPT_PAUSE, 0.);
  ev_timer_start (c->clients.loop, &c->resume_accept);
}

static void
on_resume_accept (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct control *c = w->data;

  (void) revents;
  ev_io_start (loop, &c->accept);
}

static void
on_accept (struct ev_loop *loop, ev_io *w, int revents)
{
  static const char busy[] = "{\"ok\":false,\"error\":\"too many clients\"}\n";
  struct control *c = w->data;
  int fd = accept4 (w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  (void) loop;
  (void) revents;
  if (fd == -1) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
        errno == ENOMEM)
      pause_accept (c);
    return;
  }
  c->accept_failed = false;
  if (clients_add (&c->clients, fd) == -1) {
    /* A new connection has room for this; if not, closing says it too. */
    (void) send (fd, busy, sizeof busy - 1, MSG_NOSIGNAL);
    close (fd);
  }
}

/* Who is connected stays so. */
static void
on_look (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct control *c = w->data;
  struct unix_listener fresh;

  (void) revents;
  if (!unix_watch_look (&c->watch, &c->listener, &fresh))
    return;
  ev_io_stop (loop, &c->accept);
  unix_listener_close (&c->listener);
  c->listener = fresh;
  cleanup_close (&c->announced);
  c->announced = announce_socket (fresh.fd);
  ev_io_set (&c->accept, fresh.fd, EV_READ);
  if (!ev_is_active (&c->resume_accept))
    ev_io_start (loop, &c->accept);
}

static void
on_stop (struct ev_loop *loop, ev_async *w, int revents)
{
  struct control *c = w->data;

  on_done (loop, &c->done, revents); /* who ended the server hears so */
  ev_break (loop, EVBREAK_ALL);
}

static void *
control_thread (void *arg)
{
  struct control *c = arg;

  ev_run (c->clients.loop, 0);
  return NULL;
}

static void
init_watchers (struct control *c)
{
  ev_io_init (&c->accept, on_accept, c->listener.fd, EV_READ);
  c->accept.data = c;
  ev_io_start (c->clients.loop, &c->accept);
  ev_timer_init (&c->resume_accept, on_resume_accept, 0., 0.);
  c->resume_accept.data = c;
  ev_timer_init (&c->look, on_look, LOOK_SECONDS, LOOK_SECONDS);
  c->look.data = c;
  ev_timer_start (c->clients.loop, &c->look);
  ev_async_init (&c->stop, on_stop);
  c->stop.data = c;
  ev_async_start (c->clients.loop, &c->stop);
  ev_async_init (&c->done, on_done);
  c->done.data = c;
  ev_async_start (c->clients.loop, &c->done);
}

static void
control_free (struct control *c)
{
  clients_free (&c->clients);
  jobs_free (c->clients.jobs);
  cleanup_close (&c->announced);
  unix_listener_close (&c->listener);
  if (c->clients.loop != NULL)
    ev_loop_destroy (c->clients.loop);
  free (c);
}

struct control *
control_open (const char *path)
{
  struct control *c = calloc (1, sizeof *c);

  if (c == NULL) {
    msg_error ("%s: %m", path);
    return NULL;
  }
  c->user = geteuid ();
  c->announced = -1;
  if (unix_listener_open (&c->listener, path) == -1) {
    free (c);
    return NULL;
  }
  return c;
}

/* nbdkit -u: the socket is for who the server runs as. */
static int
give_to_user (struct control *c)
{
  char path[sizeof c->listener.path];

  if (geteuid () == c->user)
    return 0;
  memcpy (path, c->listener.path, sizeof path);
  unix_listener_close (&c->listener);
  return unix_listener_open (&c->listener, path);
}

static int
start_threads (struct control *c)
{
  c->clients.loop = ev_loop_new (EVFLAG_AUTO);
  if (c->clients.loop == NULL) {
    msg_error ("%s: no event loop: %m", c->listener.path);
    return -1;
  }
  init_watchers (c);
  c->clients.jobs = jobs_start (c->clients.mirror, tell_done, c);
  if (c->clients.jobs != NULL &&
      thread_start (&c->thread, "control", control_thread, c) == 0)
    return 0;
  msg_error ("%s: start a thread: %m", c->listener.path);
  if (c->clients.jobs != NULL)
    jobs_stop (c->clients.jobs);
  return -1;
}

int
control_start (struct control *c, struct mirror *m)
{
  c->clients.mirror = m;
  if (give_to_user (c) == -1)
    return -1;
  c->announced = announce_socket (c->listener.fd);
  if (start_threads (c) == -1)
    return -1;
  c->started = true;
  return 0;
}

void
control_stop (struct control *c)
{
  if (c == NULL)
    return;
  if (c->started) {
    mirror_end_orders (c->clients.mirror);
    jobs_stop (c->clients.jobs);
    ev_async_send (c->clients.loop, &c->stop);
    pthread_join (c->thread, NULL);
  }
  control_free (c);
}

int
control_check (const char *path)
{
  return unix_listener_check (path);
}
