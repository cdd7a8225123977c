/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "deadline.h"
#include "dirty-log.h"
#include "logd-client.h"
#include "logd.h"
#include "served-open.h"
#include "served-pump.h"
#include "served.h"

static void
opened (struct served *l, void *opaque, enum proto_error error,
        const char *text)
{
  (void) opaque;
  if (!l->log)
    served_refuse_all (l, error, text);
  served_later (l);
}

static void
closed (struct served *l, void *opaque, const char *text)
{
  (void) opaque;
  (void) text; /* was reported */
  served_later (l);
}

/* If there is no memory it stays open until the next time. */
static void
close_or_free (struct served *l)
{
  if (l->log)
    (void) served_close (l, closed, NULL);
  else if (l->seat)
    served_leave (l);
  else
    served_free (l);
}

/* Nobody needs it open, and what it says is on disk. */
static void
settle (struct served *l)
{
  if (l->lease.record.held || l->readers || served_is_wanted (l))
    return;
  if (l->memory && l->usable)
    return;
  close_or_free (l);
}

static void
wind_up (struct served *l)
{
  if (l->readers)
    return;
  served_refuse_all (l, PROTO_E_BUSY, "the server ends");
  close_or_free (l);
}

/* Whoever has it, or waits for it, finds the server that has the seat now.
 * What is not durable is lost with it; nobody was told that it is.
 */
static void
give_up (struct served *l)
{
  if (l->owner)
    client_close (l->owner);
  served_refuse_all (l, PROTO_E_BUSY, "this server has lost the log");
  if (!l->readers)
    close_or_free (l);
}

/* True: the log is busy for one of those who wait. */
static bool
pump_waiters (struct served *l)
{
  uint64_t now = now_boot_ns ();

  for (const struct waiters *const *w = l->server->waiters; *w; ++w)
    if ((*w)->pump (l, now))
      return true;
  return false;
}

void
served_pump (struct served *l)
{
  if (l->busy)
    return;
  if (l->server->ending)
    wind_up (l);
  else if (served_is_lost (l))
    give_up (l);
  else if (!l->log && served_is_wanted (l))
    served_open (l, 0, opened, NULL);
  else if (!pump_waiters (l))
    settle (l);
}

void
served_pump_all (struct server *s)
{
  struct served *next;

  for (struct served *l = s->logs; l; l = next) {
    next = l->next;
    served_pump (l);
  }
}

static void
pump_those_later (struct server *s)
{
  struct served *next;

  for (struct served *l = s->logs; l; l = next) {
    next = l->next;
    if (l->later) {
      l->later = false;
      served_pump (l);
    }
  }
}

void
served_pump_later (struct server *s)
{
  while (s->later) {
    s->later = false;
    pump_those_later (s);
  }
}

void
served_tick_all (struct server *s, uint64_t absent, uint64_t now)
{
  struct served *next;

  for (struct served *l = s->logs; l; l = next) {
    next = l->next;
    lease_absent (&l->lease, absent, now);
    lease_tick (&l->lease, now);
    if (served_is_wanted (l) || served_is_lost (l))
      served_pump (l);
  }
}
