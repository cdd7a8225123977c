/* SPDX-License-Identifier: BSD-3-Clause */

/* GET /status and GET /metrics.  libmicrohttpd has no thread here: the loop
 * watches its epoll descriptor, and accepts for it.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>
#include <microhttpd.h>

#include "http.h"
#include "log-status.h"
#include "logd.h"
#include "metrics.h"
#include "msg.h"
#include "options.h"

#define MAX_CONNECTIONS 32u
#define TIMEOUT_SECONDS 10u

struct http {
  struct server *server;
  struct MHD_Daemon *daemon;
  ev_io io;
  ev_timer timer;
};

/* --- answers --- */

static enum MHD_Result
reply (struct MHD_Connection *connection, unsigned code, const char *type,
       const char *text)
{
  struct MHD_Response *response =
    MHD_create_response_from_buffer (strlen (text), (void *) text,
                                     MHD_RESPMEM_MUST_COPY);
  enum MHD_Result r;

  if (!response)
    return MHD_NO;
  MHD_add_response_header (response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  r = MHD_queue_response (connection, code, response);
  MHD_destroy_response (response);
  return r;
}

static enum MHD_Result
reply_status (struct MHD_Connection *connection, struct server *s)
{
  struct json_object *obj = status_of_server (s);
  enum MHD_Result r =
    reply (connection, MHD_HTTP_OK, "application/json",
           json_object_to_json_string_ext (obj,
                                           JSON_C_TO_STRING_PRETTY |
                                             JSON_C_TO_STRING_NOSLASHESCAPE));

  json_object_put (obj);
  return r;
}

static enum MHD_Result
reply_metrics (struct MHD_Connection *connection, struct server *s)
{
  char *text = metrics_text (s);
  enum MHD_Result r = MHD_NO;

  if (text)
    r = reply (connection, MHD_HTTP_OK, "text/plain; version=0.0.4", text);
  free (text);
  return r;
}

static enum MHD_Result
on_request (void *opaque, struct MHD_Connection *connection, const char *url,
            const char *method, const char *version, const char *data,
            size_t *data_size, void **state)
{
  struct server *s = opaque;

  (void) version;
  (void) data;
  (void) state;
  *data_size = 0;
  if (strcmp (method, MHD_HTTP_METHOD_GET) != 0)
    return reply (connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
                  "only GET\n");
  if (strcmp (url, "/status") == 0)
    return reply_status (connection, s);
  if (strcmp (url, "/metrics") == 0)
    return reply_metrics (connection, s);
  return reply (connection, MHD_HTTP_NOT_FOUND, "text/plain",
                "there are /status and /metrics\n");
}

/* --- in the loop --- */

static void
http_run (struct http *h)
{
  MHD_UNSIGNED_LONG_LONG ms;

  MHD_run (h->daemon);
  ev_timer_stop (h->server->loop, &h->timer);
  if (MHD_get_timeout (h->daemon, &ms) == MHD_YES) {
    ev_timer_set (&h->timer, (double) ms / 1000, 0.);
    ev_timer_start (h->server->loop, &h->timer);
  }
}

static void
on_io (struct ev_loop *loop, ev_io *w, int revents)
{
  (void) loop;
  (void) revents;
  http_run (w->data);
}

static void
on_timer (struct ev_loop *loop, ev_timer *w, int revents)
{
  (void) loop;
  (void) revents;
  http_run (w->data);
}

void
http_connection (struct server *s, int fd)
{
  const struct sockaddr unnamed = {.sa_family = AF_UNIX};

  /* Closes it if it fails. */
  if (MHD_add_connection (s->http->daemon, fd, &unnamed, sizeof unnamed) ==
      MHD_YES)
    http_run (s->http);
}

static int
start_daemon (struct http *h)
{
  const union MHD_DaemonInfo *info;

  h->daemon =
    MHD_start_daemon (MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
                      on_request, h->server, MHD_OPTION_CONNECTION_LIMIT,
                      MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                      TIMEOUT_SECONDS, MHD_OPTION_END);
  info = h->daemon ? MHD_get_daemon_info (h->daemon, MHD_DAEMON_INFO_EPOLL_FD)
                   : NULL;
  if (!info)
    return -1;
  ev_io_init (&h->io, on_io, info->epoll_fd, EV_READ);
  ev_timer_init (&h->timer, on_timer, 0., 0.);
  h->io.data = h->timer.data = h;
  ev_io_start (h->server->loop, &h->io);
  return 0;
}

int
http_start (struct server *s)
{
  if (!s->options->status)
    return 0;
  s->http = calloc (1, sizeof *s->http);
  if (s->http) {
    s->http->server = s;
    if (start_daemon (s->http) == 0)
      return 0;
  }
  msg_error ("--status=%s: cannot start", s->options->status);
  http_stop (s);
  return -1;
}

void
http_stop (struct server *s)
{
  struct http *h = s->http;

  if (!h)
    return;
  if (h->daemon) {
    ev_io_stop (s->loop, &h->io);
    ev_timer_stop (s->loop, &h->timer);
    MHD_stop_daemon (h->daemon);
  }
  free (h);
  s->http = NULL;
}
