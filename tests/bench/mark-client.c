/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mark-client.h"

#define REGION_SIZE 65536u

void
die (const char *fmt, ...)
{
  va_list args;

  fputs ("mark-load: ", stderr);
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  fputc ('\n', stderr);
  exit (1);
}

/* --- the connection --- */

static int
connect_tcp (uint16_t port)
{
  const struct sockaddr_in sin = {
    .sin_family = AF_INET,
    .sin_port = htons (port),
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
  };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

  if (fd == -1 || connect (fd, (const void *) &sin, sizeof sin) == -1)
    die ("port %u: %s", port, strerror (errno));
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int
connect_unix (const char *path)
{
  struct sockaddr_un sun = {.sun_family = AF_UNIX};
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (strlen (path) >= sizeof sun.sun_path)
    die ("%s: too long for a socket", path);
  strcpy (sun.sun_path, path);
  if (fd == -1 || connect (fd, (const void *) &sun, sizeof sun) == -1)
    die ("%s: %s", path, strerror (errno));
  return fd;
}

void
mark_client_send (struct mark_client *c)
{
  struct buffer *out = &c->out;
  ssize_t r;

  if (c->sent == out->len)
    return;
  r = send (c->fd, out->data + c->sent, out->len - c->sent,
            MSG_DONTWAIT | MSG_NOSIGNAL);
  if (r == -1 && errno != EAGAIN)
    die ("send: %s", strerror (errno));
  c->sent += r > 0 ? (size_t) r : 0;
  if (c->sent == out->len)
    c->sent = out->len = 0;
}

static void
receive (struct mark_client *c, int flags)
{
  ssize_t r;

  memmove (c->in, c->in + c->start, c->end - c->start);
  c->end -= c->start;
  c->start = 0;
  r = recv (c->fd, c->in + c->end, sizeof c->in - c->end, flags);
  if (r == 0)
    die ("the server closed the connection");
  if (r == -1 && errno != EAGAIN)
    die ("receive: %s", strerror (errno));
  c->end += r > 0 ? (size_t) r : 0;
}

void
mark_client_receive (struct mark_client *c)
{
  receive (c, MSG_DONTWAIT);
}

bool
mark_client_take (struct mark_client *c, struct proto_msg *msg)
{
  const uint8_t *frame = c->in + c->start;
  size_t len = 0, there = c->end - c->start;
  enum proto_error error;

  if (there >= PROTO_HEADER_SIZE && (len = proto_frame_length (frame)) == 0)
    die ("the server sent what is not a frame");
  if (len == 0 || there < len)
    return false;
  error = proto_decode (msg, frame, len);
  if (error != PROTO_OK)
    die ("the server sent a damaged frame");
  if (msg->error)
    die ("%s: %s: %.*s", proto_type_name (msg->type),
         proto_error_name (msg->error), (int) msg->text.len, msg->text.s);
  c->start += len;
  return true;
}

static void
send_all (struct mark_client *c)
{
  while (c->sent < c->out.len) {
    ssize_t r =
      send (c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

    if (r == -1)
      die ("send: %s", strerror (errno));
    c->sent += (size_t) r;
  }
  c->sent = c->out.len = 0;
}

void
mark_client_wait (struct mark_client *c, uint64_t id, struct proto_msg *msg)
{
  send_all (c);
  for (;;) {
    while (!mark_client_take (c, msg))
      receive (c, 0);
    if (msg->id == id && !(msg->flags & PROTO_MORE))
      return;
  }
}

/* --- requests --- */

static uint64_t
append (struct mark_client *c, struct proto_msg *msg)
{
  msg->id = ++c->last_id;
  if (proto_encode (&c->out, msg) == -1)
    die ("encode %s: %s", proto_type_name (msg->type), strerror (errno));
  return msg->id;
}

uint64_t
mark_client_flush (struct mark_client *c, uint32_t flags)
{
  struct proto_msg msg = {.type = PROTO_FLUSH,
                          .flush = {.epoch = c->epoch, .flags = flags}};

  return append (c, &msg);
}

void
mark_client_renew (struct mark_client *c)
{
  struct proto_msg msg = {.type = PROTO_RENEW, .flush.epoch = c->epoch};

  append (c, &msg);
}

/* All regions in an order in which none has its neighbour near. */
static uint64_t
nth_region (const struct mark_client *c, uint64_t n)
{
  return n * UINT64_C (0x9e3779b1) & (c->regions - 1);
}

static void
append_runs (struct mark_client *c, uint16_t type, uint64_t first, uint64_t nr)
{
  struct proto_msg msg = {.type = type, .change.epoch = c->epoch};
  struct proto_runs_frame frame;

  for (uint64_t i = 0; i < nr; ++i) {
    if (i % PROTO_MAX_RUNS == 0) {
      if (i > 0)
        proto_runs_end (&frame);
      msg.id = ++c->last_id;
      if (proto_runs_begin (&frame, &c->out, &msg) == -1)
        die ("encode: %s", strerror (errno));
    }
    if (proto_runs_add (&frame, nth_region (c, first + i), 1) == -1)
      die ("encode: %s", strerror (errno));
  }
  if (nr > 0)
    proto_runs_end (&frame);
}

uint64_t
mark_client_mark (struct mark_client *c, uint64_t nr)
{
  if (nr > c->regions - c->used)
    nr = c->regions - c->used;
  append_runs (c, PROTO_MARK_REGION, c->used, nr);
  c->used += nr;
  return nr;
}

uint64_t
mark_client_clear (struct mark_client *c)
{
  uint64_t nr = c->used;

  append_runs (c, PROTO_CLEAR_REGION, 0, nr);
  c->used = 0;
  return nr;
}

/* --- life --- */

struct mark_client *
mark_client_new (const char *server)
{
  struct mark_client *c = calloc (1, sizeof *c);
  struct proto_msg msg = {.type = PROTO_HELLO, .hello.version = PROTO_VERSION};
  char *end;
  unsigned long port = strtoul (server, &end, 10);

  if (!c)
    die ("out of memory");
  if (end > server && !*end && port > 0 && port <= UINT16_MAX)
    c->fd = connect_tcp ((uint16_t) port);
  else
    c->fd = connect_unix (server);
  msg.hello.software = (struct proto_str){"mark-load", strlen ("mark-load")};
  mark_client_wait (c, append (c, &msg), &msg);
  return c;
}

static void
attach (struct mark_client *c, const char *log, bool memory)
{
  struct proto_msg msg = {
    .type = PROTO_ATTACH,
    .attach = {.flags = memory ? PROTO_ATTACH_MEMORY : 0,
               .name = {log, (uint32_t) strlen (log)},
               .host = {"mark-load", strlen ("mark-load")},
               .pid = (uint32_t) getpid ()},
  };
  uint64_t id;

  snprintf ((char *) msg.attach.session, sizeof msg.attach.session, "%ld-%d",
            (long) getpid (), c->fd);
  id = append (c, &msg);
  send_all (c);
  mark_client_wait (c, id, &msg);
  c->epoch = msg.attached.epoch;
}

void
mark_client_begin (struct mark_client *c, const char *log, uint64_t regions,
                   bool memory)
{
  struct proto_msg msg = {.type = PROTO_CREATE,
                          .create = {.uuid = "mark-load",
                                     .size = regions * REGION_SIZE,
                                     .region_size = REGION_SIZE}};

  attach (c, log, memory);
  c->regions = regions;
  msg.create.epoch = c->epoch;
  append (c, &msg);
  mark_client_wait (c, mark_client_flush (c, PROTO_FLUSH_COMMIT), &msg);
}

void
mark_client_end (struct mark_client *c)
{
  struct proto_msg msg = {.type = PROTO_DETACH, .flush.epoch = c->epoch};

  mark_client_wait (c, append (c, &msg), &msg);
  close (c->fd);
  buffer_free (&c->out);
  free (c);
}
