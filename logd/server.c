/* SPDX-License-Identifier: BSD-3-Clause */

/* The loop.  A tick is what ends leases: by then all that came in before
 * was read, and if the server did not run for a while the leases are longer
 * by that time.
 *
 * The end: nothing more is read or accepted, the logs are closed by their
 * workers behind the flushes that wait, and the answers go out, in bounded
 * time.  The owners stay recorded: they come back to the next
 * server.
 */

#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "access.h"
#include "deadline.h"
#include "depot.h"
#include "http.h"
#include "listen.h"
#include "logd-client.h"
#include "logd.h"
#include "msg.h"
#include "options.h"
#include "served-pump.h"
#include "served.h"
#include "server.h"
#include "tls.h"

#define TICK_SECONDS 0.25
#define END_SECONDS 4. /* for logs to close */

/* --- the tick --- */

static uint64_t
absent_time (const struct server *s, uint64_t now)
{
  const uint64_t tick = (uint64_t) (TICK_SECONDS * NSEC_PER_SEC);
  uint64_t passed = now - s->last_tick;

  return passed > 2 * tick ? passed - tick : 0;
}

static void
on_tick (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct server *s = w->data;
  uint64_t now = now_boot_ns (), absent = absent_time (s, now);

  (void) loop;
  (void) revents;
  s->last_tick = now;
  tls_tick (&s->tls);
  served_tick_all (s, absent, now);
}

/* --- at the end of each turn --- */

/* All is done that must be done before the server ends. */
static bool
is_finished (const struct server *s)
{
  return s->ending && s->nr_served == 0 && s->listing == 0;
}

static void
on_prepare (struct ev_loop *loop, ev_prepare *w, int revents)
{
  struct server *s = w->data;

  (void) revents;
  served_pump_later (s);
  clients_free_dead (s);
  if (is_finished (s))
    ev_break (loop, EVBREAK_ALL);
}

/* --- the end --- */

/* The old rules stay if the new ones are not sound. */
static void
reload_access (struct server *s)
{
  struct access *access = access_load (s->options->access);

  if (!access) {
    msg_warning ("--access: the rules of before stay in use");
    return;
  }
  access_free (s->access);
  s->access = access;
  msg_note ("%s is read again", s->options->access);
}

static void
on_hup (struct ev_loop *loop, ev_signal *w, int revents)
{
  struct server *s = w->data;
  const struct options *o = s->options;

  (void) loop;
  (void) revents;
  if (o->access)
    reload_access (s);
  if (s->tls && tls_reload (&s->tls) == 0)
    msg_note ("%s is read again, for new connections",
              o->tls_psk ? o->tls_psk : o->tls_certificates);
}

static void
quiet_clients (struct server *s)
{
  struct client *next;

  for (struct client *c = s->clients; c; c = next) {
    next = c->next;
    if (c->feeds)
      client_close (c);
    else
      client_block (c, BLOCK_END);
  }
}

static void
on_late (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct server *s = w->data;

  (void) revents;
  for (struct served *l = served_shown (s->logs); l;
       l = served_shown (l->next))
    msg_error ("log %s: does not answer, left as after a crash", l->name);
  s->hung = true;
  ev_break (loop, EVBREAK_ALL);
}

static void
on_term (struct ev_loop *loop, ev_signal *w, int revents)
{
  struct server *s = w->data;

  (void) revents;
  if (s->ending)
    return;
  s->ending = true;
  if (s->depot->ops->hurry)
    s->depot->ops->hurry (s->depot);
  sd_notify (0, "STOPPING=1");
  listen_close (s);
  http_stop (s);
  quiet_clients (s);
  ev_timer_init (&s->end_timer, on_late, END_SECONDS, 0.);
  s->end_timer.data = s;
  ev_timer_start (loop, &s->end_timer);
  served_pump_all (s);
}

/* What was answered goes out, if it goes soon. */
static void
shut_clients (struct server *s)
{
  while (s->clients)
    client_shut (s->clients);
}

/* --- start --- */

static void
start_signal (struct server *s, ev_signal *w, int number,
              void (*on_signal) (struct ev_loop *, ev_signal *, int))
{
  ev_signal_init (w, on_signal, number);
  w->data = s;
  ev_signal_start (s->loop, w);
}

static void
start_watchers (struct server *s, ev_prepare *prepare)
{
  signal (SIGPIPE, SIG_IGN);
  start_signal (s, &s->sigterm, SIGTERM, on_term);
  start_signal (s, &s->sigint, SIGINT, on_term);
  start_signal (s, &s->sighup, SIGHUP, on_hup);
  ev_prepare_init (prepare, on_prepare);
  prepare->data = s;
  ev_prepare_start (s->loop, prepare);
  s->started = s->last_tick = now_boot_ns ();
  ev_timer_init (&s->tick, on_tick, TICK_SECONDS, TICK_SECONDS);
  s->tick.data = s;
  ev_set_priority (&s->tick, EV_MINPRI);
  ev_timer_start (s->loop, &s->tick);
}

static void
stop_watchers (struct server *s, ev_prepare *prepare)
{
  ev_signal_stop (s->loop, &s->sigterm);
  ev_signal_stop (s->loop, &s->sigint);
  ev_signal_stop (s->loop, &s->sighup);
  ev_timer_stop (s->loop, &s->tick);
  ev_timer_stop (s->loop, &s->end_timer);
  if (!s->hung)
    worker_end (s->lister);
  completions_stop (&s->completions);
  ev_prepare_stop (s->loop, prepare);
  shut_clients (s);
  ev_run (s->loop, 0); /* until all streams are closed */
  clients_free_dead (s);
}

int
server_run (struct server *s)
{
  ev_prepare prepare;

  s->loop = ev_default_loop (EVFLAG_AUTO);
  if (!s->loop) {
    msg_error ("no event loop");
    return -1;
  }
  if (completions_start (&s->completions, s->loop) == -1)
    return -1;
  start_watchers (s, &prepare);
  if (http_start (s) == -1 ||
      (s->depot->ops->start && s->depot->ops->start (s->depot) == -1))
    return -1;
  listen_start (s);
  ev_run (s->loop, 0);
  stop_watchers (s, &prepare);
  buffer_free (&s->scratch);
  return 0;
}
