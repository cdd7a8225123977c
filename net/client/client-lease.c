/* SPDX-License-Identifier: BSD-3-Clause */

/* The lease counts from when it was asked for, not from when the answer
 * came; and as clocks run differently, and the check before a request to a
 * leg is not the request, we stop a little earlier.
 *
 * A server that has something to answer and is silent for a third of the
 * lease is given up; when half of that has passed it is asked for the lease
 * once more, so that a slow flush alone does not look like silence.  While
 * it takes what we send, which after a new connection may be much, it lives,
 * too.  Time in which this process was stopped does not count.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "client-lease.h"
#include "client-link.h"
#include "deadline.h"
#include "ev-util.h"
#include "stream.h"
#include "tls.h"

#define HELLO_SILENCE_NS (3 * NSEC_PER_SEC)
#define ATTACH_SILENCE_NS (10 * NSEC_PER_SEC) /* a big log is loaded */
#define MIN_SILENCE_NS NSEC_PER_SEC
#define MIN_MARGIN_NS (200 * NSEC_PER_MSEC)
#define MAX_TICK_S .5
#define PAUSED_NS NSEC_PER_SEC /* no tick for so long: we were stopped */

void
log_client_lease_renew (struct log_client *c)
{
  c->asked_boottime = now_boot_ns ();
  c->renew_id = link_request_of_epoch (c, PROTO_RENEW, 0);
  if (c->renew_id == 0 || log_client_send (c) == -1)
    link_failed (c, strerror (errno));
}

static void
tick_each (struct log_client *c, double seconds)
{
  c->tick.repeat = seconds < MAX_TICK_S ? seconds : MAX_TICK_S;
  ev_timer_again (c->loop, &c->tick);
}

void
log_client_lease_begin (struct log_client *c, uint32_t lease_ms)
{
  uint64_t margin;

  c->lease_ns = lease_ms * NSEC_PER_MSEC;
  c->renew_due = c->asked_boottime + c->lease_ns / 3;
  tick_each (c, lease_ms / 1e3 / 24);
  margin = c->lease_ns / 10;
  if (margin < MIN_MARGIN_NS)
    margin = MIN_MARGIN_NS;
  if (c->lease_ns > margin)
    c->cb->lease (c->opaque, c->asked_boottime + c->lease_ns - margin);
}

static uint64_t
max_silence (const struct log_client *c)
{
  if (c->state != CLIENT_ATTACHED)
    return c->state == CLIENT_HELLO ? HELLO_SILENCE_NS : ATTACH_SILENCE_NS;
  return c->lease_ns / 3 > MIN_SILENCE_NS ? c->lease_ns / 3 : MIN_SILENCE_NS;
}

static uint64_t
silence (const struct log_client *c, uint64_t now)
{
  return c->unanswered > 0 && !c->waiting ? now - c->silent_ns : 0;
}

static bool
is_renew_due (const struct log_client *c, uint64_t now)
{
  return c->state == CLIENT_ATTACHED && c->renew_id == 0 && c->lease_ns > 0 &&
         (now_boot_ns () >= c->renew_due ||
          silence (c, now) > max_silence (c) / 2);
}

/* The server took some of the output since the last tick. */
static bool
is_taking (struct log_client *c)
{
  size_t before = c->unsent;

  c->unsent = stream_waiting (c->connector.stream);
  return c->unsent < before;
}

static void
on_tick (struct ev_loop *loop, ev_timer *w, int revents)
{
  struct log_client *c = w->data;
  uint64_t now = now_ns ();

  (void) loop;
  (void) revents;
  tls_tick (&c->connector.tls);
  if (is_taking (c) || now - c->ticked_ns > PAUSED_NS)
    c->silent_ns = now;
  c->ticked_ns = now;
  if (silence (c, now) > max_silence (c))
    link_failed (c, "no answer");
  else if (is_renew_due (c, now))
    log_client_lease_renew (c);
}

void
log_client_lease_watch (struct log_client *c)
{
  c->ticked_ns = now_ns ();
  tick_each (c, MAX_TICK_S);
}

void
log_client_lease_init (struct log_client *c)
{
  ev_timer_setup (&c->tick, on_tick, c);
}
