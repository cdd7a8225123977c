/* SPDX-License-Identifier: BSD-3-Clause */

/* What comes from the client: the state of the connection, and messages
 * about it, one for each change.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "userspace-cycle.h"
#include "userspace-load.h"
#include "userspace-session.h"

/* --- servers --- */

/* Called with the lock held. */
static void
keep_servers (struct user_log *u)
{
  struct log_client_server seen;
  unsigned i;

  for (i = 0; i < LOG_MAX_SERVERS && log_client_seen (u->client, i, &seen);
       ++i) {
    struct log_server_status *server = &u->log.server[i];

    snprintf (server->name, sizeof server->name, "%s", seen.name);
    server->state = seen.state;
  }
  u->log.nr_servers = i;
}

/* --- attached --- */

static const char *
on_state (void *opaque, const struct proto_msg *msg)
{
  struct user_log *u = opaque;

  return u->opened ? NULL : user_load_state (u, msg);
}

/* The server checks this, too. */
static const char *
check_again (const struct user_log *u, const struct proto_attached *a)
{
  if (u->creating)
    return NULL;
  if (memcmp (a->uuid, u->log.info.uuid, sizeof a->uuid) != 0)
    return "the server has another log of this name now";
  if (a->flush_number < u->log.flush_number)
    return "the server's log is older than what it has acknowledged";
  return NULL;
}

/* If there is something to send again, that has to work before we say so. */
static void
connected (struct user_log *u, bool again)
{
  u->resend = again && u->ready;
  {
    CLEANUP_LOCK (&u->log.lock);
    u->log.disconnected = false;
    keep_servers (u);
  }
  if (!u->resend)
    user_tell_connected (u);
}

static const char *
on_attached (void *opaque, const struct proto_attached *a, bool again)
{
  struct user_log *u = opaque;
  const char *why;

  why = again ? check_again (u, a) : user_load_attached (u, a);
  if (why)
    return why;
  if (!again)
    log_client_remember (u->client, a->uuid, a->flush_number);
  u->opened = true;
  connected (u, again);
  return NULL;
}

static void
on_lease (void *opaque, uint64_t until)
{
  struct user_log *u = opaque;

  atomic_store (&u->log.valid_until, until);
  CLEANUP_LOCK (&u->log.lock);
  pthread_cond_broadcast (&u->leased);
}

/* --- not attached --- */

static void
on_waiting (void *opaque, const char *text)
{
  struct user_log *u = opaque;

  if (!u->waiting)
    msg_note ("log %s:%s: waiting: %s", u->log.ops->type, u->log.info.name,
              text);
  u->waiting = true;
}

static void
session_lose (struct user_log *u, const char *text)
{
  bool known = u->detach_tried; /* we gave it up */

  atomic_store (&u->log.valid_until, 0);
  if (!known)
    msg_error ("log %s:%s: lost: %s", u->log.ops->type, u->log.info.name,
               text);
  {
    CLEANUP_LOCK (&u->log.lock);
    u->lost = u->log.lost = u->log.disconnected = true;
    u->in_flight = false;
    group_give_up (&u->group, ESTALE);
    if (!known) {
      truth_note_result (&u->log, ESTALE);
      truth_keep_error (&u->log, text);
    }
    pthread_cond_broadcast (&u->leased);
  }
}

static void
on_lost (void *opaque, const char *text)
{
  session_lose (opaque, text);
}

/* A server that is down may come back; what it keeps in memory does not. */
static bool
refused_again (struct user_log *u, enum proto_error error)
{
  if (!u->in_memory || error != PROTO_E_NO_LOG)
    return true;
  session_lose (u, "the server does not have it in its memory any more");
  return false;
}

static bool
on_refused (void *opaque, enum proto_error error, const char *text)
{
  struct user_log *u = opaque;

  if (u->opened)
    return refused_again (u, error);
  if (error == PROTO_E_BUSY)
    return true;
  if (error == PROTO_E_NO_LOG && u->read_only)
    u->opened = true; /* found new */
  else {
    u->refused = true;
    msg_error ("log %s:%s: %s: %s", u->log.ops->type, u->log.info.name,
               log_client_server (u->client), text);
  }
  return false;
}

static void
on_release (void *opaque, const char *text)
{
  struct user_log *u = opaque;

  msg_debug ("log %s:%s: %s", u->log.ops->type, u->log.info.name, text);
  if (u->log.on_release)
    u->log.on_release (u->log.opaque);
}

static void
on_disconnected (void *opaque, const char *reason, bool was_attached)
{
  struct user_log *u = opaque;

  {
    CLEANUP_LOCK (&u->log.lock);
    u->log.disconnected = true;
    keep_servers (u);
    truth_keep_error (&u->log, reason);
    user_cycle_abort_locked (u);
  }
  u->detach_sent = false;
  if (!u->told)
    msg_warning ("log %s:%s: %s %s; retrying", u->log.ops->type,
                 u->log.info.name,
                 was_attached ? "lost the connection to" : "cannot reach",
                 reason);
  u->told = true;
}

/* --- the rest --- */

static void
on_reply (void *opaque, const struct proto_msg *msg)
{
  user_cycle_reply (opaque, msg);
}

static void
on_woken (void *opaque)
{
  user_step (opaque);
}

const struct log_client_callbacks user_callbacks = {
  .state = on_state,
  .attached = on_attached,
  .lease = on_lease,
  .waiting = on_waiting,
  .refused = on_refused,
  .reply = on_reply,
  .release = on_release,
  .disconnected = on_disconnected,
  .lost = on_lost,
  .woken = on_woken,
};
