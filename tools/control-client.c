/* SPDX-License-Identifier: BSD-3-Clause */

/* A client of the control socket: one request, one line of reply. */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>

#include "buffer.h"
#include "cleanup.h"
#include "control-client.h"
#include "deadline.h"
#include "fields.h"
#include "msg.h"
#include "unix-socket.h"

#define ANSWER_SECONDS 5
#define ANSWER_TIME (ANSWER_SECONDS * NSEC_PER_SEC)
#define MAX_REPLY ((size_t) 4 << 20)
#define RECEIVE_SIZE ((size_t) 16 << 10)

int
client_open (struct client *c, const char *path)
{
  c->path = path;
  c->fd = unix_socket_connect (path, now_ns () + ANSWER_TIME);
  return c->fd == -1 ? -1 : 0;
}

int
client_open_until (struct client *c, const char *path, uint64_t deadline)
{
  unix_socket_await (path, deadline);
  return client_open (c, path);
}

void
client_close (struct client *c)
{
  cleanup_close (&c->fd);
  c->fd = -1;
}

/* poll until the deadline: 1, 0 (time over) or -1. */
static int
poll_until (int fd, short events, uint64_t deadline)
{
  struct pollfd pfd = {.fd = fd, .events = events};
  uint64_t now = now_ns ();
  uint64_t left = deadline > now ? deadline - now : 0;
  struct timespec ts = {
    .tv_sec = (time_t) (left / NSEC_PER_SEC),
    .tv_nsec = (long) (left % NSEC_PER_SEC),
  };

  return ppoll (&pfd, 1, &ts, NULL);
}

/* poll_until that ignores signals and takes time over as an error. */
static int
wait_for (struct client *c, short events, uint64_t deadline)
{
  int r;

  do
    r = poll_until (c->fd, events, deadline);
  while (r == -1 && errno == EINTR);
  if (r == 0)
    msg_error ("%s: no answer in %u seconds", c->path, c->seconds);
  else if (r == -1)
    msg_error ("%s: poll: %m", c->path);
  return r == 1 ? 0 : -1;
}

static int
send_request (struct client *c, const char *text, uint64_t deadline)
{
  size_t len = strlen (text);

  while (len > 0) {
    ssize_t r = send (c->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (r == -1 && errno == EPIPE)
      return 0; /* a server that is busy says why before it closes */
    if (r == -1 && errno != EAGAIN && errno != EINTR) {
      msg_error ("%s: send: %m", c->path);
      return -1;
    }
    if (r == -1 && wait_for (c, POLLOUT, deadline) == -1)
      return -1;
    if (r > 0) {
      text += r;
      len -= (size_t) r;
    }
  }
  return 0;
}

/* Have room for more of the line, and the NUL behind it. */
static int
reserve_line (struct client *c, struct buffer *line)
{
  if (line->len > MAX_REPLY) {
    msg_error ("%s: the answer is too long", c->path);
    return -1;
  }
  if (buffer_reserve (line, RECEIVE_SIZE + 1) == 0)
    return 0;
  msg_error ("%s: %m", c->path);
  return -1;
}

/* Append what has come.  1: the line is complete, 0: not yet, -1. */
static int
receive_some (struct client *c, struct buffer *line)
{
  char *at = (char *) buffer_tail (line), *end;
  ssize_t r = recv (c->fd, at, buffer_room (line) - 1, MSG_DONTWAIT);

  if (r == -1 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (r <= 0) {
    if (r == 0)
      msg_error ("%s: the server closed the connection", c->path);
    else
      msg_error ("%s: receive: %m", c->path);
    return -1;
  }
  line->len += (size_t) r;
  end = memchr (at, '\n', (size_t) r);
  if (end == NULL)
    return 0;
  *end = '\0';
  return 1;
}

static int
receive_line (struct client *c, struct buffer *line, uint64_t deadline)
{
  int r;

  do {
    if (reserve_line (c, line) == -1 || wait_for (c, POLLIN, deadline) == -1)
      return -1;
    r = receive_some (c, line);
  } while (r == 0);
  return r == 1 ? 0 : -1;
}

/* It says that all is well. */
static bool
is_ok (struct client *c, struct json_object *reply, bool *refused)
{
  *refused = false;
  if (reply == NULL || !json_object_is_type (reply, json_type_object)) {
    msg_error ("%s: the answer is not from a mirror", c->path);
    return false;
  }
  if (!field_bool (reply, "ok")) {
    const char *error = field_text (reply, "error");

    *refused = *error != '\0';
    msg_error ("%s: %s", c->path,
               *error != '\0' ? error : "the answer is not from a mirror");
    return false;
  }
  return true;
}

/* The reply without its envelope. */
static struct json_object *
open_reply (struct client *c, struct json_object *reply)
{
  struct json_object *status;
  bool refused;

  if (!is_ok (c, reply, &refused))
    return NULL;
  if (!json_object_object_get_ex (reply, "status", &status) ||
      !status_is_complete (status)) {
    msg_error ("%s: the answer is no status of a mirror", c->path);
    return NULL;
  }
  return json_object_get (status);
}

/* False: there is no answer, which is reported. */
static bool
ask (struct client *c, const char *request, unsigned seconds,
     struct json_object **reply)
{
  uint64_t deadline = now_ns () + seconds * NSEC_PER_SEC;
  struct buffer line = {.data = NULL};
  bool answered;

  c->seconds = seconds;
  answered = send_request (c, request, deadline) == 0 &&
             receive_line (c, &line, deadline) == 0;
  *reply = answered ? json_tokener_parse ((const char *) line.data) : NULL;
  buffer_free (&line);
  return answered;
}

struct json_object *
client_status (struct client *c)
{
  struct json_object *reply, *status = NULL;

  if (ask (c, "{\"command\":\"status\"}\n", ANSWER_SECONDS, &reply))
    status = open_reply (c, reply);
  json_object_put (reply);
  return status;
}

struct json_object *
client_order (struct client *c, struct json_object *request, unsigned seconds,
              bool *refused)
{
  CLEANUP_FREE char *text = NULL;
  struct json_object *reply = NULL;

  *refused = false;
  if (asprintf (&text, "%s\n",
                json_object_to_json_string_ext (
                  request, JSON_C_TO_STRING_PLAIN |
                             JSON_C_TO_STRING_NOSLASHESCAPE)) == -1)
    text = NULL;
  json_object_put (request);
  if (text && ask (c, text, ANSWER_SECONDS + seconds, &reply) &&
      is_ok (c, reply, refused))
    return reply;
  json_object_put (reply);
  return NULL;
}

int
client_sleep (struct client *c, uint64_t msec)
{
  int r = poll_until (c->fd, POLLIN, now_ns () + msec * NSEC_PER_MSEC);

  if (r == 0)
    return 1;
  if (r == -1 && errno == EINTR)
    return 0;
  /* Nothing was asked, so this is the end of the connection. */
  msg_error ("%s: the server went away", c->path);
  return -1;
}
