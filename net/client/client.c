/* SPDX-License-Identifier: BSD-3-Clause */

/* The client: its life, and its loop. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client-connect.h"
#include "client-impl.h"
#include "client-lease.h"
#include "client-link.h"
#include "client-session.h"
#include "deadline.h"
#include "ev-util.h"

/* --- waking --- */

static void
on_wake (struct ev_loop *loop, ev_async *w, int revents)
{
  struct log_client *c = w->data;

  (void) loop;
  (void) revents;
  c->cb->woken (c->opaque);
}

static void
on_alarm (struct ev_loop *loop, ev_io *w, int revents)
{
  struct log_client *c = w->data;
  uint64_t times;

  (void) loop;
  (void) revents;
  if (read (c->alarm_fd, &times, sizeof times) == sizeof times)
    c->cb->woken (c->opaque);
}

void
log_client_wake (struct log_client *c)
{
  ev_async_send (c->loop, &c->wake);
}

void
log_client_wake_at (struct log_client *c, uint64_t time)
{
  struct itimerspec when = {
    .it_value.tv_sec = (time_t) (time / NSEC_PER_SEC),
    .it_value.tv_nsec = (long) (time % NSEC_PER_SEC),
  };

  timerfd_settime (c->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* --- life --- */

static void
init_watchers (struct log_client *c)
{
  ev_async_init (&c->wake, on_wake);
  c->wake.data = c;
  ev_async_start (c->loop, &c->wake);
  ev_io_setup (&c->alarm, on_alarm, c->alarm_fd, EV_READ, c);
  ev_io_start (c->loop, &c->alarm);
  log_client_lease_init (c);
}

static int
init_resources (struct log_client *c, const struct log_client_options *options)
{
  c->alarm_fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (c->alarm_fd == -1)
    return -1;
  if (getrandom (c->session, sizeof c->session, 0) != sizeof c->session)
    return -1;
  errno = ENOMEM;
  c->loop = ev_loop_new (EVFLAG_AUTO);
  if (!c->loop)
    return -1;
  init_watchers (c);
  return connector_init (&c->connector, c->loop, options->servers,
                         options->nr_servers, options->tls, c->session,
                         &log_client_connection, c);
}

struct log_client *
log_client_new (const struct log_client_options *options,
                const struct log_client_callbacks *callbacks, void *opaque)
{
  struct log_client *c = calloc (1, sizeof *c);

  if (!c)
    return NULL;
  c->alarm_fd = -1;
  c->cb = callbacks;
  c->opaque = opaque;
  c->attach_flags = options->attach_flags;
  strncpy (c->log, options->log, sizeof c->log - 1);
  strncpy (c->host, options->host, sizeof c->host - 1);
  c->pid = getpid ();
  if (init_resources (c, options) == -1) {
    log_client_free (c);
    return NULL;
  }
  return c;
}

void
log_client_free (struct log_client *c)
{
  int err = errno;

  if (!c)
    return;
  if (c->loop) {
    link_end (c);
    connector_free (&c->connector);
    ev_async_stop (c->loop, &c->wake);
    ev_io_stop (c->loop, &c->alarm);
    ev_loop_destroy (c->loop);
  }
  if (c->alarm_fd >= 0)
    close (c->alarm_fd);
  buffer_free (&c->out);
  free (c);
  errno = err;
}

void
log_client_start (struct log_client *c)
{
  c->state = CLIENT_DISCONNECTED;
  connector_start (&c->connector);
}

void
log_client_stop (struct log_client *c)
{
  link_end (c);
}

/* The kernel's end of the loop, and the connection, are shared with the
 * process we come from.
 */
static void
check_fork (struct log_client *c)
{
  if (c->pid == getpid ())
    return;
  c->pid = getpid ();
  ev_loop_fork (c->loop);
}

void
log_client_after_fork (struct log_client *c)
{
  check_fork (c);
  link_close (c);
  log_client_start (c);
}

/* --- the loop --- */

static void
on_bound (struct ev_loop *loop, ev_timer *w, int revents)
{
  (void) w;
  (void) revents;
  ev_break (loop, EVBREAK_ONE);
}

static void
run_once (struct log_client *c, uint64_t now, uint64_t deadline)
{
  ev_timer bound;

  ev_timer_setup (&bound, on_bound, NULL);
  if (deadline != NO_DEADLINE)
    ev_timer_in (c->loop, &bound, (double) (deadline - now) / NSEC_PER_SEC);
  ev_run (c->loop, EVRUN_ONCE);
  ev_timer_stop (c->loop, &bound);
}

void
log_client_run_until (struct log_client *c, bool (*done) (void *arg),
                      void *arg, uint64_t deadline)
{
  uint64_t now;

  check_fork (c);
  while (!done (arg) && c->state != CLIENT_OVER &&
         (now = now_ns ()) < deadline)
    run_once (c, now, deadline);
}

void
log_client_run_thread (struct log_client *c)
{
  while (c->state != CLIENT_OVER)
    ev_run (c->loop, 0);
}

/* --- questions --- */

enum log_client_state
log_client_state (const struct log_client *c)
{
  return c->state == CLIENT_DISCONNECTED && c->connector.connecting
           ? CLIENT_CONNECTING
           : c->state;
}

const char *
log_client_server (const struct log_client *c)
{
  return c->connector.server_name;
}

bool
log_client_seen (const struct log_client *c, unsigned i,
                 struct log_client_server *server)
{
  static const char *const states[] = {
    [SEEN_NOT_ASKED] = "not-asked",
    [SEEN_ANSWERING] = "answers",
    [SEEN_AWAY] = "away",
  };
  const struct connector *k = &c->connector;

  if (i > k->nr_servers || !k->lookup[i])
    return false;
  connector_print_server (k, i, server->name, sizeof server->name);
  server->state =
    k->stream && k->answered && i == k->at ? "connected" : states[k->seen[i]];
  return true;
}

uint64_t
log_client_epoch (const struct log_client *c)
{
  return c->epoch;
}

uint64_t
log_client_features (const struct log_client *c)
{
  return c->features;
}

struct buffer *
log_client_output (struct log_client *c)
{
  return &c->out;
}

void
log_client_remember (struct log_client *c, const uint8_t *uuid,
                     uint64_t flush_number)
{
  c->known = uuid != NULL;
  if (uuid)
    memcpy (c->uuid, uuid, sizeof c->uuid);
  c->flush_number = flush_number;
}
