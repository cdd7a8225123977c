/* SPDX-License-Identifier: BSD-3-Clause */

/* Listeners.  When there are no descriptors left, accepting pauses for
 * ACCEPT_PAUSE seconds instead of spinning; who is connected is served.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "http.h"
#include "listen.h"
#include "logd-client.h"
#include "logd.h"
#include "msg.h"
#include "options.h"
#include "resolved.h"
#include "unix-socket.h"

#define ACCEPT_PAUSE 0.5
#define ACCEPTS_PER_TURN 64
#define MAX_ADDRESSES 16
#define PORT_TEXT "10810"
#define STATUS_PORT_TEXT "10811"

struct listener {
  struct listener *next;
  struct server *server;
  void (*take) (struct server *s, int fd);
  struct unix_listener socket; /* path "" = not a name of ours to remove */
  ev_io accept;
  ev_timer resume;
  bool failed; /* and that was reported */
};

/* --- open --- */

static struct listener *
add (struct server *s, int fd)
{
  struct listener *l = calloc (1, sizeof *l);

  if (!l) {
    msg_error ("listen: %m");
    return NULL;
  }
  l->server = s;
  l->take = client_new;
  l->socket.fd = fd;
  l->next = s->listeners;
  s->listeners = l;
  return l;
}

/* Without TLS who can connect can forge a clear, and that is data loss. */
static int
check_plain (const struct server *s, const struct resolved *r,
             const char *name)
{
  if (s->tls || s->options->insecure || resolved_is_local (r))
    return 0;
  msg_error ("%s: other machines reach this address: use --tls-psk or "
             "--tls-certificates, or say --insecure",
             name);
  return -1;
}

/* An address comes up when it does, at the start of the machine maybe after
 * us: to end then would only be the first of as many starts as systemd allows.
 */
static int
open_tcp (const struct resolved *r)
{
  int fd = resolved_listen (r);
  char name[160];

  if (fd >= 0 || errno != EADDRNOTAVAIL || resolved_is_local (r))
    return fd;
  fd = resolved_listen_ahead (r);
  if (fd >= 0)
    msg_warning ("%s: waiting for this address, which no interface of this "
                 "machine has yet; clients are served as soon as one has it",
                 resolved_print (r, name, sizeof name));
  return fd;
}

static struct listener *
listen_tcp (struct server *s, const struct resolved *r)
{
  struct listener *l;
  char name[160];
  int fd = open_tcp (r);

  if (fd == -1) {
    msg_error ("%s: listen: %m", resolved_print (r, name, sizeof name));
    return NULL;
  }
  l = add (s, fd);
  if (!l)
    close (fd);
  return l;
}

/* Returns how many, or -1 with the error reported. */
static int
resolve (struct resolved found[MAX_ADDRESSES], const char *option,
         const char *text, const char *port)
{
  struct address a;
  const char *why;
  int nr = -1;

  if (address_parse (&a, text, strlen (text), port, &why) == 0) {
    why = "a Unix socket is given by --socket";
    if (!a.path[0])
      nr = address_resolve (&a, true, found, MAX_ADDRESSES, &why);
  }
  if (nr == -1)
    msg_error ("%s=%s: %s", option, text, why);
  return nr;
}

static int
listen_address (struct server *s, const char *text)
{
  struct resolved found[MAX_ADDRESSES];
  int nr = resolve (found, "--listen", text, PORT_TEXT);
  char name[160];

  for (int i = 0; i < nr; ++i)
    if (check_plain (s, &found[i],
                     resolved_print (&found[i], name, sizeof name)) == -1 ||
        !listen_tcp (s, &found[i]))
      return -1;
  return nr == -1 ? -1 : 0;
}

static struct listener *
listen_unix (struct server *s, const char *path)
{
  struct listener *l = add (s, -1);

  return l && unix_listener_open (&l->socket, path) == 0 ? l : NULL;
}

/* --- the status, for this machine only --- */

static int
listen_status_tcp (struct server *s, const char *text)
{
  struct resolved found[MAX_ADDRESSES];
  int nr = resolve (found, "--status", text, STATUS_PORT_TEXT);
  struct listener *l;

  for (int i = 0; i < nr; ++i) {
    if (!resolved_is_local (&found[i])) {
      msg_error ("--status=%s: other machines reach this address", text);
      return -1;
    }
    l = listen_tcp (s, &found[i]);
    if (!l)
      return -1;
    l->take = http_connection;
  }
  return nr == -1 ? -1 : 0;
}

static int
listen_status (struct server *s, const char *text)
{
  struct listener *l;

  if (text[0] != '/')
    return listen_status_tcp (s, text);
  l = listen_unix (s, text);
  if (!l)
    return -1;
  l->take = http_connection;
  return 0;
}

/* A machine without IPv6 has no ::1. */
static int
listen_default (struct server *s)
{
  static const char *const local[] = {"127.0.0.1", "[::1]"};
  bool any = false;

  for (unsigned i = 0; i < 2; ++i)
    any |= listen_address (s, local[i]) == 0;
  return any ? 0 : -1;
}

/* --- systemd --- */

static int
take_passed (struct server *s, int fd)
{
  struct resolved r = {.len = sizeof r.addr};
  char name[160];

  if (getsockname (fd, (struct sockaddr *) &r.addr, &r.len) == -1 ||
      fcntl (fd, F_SETFL, O_NONBLOCK) == -1) {
    msg_error ("socket passed by systemd: %m");
    return -1;
  }
  if (r.addr.ss_family != AF_UNIX &&
      check_plain (s, &r, resolved_print (&r, name, sizeof name)) == -1)
    return -1;
  return add (s, fd) ? 0 : -1;
}

/* Returns how many, or -1 with the error reported. */
static int
listen_passed (struct server *s)
{
  int nr = sd_listen_fds (1);

  if (nr < 0) {
    errno = -nr;
    msg_error ("sockets passed by systemd: %m");
    return -1;
  }
  for (int i = 0; i < nr; ++i)
    if (take_passed (s, SD_LISTEN_FDS_START + i) == -1)
      return -1;
  return nr;
}

int
listen_open (struct server *s)
{
  const struct options *o = s->options;
  int passed = listen_passed (s);

  if (passed == -1)
    return -1;
  for (unsigned i = 0; i < o->listen.nr; ++i)
    if (listen_address (s, o->listen.item[i]) == -1)
      return -1;
  for (unsigned i = 0; i < o->sockets.nr; ++i)
    if (!listen_unix (s, o->sockets.item[i]))
      return -1;
  if (passed == 0 && o->listen.nr == 0 && o->sockets.nr == 0 &&
      listen_default (s) == -1)
    return -1;
  return o->status ? listen_status (s, o->status) : 0;
}

/* --- names --- */

static void
print_name (const struct listener *l, char *buf, size_t size)
{
  struct resolved r = {.len = sizeof r.addr};

  if (getsockname (l->socket.fd, (struct sockaddr *) &r.addr, &r.len) == -1)
    snprintf (buf, size, "unknown");
  else
    resolved_print (&r, buf, size);
}

const char *
listen_print (const struct server *s, char *buf, size_t size)
{
  char name[160];
  size_t len = 0;

  buf[0] = '\0';
  for (const struct listener *l = s->listeners; l; l = l->next) {
    if (l->take != client_new)
      continue;
    print_name (l, name, sizeof name);
    if (len + strlen (name) + 3 > size)
      break;
    len +=
      (size_t) snprintf (buf + len, size - len, "%s%s", len ? ", " : "", name);
  }
  return buf;
}

/* --- accept --- */

/* Give others time to free some. */
static void
pause_accept (struct listener *l)
{
  if (!l->failed)
    msg_warning ("accept: %m; next try in %.1f seconds", ACCEPT_PAUSE);
  l->failed = true;
  ev_io_stop (l->server->loop, &l->accept);
  ev_timer_set (&l->resume, ACCEPT_PAUSE, 0.);
  ev_timer_start (l->server->loop, &l->resume);
}

static void
on_resume (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct listener *l = w->data;

  (void) revents;
  ev_io_start (loop, &l->accept);
}

/* The socket of a new client, or -1 with errno. */
static int
accept_fd (struct listener *l)
{
  int fd = accept4 (l->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (fd < l->server->max_fd)
    return fd;
  close (fd);
  errno = EMFILE;
  return -1;
}

static bool
accept_one (struct listener *l)
{
  int fd = accept_fd (l);

  if (fd >= 0) {
    l->failed = false;
    l->take (l->server, fd);
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
      errno == ENOMEM)
    pause_accept (l);
  return errno == ECONNABORTED || errno == EINTR;
}

static void
on_accept (struct ev_loop *loop, ev_io *w, int revents)
{
  struct listener *l = w->data;

  (void) loop;
  (void) revents;
  for (unsigned i = 0; i < ACCEPTS_PER_TURN && accept_one (l); ++i)
    ;
}

void
listen_start (struct server *s)
{
  for (struct listener *l = s->listeners; l; l = l->next) {
    ev_io_init (&l->accept, on_accept, l->socket.fd, EV_READ);
    l->accept.data = l;
    ev_io_start (s->loop, &l->accept);
    ev_timer_init (&l->resume, on_resume, 0., 0.);
    l->resume.data = l;
  }
}

static void
listener_free (struct listener *l)
{
  if (l->server->loop) {
    ev_io_stop (l->server->loop, &l->accept);
    ev_timer_stop (l->server->loop, &l->resume);
  }
  if (l->socket.path[0])
    unix_listener_close (&l->socket);
  else if (l->socket.fd >= 0)
    close (l->socket.fd);
  free (l);
}

void
listen_close (struct server *s)
{
  struct listener *l;

  while ((l = s->listeners)) {
    s->listeners = l->next;
    listener_free (l);
  }
}
