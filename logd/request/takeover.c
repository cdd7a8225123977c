/* SPDX-License-Identifier: BSD-3-Clause */

/* Getting a log from its owner: with its consent, when its lease is over,
 * or, if somebody knows that its host is off, at once.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "asker.h"
#include "deadline.h"
#include "dirty-log.h"
#include "lease-write.h"
#include "logd-client.h"
#include "logd.h"
#include "msg.h"
#include "served-pump.h"
#include "stream.h"
#include "takeover.h"

/* The owner may go on renewing so long. */
#define PATIENCE_LEASES 2

struct takeover {
  struct takeover *next;
  struct asker asker;
  bool fenced;
  uint64_t epoch;    /* that is to end */
  uint64_t deadline; /* CLOCK_BOOTTIME */
};

static void
takeover_free (struct takeover *t)
{
  asker_end (&t->asker);
  free (t);
}

static void
takeover_refuse_all (struct served *l, enum proto_error error,
                     const char *text)
{
  struct takeover *t;

  while ((t = l->takeovers)) {
    l->takeovers = t->next;
    asker_error (&t->asker, error, "%s", text);
    takeover_free (t);
  }
}

/* Nobody has it, or somebody else. */
static bool
is_free (const struct served *l, const struct takeover *t)
{
  return !l->lease.record.held || l->lease.record.epoch != t->epoch;
}

static void
answer (const struct served *l, struct takeover *t)
{
  struct proto_msg reply = {.id = 0};

  if (l->log && dirty_log_info (l->log)->found == LOG_FOUND_NEW &&
      l->lease.record.epoch == 0)
    asker_error (&t->asker, PROTO_E_NO_LOG, "log %s: there is none", l->name);
  else
    asker_reply (&t->asker, &reply);
  takeover_free (t);
}

static void
fenced (struct served *l, void *opaque, const struct lease_record *record,
        int err, const char *text)
{
  struct takeover *t = opaque;
  char holder[HOLDER_SIZE];

  if (err) {
    if (l->owner)
      client_close (l->owner);
    asker_error (&t->asker, error_of_errno (err), "%s", text);
    takeover_free (t);
    return;
  }
  msg_note ("log %s: taken over from %s%s", l->name,
            served_holder (l, holder, sizeof holder),
            t->fenced ? ", which is said to be off" : "");
  lease_set (&l->lease, record, now_boot_ns ());
  replies_free (&l->replies);
  served_drop_owner (l, "log %s was taken away by `takeover'", l->name);
  answer (l, t);
}

static void
fence (struct served *l, struct takeover *t)
{
  struct lease_record record = lease_fenced (&l->lease);

  if (l->owner)
    client_block (l->owner, BLOCK_GRANT);
  lease_write (l, &record, fenced, t);
}

static void
send_release (struct served *l)
{
  struct buffer *buf = &l->server->scratch;
  static const char text[] = "somebody waits for this log";
  const struct proto_msg notice = {
    .type = PROTO_RELEASE,
    .text = {text, sizeof text - 1},
  };

  buffer_clear (buf);
  if (l->owner && proto_encode (buf, &notice) == 0)
    (void) stream_write (l->owner->stream, buf->data, buf->len);
}

/* The log was opened, so the lease is known. */
static void
takeover_begin (struct served *l, struct takeover *t, uint64_t now)
{
  t->epoch = l->lease.record.epoch;
  t->deadline = now + PATIENCE_LEASES * l->lease.record.length;
  if (!is_free (l, t) && !t->fenced)
    send_release (l);
}

static void
refuse_alive (struct served *l, struct takeover *t)
{
  char holder[HOLDER_SIZE];

  asker_error (&t->asker, PROTO_E_OWNED,
               "log %s is owned by %s, which is alive and did not give it up",
               l->name, served_holder (l, holder, sizeof holder));
  takeover_free (t);
}

/* An attach that waits gets the log, if the lease is over, without a fence
 * of its own.
 */
static bool
must_fence (const struct served *l, const struct takeover *t)
{
  return t->fenced || (l->lease.over && !l->attaches);
}

static bool
takeover_pump (struct served *l, uint64_t now)
{
  struct takeover **p = &l->takeovers, *t;

  while ((t = *p)) {
    if (t->deadline == 0)
      takeover_begin (l, t, now);
    if (t->asker.client && !is_free (l, t) && !must_fence (l, t) &&
        now < t->deadline) {
      p = &t->next;
      continue;
    }
    *p = t->next;
    if (!t->asker.client)
      takeover_free (t);
    else if (is_free (l, t))
      answer (l, t);
    else if (must_fence (l, t)) {
      fence (l, t);
      return true;
    }
    else
      refuse_alive (l, t);
  }
  return false;
}

void
takeover_request (struct client *c, const struct proto_msg *msg)
{
  struct served *l;
  struct takeover *t;

  if (!access_check (c, msg, msg->named.name))
    return;
  l = served_get (c->server, msg->named.name, false);
  t = l ? calloc (1, sizeof *t) : NULL;
  if (t) {
    asker_init (&t->asker, c, msg);
    t->fenced = msg->named.flags & PROTO_TAKEOVER_FENCED;
    t->next = l->takeovers;
    l->takeovers = t;
  }
  else
    client_error (c, msg, PROTO_E_BUSY, "out of memory, or of threads");
  if (l)
    served_pump (l);
}

const struct waiters takeover_waiters = {
  .pump = takeover_pump,
  .refuse_all = takeover_refuse_all,
};
