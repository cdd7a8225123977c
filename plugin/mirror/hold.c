/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "hold.h"
#include "log-life.h"
#include "mirror-impl.h"
#include "msg.h"
#include "recovery.h"
#include "unstable.h"

/* --- begin and end; m->lock is held --- */

/* Who was lost because another mirror writes to it must stay away from it. */
static bool
may_come_back (const struct mirror *m, unsigned slot)
{
  const struct member *member = &m->member[slot];

  return m->config.hold_timeout > 0 && member->kind == LEG_NBD &&
         atomic_load (&member->leg->refusal) != EBUSY &&
         unstable_complete_locked (m) &&
         !(m->stopping && now_ns () >= m->stop_deadline);
}

void
hold_begin_locked (struct mirror *m, unsigned slot)
{
  struct hold *h = &m->hold;
  struct leg *leg = m->member[slot].leg;

  if ((h->legs | h->lost) & SLOT_BIT (slot))
    return;
  leg_last_error (leg, h->why, sizeof h->why);
  h->trouble[0] = '\0';
  h->said = h->expired_said = false;
  if (!may_come_back (m, slot)) {
    h->lost = SLOT_BIT (slot);
    return;
  }
  h->legs = SLOT_BIT (slot);
  h->since_ns = now_ns ();
  h->until_ns = h->since_ns + m->config.hold_timeout * NSEC_PER_SEC;
  if (h->looked_ns > 0)
    h->looked_ns = h->since_ns;
  h->leg_size = leg->size;
  h->leg_min_block = leg->min_block;
  m->grow.equal = 0;
  /* It may have lost what was copied from it. */
  resync_spoil_locked (m, 0, m->nr_regions);
  pthread_cond_broadcast (&m->rejoin_wake);
}

void
hold_end_locked (struct mirror *m)
{
  m->hold.legs = 0;
  m->hold.ended++;
  pthread_cond_broadcast (&m->cond);
  pthread_cond_broadcast (&m->rejoin_wake);
  resync_wake_locked (m);
  worker_wake_locked (m);
}

/* --- waiting; m->lock is held --- */

/* The end of hold-timeout=.  After a pause who looks for it may be earlier than
 * who notes the pause.
 */
static uint64_t
until_at (const struct mirror *m, uint64_t now)
{
  const struct hold *h = &m->hold;

  if (h->looked_ns == 0 || now < h->looked_ns + 2 * m->watch_ns)
    return h->until_ns;
  return h->until_ns + (now - h->looked_ns);
}

void
hold_look (struct mirror *m)
{
  uint64_t now;
  CLEANUP_LOCK (&m->lock);

  now = now_ns ();
  m->hold.until_ns = until_at (m, now);
  m->hold.looked_ns = now;
}

/* When requests stop waiting. */
static uint64_t
wait_limit (const struct mirror *m)
{
  uint64_t until = until_at (m, now_ns ());

  return m->stopping && m->stop_deadline < until ? m->stop_deadline : until;
}

bool
hold_is_over_locked (const struct mirror *m)
{
  return m->hold.legs && (m->hold.given_up || now_ns () >= wait_limit (m));
}

int
hold_wait_locked (struct mirror *m)
{
  while (m->hold.legs) {
    if (hold_is_over_locked (m)) {
      errno = EIO;
      return -1;
    }
    cond_wait_until (&m->cond, &m->lock, wait_limit (m));
  }
  return 0;
}

bool
hold_again_locked (struct mirror *m, struct hold_tries *tries)
{
  uint64_t now = now_ns ();

  if (tries->lost_ns == 0)
    tries->lost_ns = now;
  else if (now - tries->lost_ns >= m->config.hold_timeout * NSEC_PER_SEC)
    return false;
  return m->hold.legs ? hold_wait_locked (m) == 0
                      : m->hold.ended != tries->ended;
}

/* --- the end of the mirror --- */

void
hold_stop (struct mirror *m, uint64_t deadline)
{
  CLEANUP_LOCK (&m->lock);

  while (m->hold.legs && m->unstable.first && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  m->hold.given_up = true;
  pthread_cond_broadcast (&m->cond);
  pthread_cond_broadcast (&m->rejoin_wake);
  if (m->hold.legs)
    dirty_log_stay_unclean (m->log, true);
}

/* --- what is said --- */

/* Why a leg that is lost for good is not waited for. */
static const char *
why_lost (const struct mirror *m)
{
  return m->config.hold_timeout == 0 || unstable_complete_locked (m)
           ? ""
           : ": what it may have lost is not all in memory, so requests fail "
             "until a restart";
}

static bool
is_over (const struct mirror *m)
{
  uint64_t now = now_ns ();

  return now >= until_at (m, now);
}

/* m->lock is held.  False: there is none. */
static bool
take_news (struct mirror *m, char *text, size_t size)
{
  struct hold *h = &m->hold;
  unsigned waits = m->config.hold_timeout;

  if (!h->said && h->lost)
    snprintf (text, size, "lost, and no other leg is in-sync: %s%s", h->why,
              why_lost (m));
  else if (!h->said)
    snprintf (text, size,
              "lost, and no other leg is in-sync: %s: requests wait for it, "
              "up to %u s",
              h->why, waits);
  else if (h->legs && !h->expired_said && is_over (m)) {
    snprintf (text, size,
              "still away after %u s: requests fail until it is back", waits);
    h->expired_said = true;
  }
  else
    return false;
  h->said = true;
  return true;
}

void
hold_report (struct mirror *m)
{
  char text[2 * LEG_ERROR_SIZE];
  const char *name = "";
  bool news = false, waits = false;

  {
    CLEANUP_LOCK (&m->lock);
    unsigned legs = m->hold.legs | (m->hold.lost & m->in_sync);

    if (legs) {
      name = m->member[__builtin_ctz (legs)].name;
      news = take_news (m, text, sizeof text);
      waits = m->hold.legs && !m->hold.expired_said;
    }
  }
  if (news && waits)
    msg_warning ("leg %s: %s", name, text);
  else if (news)
    msg_error ("leg %s: %s", name, text);
}

void
hold_reason_locked (const struct mirror *m, char *buf, size_t size)
{
  const struct hold *h = &m->hold;

  buf[0] = '\0';
  if (!h->legs && (h->lost & m->in_sync))
    snprintf (buf, size, "%s%s", h->why, why_lost (m));
  else if (h->legs)
    snprintf (buf, size, "requests %s: %s",
              hold_is_over_locked (m) ? "fail until it is back"
                                      : "wait for it",
              h->trouble[0] ? h->trouble : h->why);
}
