/* SPDX-License-Identifier: BSD-3-Clause */

/* A client is never waited for: replies it does not read are kept up to
 * MAX_OUTPUT, then it is dropped, and so is who leaves half a line, or a reply,
 * for CLIENT_SECONDS.  A request that is no JSON gets an error;
 * one that is too long also ends the connection, because where the next
 * request begins is not known.
 */

#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>

#include "buffer.h"
#include "clients.h"
#include "control-commands.h"
#include "jobs.h"

#define MAX_REQUEST 4096
#define MAX_OUTPUT ((size_t) 1 << 20)
#define CLIENT_SECONDS 30.

struct client {
  ev_io io; /* first: libev's pointer is ours */
  struct clients *all;
  unsigned slot;
  bool closing;    /* reads no more, closed when out is sent */
  struct job *job; /* it waits for this */
  ev_timer late;   /* while it owes the rest of a line, or to read */
  char in[MAX_REQUEST + 1];
  size_t in_len;
  struct buffer out; /* is not sent yet */
};

static void
client_free (struct client *cl)
{
  struct clients *c = cl->all;

  ev_io_stop (c->loop, &cl->io);
  ev_timer_stop (c->loop, &cl->late);
  if (cl->job != NULL)
    jobs_forget (c->jobs, cl->job);
  close (cl->io.fd);
  c->of[cl->slot] = NULL;
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
  struct clients *c = cl->all;
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
    ev_timer_again (cl->all->loop, &cl->late);
  else
    ev_timer_stop (cl->all->loop, &cl->late);
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
    ev_io_stop (cl->all->loop, &cl->io);
    ev_io_set (&cl->io, cl->io.fd, events);
    ev_io_start (cl->all->loop, &cl->io);
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

void
clients_jobs_done (struct clients *c)
{
  struct job *job;

  while ((job = jobs_take_done (c->jobs)) != NULL) {
    if (job->client != NULL)
      client_job_done (job->client, job);
    job_free (job);
  }
}

int
clients_add (struct clients *c, int fd)
{
  unsigned slot = 0;
  struct client *cl;

  while (slot < MAX_CLIENTS && c->of[slot] != NULL)
    ++slot;
  if (slot == MAX_CLIENTS)
    return -1;
  cl = calloc (1, sizeof *cl);
  if (cl == NULL)
    return -1;
  cl->all = c;
  cl->slot = slot;
  c->of[slot] = cl;
  ev_io_init (&cl->io, on_client, fd, EV_READ);
  ev_io_start (c->loop, &cl->io);
  ev_timer_init (&cl->late, on_late, 0., CLIENT_SECONDS);
  cl->late.data = cl;
  return 0;
}

void
clients_free (struct clients *c)
{
  for (unsigned i = 0; i < MAX_CLIENTS; ++i)
    if (c->of[i] != NULL)
      client_free (c->of[i]);
}
