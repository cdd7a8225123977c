/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket.  nbdmirror-control(7) is about what is said on it.
 *
 * Thread model: one thread runs one libev loop and owns every watcher and
 * client.  Orders that block are carried out by another one, one after the other
 * (jobs.h); while a client waits for one nothing is read from it, so its replies
 * come in the order of its requests.  Other threads only call ev_async_send.
 *
 * A client is never waited for: replies it does not read are kept up to
 * MAX_OUTPUT, then it is dropped, and so is who leaves half a line, or a reply,
 * for CLIENT_SECONDS.  A request that is no JSON gets an error;
 * one that is too long also ends the connection, because where the next
 * request begins is not known.  When there are no descriptors left, accept
 * pauses for ACCEPT_PAUSE seconds instead of spinning.
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
#include <json-c/json.h>

#include "announce.h"
#include "buffer.h"
#include "cleanup.h"
#include "control-commands.h"
#include "control.h"
#include "jobs.h"
#include "msg.h"
#include "order.h"
#include "thread.h"
#include "unix-socket.h"
#include "unix-watch.h"

#define MAX_CLIENTS 64
#define MAX_REQUEST 4096
#define MAX_OUTPUT ((size_t) 1 << 20)
#define ACCEPT_PAUSE 0.5
#define LOOK_SECONDS 1.
#define CLIENT_SECONDS 30.

struct client {
  ev_io io; /* first: libev's pointer is ours */
  struct control *control;
  unsigned slot;
  bool closing;    /* reads no more, closed when out is sent */
  struct job *job; /* it waits for this */
  ev_timer late;   /* while it owes the rest of a line, or to read */
  char in[MAX_REQUEST + 1];
  size_t in_len;
  struct buffer out; /* is not sent yet */
};

/* All of it belongs to the thread while that runs. */
struct control {
  struct mirror *mirror;
  bool started;
  uid_t user;    /* who opened it */
  int announced; /* announce.h */
  struct unix_listener listener;
  struct unix_watch watch;
  ev_timer look;
  pthread_t thread;
  struct ev_loop *loop;
  ev_io accept;
  ev_timer resume_accept;
  bool accept_failed; /* and that was reported */
  ev_async stop;
  struct jobs *jobs;
  ev_async done;                      /* a job is */
  struct client *client[MAX_CLIENTS]; /* NULL: free slot */
};

static void
client_free (struct client *cl)
{
  struct control *c = cl->control;

  ev_io_stop (c->loop, &cl->io);
  ev_timer_stop (c->loop, &cl->late);
  if (cl->job != NULL)
    jobs_forget (c->jobs, cl->job);
  close (cl->io.fd);
  c->client[cl->slot] = NULL;
  buffer_free (&cl->out);
  free (cl);
}

/* Append len bytes of output and a newline. */
static int
client_append (struct client *cl, const char *text, size_t len)
{
  if (len >= MAX_OUTPUT - cl->out.len ||
      buffer_append (&cl->out, text, len) == -1)
    return -1;
  return buffer_append (&cl->out, "\n", 1);
}

/* Queue a reply and drop the reference to it. */
static int
client_queue (struct client *cl, struct json_object *reply)
{
  size_t len;
  const char *text =
    json_object_to_json_string_length (reply,
                                       JSON_C_TO_STRING_PLAIN |
                                         JSON_C_TO_STRING_NOSLASHESCAPE,
                                       &len);
  int r = text == NULL ? -1 : client_append (cl, text, len);

  json_object_put (reply);
  return r;
}

/* Send what the socket takes.  -1: the connection is broken. */
static int
client_send (struct client *cl)
{
  while (cl->out.len > 0) {
    ssize_t r =
      send (cl->io.fd, buffer_head (&cl->out), cl->out.len, MSG_NOSIGNAL);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return errno == EAGAIN ? 0 : -1;
    buffer_consume (&cl->out, (size_t) r);
  }
  return 0;
}

/* Answer one line, or begin to. */
static int
client_line (struct client *cl, const char *line, size_t len)
{
  struct control *c = cl->control;
  struct json_object *order;
  struct json_object *reply = control_answer (c->mirror, line, len, &order);

  if (reply != NULL)
    return client_queue (cl, reply);
  cl->job = jobs_add (c->jobs, order, cl);
  return cl->job != NULL ? 0 : -1;
}

static int
client_refuse_long (struct client *cl)
{
  cl->closing = true;
  return client_queue (
    cl, control_refusal ("the request is longer than 4096 bytes"));
}

/* Answer the complete lines of the input, up to one that takes time.  -1: drop
 * the client.
 */
static int
client_answer (struct client *cl)
{
  char *line = cl->in, *end = cl->in + cl->in_len, *newline = NULL;

  while (cl->job == NULL &&
         (newline = memchr (line, '\n', (size_t) (end - line))) != NULL) {
    if (client_line (cl, line, (size_t) (newline - line)) == -1)
      return -1;
    line = newline + 1;
  }
  cl->in_len = (size_t) (end - line);
  memmove (cl->in, line, cl->in_len);
  return cl->job == NULL && cl->in_len > MAX_REQUEST ? client_refuse_long (cl)
                                                     : 0;
}

/* -1: drop the client. */
static int
client_receive (struct client *cl)
{
  ssize_t r =
    recv (cl->io.fd, cl->in + cl->in_len, sizeof cl->in - cl->in_len, 0);

  if (r == -1)
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
  if (r == 0) { /* it may still read */
    cl->closing = true;
    return 0;
  }
  cl->in_len += (size_t) r;
  return client_answer (cl);
}

/* Its time begins anew with what it does. */
static void
client_hurry (struct client *cl)
{
  if (cl->job == NULL && (cl->in_len > 0 || cl->out.len > 0))
    ev_timer_again (cl->control->loop, &cl->late);
  else
    ev_timer_stop (cl->control->loop, &cl->late);
}

/* Wait for what the client's state asks for.  -1: nothing is left to do. */
static int
client_watch (struct client *cl)
{
  bool input = !cl->closing && cl->job == NULL, output = cl->out.len > 0;
  int events = (input ? EV_READ : 0) | (output ? EV_WRITE : 0);

  client_hurry (cl);
  if (events == 0 && cl->job == NULL)
    return -1;
  if ((cl->io.events & (EV_READ | EV_WRITE)) != events) {
    ev_io_stop (cl->control->loop, &cl->io);
    ev_io_set (&cl->io, cl->io.fd, events);
    ev_io_start (cl->control->loop, &cl->io);
  }
  return 0;
}

static void
on_client (struct ev_loop *loop, ev_io *w, int revents)
{
  struct client *cl = (struct client *) w;

  (void) loop;
  if (((revents & EV_READ) != 0 && client_receive (cl) == -1) ||
      client_send (cl) == -1 || client_watch (cl) == -1)
    client_free (cl);
}

static void
on_late (struct ev_loop *loop, ev_timer *w, int revents)
{
  (void) loop;
  (void) revents;
  client_free (w->data);
}

/* The reply to the job that the client waited for, and what it said since. */
static void
client_job_done (struct client *cl, struct job *job)
{
  struct json_object *reply = job->reply;

  cl->job = NULL;
  job->reply = NULL;
  if (client_queue (cl, reply) == -1 || client_answer (cl) == -1 ||
      client_send (cl) == -1 || client_watch (cl) == -1)
    client_free (cl);
}

static void
on_done (struct ev_loop *loop, ev_async *w, int revents)
{
  struct control *c = w->data;
  struct job *job;

  (void) loop;
  (void) revents;
  while ((job = jobs_take_done (c->jobs)) != NULL) {
    if (job->client != NULL)
      client_job_done (job->client, job);
    job_free (job);
  }
}

static void
tell_done (void *opaque)
{
  struct control *c = opaque;

  ev_async_send (c->loop, &c->done);
}

static int
client_new (struct control *c, int fd)
{
  unsigned slot = 0;
  struct client *cl;

  while (slot < MAX_CLIENTS && c->client[slot] != NULL)
    ++slot;
  if (slot == MAX_CLIENTS)
    return -1;
  cl = calloc (1, sizeof *cl);
  if (cl == NULL)
    return -1;
  cl->control = c;
  cl->slot = slot;
  c->client[slot] = cl;
  ev_io_init (&cl->io, on_client, fd, EV_READ);
  ev_io_start (c->loop, &cl->io);
  ev_timer_init (&cl->late, on_late, 0., CLIENT_SECONDS);
  cl->late.data = cl;
  return 0;
}

/* Out of descriptors or memory: give others time to free some. */
static void
pause_accept (struct control *c)
{
  if (!c->accept_failed)
    msg_error ("%s: accept: %m", c->listener.path);
  c->accept_failed = true;
  ev_io_stop (c->loop, &c->accept);
  ev_timer_set (&c->resume_accept, ACCEPT_PAUSE, 0.);
  ev_timer_start (c->loop, &c->resume_accept);
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
  if (client_new (c, fd) == -1) {
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

  ev_run (c->loop, 0);
  return NULL;
}

static void
init_watchers (struct control *c)
{
  ev_io_init (&c->accept, on_accept, c->listener.fd, EV_READ);
  c->accept.data = c;
  ev_io_start (c->loop, &c->accept);
  ev_timer_init (&c->resume_accept, on_resume_accept, 0., 0.);
  c->resume_accept.data = c;
  ev_timer_init (&c->look, on_look, LOOK_SECONDS, LOOK_SECONDS);
  c->look.data = c;
  ev_timer_start (c->loop, &c->look);
  ev_async_init (&c->stop, on_stop);
  c->stop.data = c;
  ev_async_start (c->loop, &c->stop);
  ev_async_init (&c->done, on_done);
  c->done.data = c;
  ev_async_start (c->loop, &c->done);
}

static void
control_free (struct control *c)
{
  for (unsigned i = 0; i < MAX_CLIENTS; ++i)
    if (c->client[i] != NULL)
      client_free (c->client[i]);
  jobs_free (c->jobs);
  cleanup_close (&c->announced);
  unix_listener_close (&c->listener);
  if (c->loop != NULL)
    ev_loop_destroy (c->loop);
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
  c->loop = ev_loop_new (EVFLAG_AUTO);
  if (c->loop == NULL) {
    msg_error ("%s: no event loop: %m", c->listener.path);
    return -1;
  }
  init_watchers (c);
  c->jobs = jobs_start (c->mirror, tell_done, c);
  if (c->jobs != NULL &&
      thread_start (&c->thread, "control", control_thread, c) == 0)
    return 0;
  msg_error ("%s: start a thread: %m", c->listener.path);
  if (c->jobs != NULL)
    jobs_stop (c->jobs);
  return -1;
}

int
control_start (struct control *c, struct mirror *m)
{
  c->mirror = m;
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
    mirror_end_orders (c->mirror);
    jobs_stop (c->jobs);
    ev_async_send (c->loop, &c->stop);
    pthread_join (c->thread, NULL);
  }
  control_free (c);
}

int
control_check (const char *path)
{
  return unix_listener_check (path);
}
