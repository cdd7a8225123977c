/* SPDX-License-Identifier: BSD-3-Clause */

/* Who gets a log.  Requests wait in the order they came; lease.h says who
 * may have it.  A grant is told only after the record of it is durable:
 *
 *   1. the session's earlier connection is closed, what it sent and nobody
 *      read is dropped; the connection that gets the log, and that of another
 *      owner, are not read any more;
 *   2. the lease file is written by the log's worker, behind the flushes
 *      that the old owner asked for;
 *   3. the log changes hands: from now on the old epoch is refused;
 *   4. the state goes out, and then the reply.
 *
 * If 2 fails nobody was told anything, but what a restarted server will
 * find is not known.  So the old owner's connection is closed, too: it has
 * to attach again, and that writes the file anew.
 */

#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "attach-queue.h"
#include "attach.h"
#include "cleanup.h"
#include "deadline.h"
#include "dirty-log.h"
#include "lease-write.h"
#include "logd-client.h"
#include "logd.h"
#include "msg.h"
#include "options.h"
#include "reader.h"
#include "served-pump.h"
#include "state-feed.h"

/* --- grant --- */

static void
clear_resync_work (struct served *l)
{
  dirty_log_put_resync_work (l->log, 0,
                             dirty_log_info (l->log)->geo.nr_regions);
}

static void
new_epoch (struct served *l)
{
  l->previous = l->lease.record.holder;
  l->unclean = l->found_unclean;
  served_end_growth (l);
  replies_free (&l->replies);
}

static void
send_attached (struct served *l, struct client *c, const struct attach *a)
{
  struct proto_msg reply = {.type = PROTO_ATTACH, .id = a->asker.id};
  struct proto_attached *attached = &reply.attached;

  if (!served_may_promise (l)) {
    client_close (c);
    return;
  }
  state_describe (l, false, attached);
  attached->epoch = l->lease.record.epoch;
  attached->lease_ms = (uint32_t) (l->lease.record.length / NSEC_PER_MSEC);
  if (a->flags & PROTO_ATTACH_AGAIN)
    client_reply (c, &reply);
  else
    state_send (c, l, false, a->asker.id, attached);
}

static void
install (struct served *l, struct attach *a)
{
  struct client *c = a->asker.client;

  clear_resync_work (l);
  if (!c || l->server->ending)
    return;
  l->owner = c;
  c->served = l;
  c->refused = false;
  c->stale[0] = '\0';
  send_attached (l, c, a);
}

static void
report_granted (const struct served *l, const struct lease_record *record)
{
  const struct lease_record *before = &l->lease.record;
  const struct lease_holder *to = &record->holder;
  char holder[HOLDER_SIZE];

  if (record->epoch == before->epoch)
    msg_note ("log %s: connected again: %s (pid %" PRIu32 ", %s)", l->name,
              to->host, to->pid, to->address);
  else if (before->held)
    msg_note ("log %s: attached: %s (pid %" PRIu32 ", %s), since the lease of "
              "%s is over",
              l->name, to->host, to->pid, to->address,
              served_holder (l, holder, sizeof holder));
  else
    msg_note ("log %s: attached: %s (pid %" PRIu32 ", %s)", l->name, to->host,
              to->pid, to->address);
}

static void
granted (struct served *l, void *opaque, const struct lease_record *record,
         int err, const char *text)
{
  struct attach *a = opaque;
  char holder[HOLDER_SIZE];

  if (a->asker.client)
    client_unblock (a->asker.client, BLOCK_GRANT);
  if (err) {
    if (l->owner && l->owner != a->asker.client)
      client_close (l->owner);
    attach_refuse (a, error_of_errno (err), "%s", text);
    return;
  }
  report_granted (l, record);
  if (record->epoch != l->lease.record.epoch)
    new_epoch (l);
  l->found_unclean = true; /* until it is closed or detached */
  lease_set (&l->lease, record, now_boot_ns ());
  served_drop_owner (l, "log %s is owned by %s now", l->name,
                     served_holder (l, holder, sizeof holder));
  install (l, a);
  attach_free (a);
}

static void
grant (struct served *l, struct attach *a)
{
  struct lease_record record =
    lease_granted (&l->lease, &a->holder, l->server->options->lease_ns);

  if (l->owner && l->owner != a->asker.client) {
    if (attach_is_holder (l, a))
      client_close (l->owner);
    else
      client_block (l->owner, BLOCK_GRANT);
  }
  client_block (a->asker.client, BLOCK_GRANT);
  lease_write (l, &record, granted, a);
}

/* --- who may --- */

/* What the session had, and nothing of it is lost. */
static bool
same_log (const struct served *l, const struct attach *a)
{
  return !(a->flags & PROTO_ATTACH_AGAIN) ||
         (memcmp (l->uuid, a->uuid, sizeof l->uuid) == 0 &&
          dirty_log_flush_number (l->log) >= a->flush_number);
}

static void
tell_wait (struct served *l, struct attach *a)
{
  uint64_t left = lease_left (&l->lease, now_boot_ns ());
  char holder[HOLDER_SIZE];

  if (a->told)
    return;
  a->told = true;
  asker_error (&a->asker, PROTO_E_WAIT,
               "log %s is owned by %s, which is silent: its lease ends in "
               "%.1f seconds",
               l->name, served_holder (l, holder, sizeof holder),
               (double) left / NSEC_PER_SEC);
}

static enum lease_answer
ask (struct served *l, const struct attach *a)
{
  enum lease_answer answer =
    lease_ask (&l->lease, a->holder.session,
               a->flags & PROTO_ATTACH_AGAIN ? a->epoch : 0);

  return answer == LEASE_AGAIN && !same_log (l, a) ? LEASE_OTHER : answer;
}

/* True: it is being granted. */
static bool
decide (struct served *l, struct attach *a, enum lease_answer answer)
{
  char holder[HOLDER_SIZE];

  switch (answer) {
  case LEASE_AGAIN:
    attach_owner_lives (l);
    grant (l, a);
    return true;
  case LEASE_GRANT:
    grant (l, a);
    return true;
  case LEASE_STALE:
    attach_refuse (a, PROTO_E_STALE,
                   "log %s: this epoch is over, the last owner is %s", l->name,
                   served_holder (l, holder, sizeof holder));
    return false;
  case LEASE_OTHER:
    attach_refuse (a, PROTO_E_OTHER_LOG,
                   l->memory
                     ? "log %s: no longer in the memory of the server"
                     : "log %s: not the log that this session had, or an "
                       "older copy",
                   l->name);
    return false;
  case LEASE_WAIT:
    break;
  }
  abort ();
}

static bool
attach_pump (struct served *l, uint64_t now)
{
  struct attach **p = &l->attaches, *a;
  enum lease_answer answer;

  (void) now; /* a tick has told the lease */
  while ((a = *p)) {
    answer = a->asker.client ? ask (l, a) : LEASE_WAIT;
    if (answer == LEASE_WAIT && a->asker.client) {
      p = &a->next;
      tell_wait (l, a);
      continue;
    }
    *p = a->next;
    if (!a->asker.client)
      attach_free (a);
    else if (decide (l, a, answer))
      return true;
  }
  return false;
}

/* --- requests --- */

static bool
may_attach (struct client *c, const struct proto_msg *msg)
{
  const struct proto_attach *request = &msg->attach;
  const struct served *l = served_find (c->server, request->name);
  bool memory = request->flags & PROTO_ATTACH_MEMORY;

  if (!access_check (c, msg, request->name))
    return false;
  if (c->attaching || (c->served && c->served != l))
    client_error (c, msg, PROTO_E_INVALID,
                  "this connection has a log already, or waits for one");
  else if (l && l->memory != memory)
    client_error (c, msg, PROTO_E_INVALID, "log %s is %s", l->name,
                  l->memory ? "in memory" : "on disk");
  else if (l && !served_may_promise (l))
    client_error (c, msg, PROTO_E_BUSY,
                  "log %s: etcd does not say whether it is still this "
                  "server's",
                  l->name);
  else if (request->flags & PROTO_ATTACH_AGAIN && request->epoch == 0)
    client_error (c, msg, PROTO_E_INVALID, "no session has epoch 0");
  else
    return true;
  return false;
}

void
attach_request (struct client *c, const struct proto_msg *msg)
{
  bool memory = msg->attach.flags & PROTO_ATTACH_MEMORY;
  struct served *l;
  struct attach *a;

  if (!may_attach (c, msg))
    return;
  if (msg->attach.flags & PROTO_ATTACH_READ_ONLY) {
    reader_request (c, msg);
    return;
  }
  l = served_get (c->server, msg->attach.name, memory);
  a = l ? attach_new (c, msg) : NULL;
  if (a) {
    attach_enqueue (l, a);
    served_pump (l);
    return;
  }
  client_error (c, msg, PROTO_E_BUSY, "out of memory, or of threads");
  if (l)
    served_pump (l);
}

const struct waiters attach_waiters = {
  .pump = attach_pump,
  .refuse_all = attach_refuse_all,
};
