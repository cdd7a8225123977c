/* SPDX-License-Identifier: BSD-3-Clause */

/* Cycles of group commit, and the end of it all.  When the log is closed
 * there is one last commit, then DETACH.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "msg.h"
#include "userspace-cycle.h"
#include "userspace-send.h"

/* --- the outcome --- */

static int
errno_of (enum proto_error error)
{
  switch (error) {
  case PROTO_OK:
    return 0;
  case PROTO_E_IO:
    return EIO;
  case PROTO_E_NO_SPACE:
    return ENOSPC;
  case PROTO_E_DENIED:
    return EACCES;
  case PROTO_E_BUSY:
    return EBUSY;
  default:
    return EPROTO;
  }
}

static void
print_error (char *buf, size_t size, const struct proto_msg *msg)
{
  if (msg->text.len > 0)
    snprintf (buf, size, "%.*s", (int) msg->text.len, msg->text.s);
  else
    snprintf (buf, size, "%s", proto_error_name (msg->error));
}

void
user_tell_connected (struct user_log *u)
{
  if (u->told)
    msg_note ("log %s:%s: connected again, to %s", u->log.ops->type,
              u->log.info.name, log_client_server (u->client));
  u->told = false;
}

static void
end_locked (struct user_log *u, int err)
{
  bool commit = u->commit;

  u->in_flight = false;
  if (u->last) {
    u->last = false;
    u->last_done = true;
    u->last_ok = err == 0;
  }
  u->log.counters.flushes++;
  if (err == 0)
    user_cycle_durable_locked (u, commit);
  group_end (&u->group, commit, err);
  truth_count_cycles (&u->log, &u->group);
}

static void
cycle_done (struct user_log *u, uint64_t flush_number)
{
  bool report;

  {
    CLEANUP_LOCK (&u->log.lock);
    u->log.flush_number = flush_number;
    end_locked (u, 0);
    report = truth_note_result (&u->log, 0);
  }
  log_client_remember (u->client, u->log.info.uuid, flush_number);
  user_tell_connected (u);
  if (report)
    truth_report_result (&u->log, 0);
}

static void
cycle_failed (struct user_log *u, const struct proto_msg *msg)
{
  int err = errno_of ((enum proto_error) msg->error);
  char text[sizeof u->log.last_error];
  bool report;

  print_error (text, sizeof text, msg);
  {
    CLEANUP_LOCK (&u->log.lock);
    end_locked (u, err);
    report = truth_note_result (&u->log, err);
    truth_keep_error (&u->log, text);
  }
  if (report)
    msg_error ("log %s:%s: %s: %s", u->log.ops->type, u->log.info.name,
               proto_type_name (msg->type), text);
}

static void
first_flush_done (struct user_log *u)
{
  CLEANUP_LOCK (&u->log.lock);

  group_flushed (&u->group);
}

/* What the server has now is anyone's guess. */
static void
change_refused (struct user_log *u, const struct proto_msg *msg)
{
  if (u->in_flight)
    cycle_failed (u, msg);
  log_client_drop (u->client, "it refused a change");
}

/* An error means that the server could not close the log as it should. */
static void
detached (struct user_log *u, const struct proto_msg *msg)
{
  char text[sizeof u->log.last_error];

  u->detached = true;
  if (msg->error) {
    print_error (text, sizeof text, msg);
    msg_error ("log %s:%s: close: %s", u->log.ops->type, u->log.info.name,
               text);
  }
  log_client_stop (u->client);
}

void
user_cycle_reply (struct user_log *u, const struct proto_msg *msg)
{
  if (msg->type == PROTO_DETACH)
    detached (u, msg);
  else if (msg->type != PROTO_FLUSH)
    change_refused (u, msg);
  else if (u->in_flight && msg->id == u->flush_id) {
    if (!msg->error)
      first_flush_done (u);
  }
  else if (u->in_flight && msg->id == u->end_id) {
    if (msg->error)
      cycle_failed (u, msg);
    else
      cycle_done (u, msg->flushed.flush_number);
    user_step (u);
  }
}

void
user_cycle_abort_locked (struct user_log *u)
{
  if (!u->in_flight)
    return;
  u->in_flight = false;
  group_abort (&u->group, u->commit && !u->last);
  u->last = false;
}

/* --- the next one --- */

/* Called with log->lock held; gives it up. */
static void
begin_cycle (struct user_log *u, bool last)
{
  int r;

  group_begin (&u->group, &u->commit);
  u->commit |= last;
  u->last = last;
  u->in_flight = true;
  r = user_send_cycle (u, u->commit);
  pthread_mutex_unlock (&u->log.lock);
  if (r == -1 || log_client_send (u->client) == -1)
    log_client_drop (u->client, strerror (errno));
}

/* An untouched log is left as it was found. */
static bool
is_clean_locked (const struct user_log *u)
{
  if (u->touched)
    return u->last_ok && !u->log.stay_unclean && u->log.marked.count == 0;
  return u->log.info.found == LOG_FOUND_OURS && !u->log.info.unclean;
}

/* As begin_cycle. */
static void
say_goodbye (struct user_log *u)
{
  uint32_t flags = is_clean_locked (u) ? PROTO_DETACH_CLEAN : 0;

  u->detach_sent = u->detach_tried = true;
  pthread_mutex_unlock (&u->log.lock);
  if (log_client_detach (u->client, flags) == 0 ||
      log_client_send (u->client) == -1)
    log_client_drop (u->client, strerror (errno));
}

/* As begin_cycle. */
static void
wait_for_callers (struct user_log *u, uint64_t until)
{
  pthread_mutex_unlock (&u->log.lock);
  log_client_wake_at (u->client, until);
}

static void
next_locked (struct user_log *u)
{
  uint64_t until = u->resend || u->moved ? 0 : group_hold (&u->group);

  if (!u->moved && (u->resend || group_wanted (&u->group))) {
    if (until > 0 && !u->closing)
      wait_for_callers (u, until);
    else
      begin_cycle (u, false);
  }
  else if (u->closing && u->touched && !u->last_done && !u->moved)
    begin_cycle (u, true);
  else if (u->closing && !u->detach_sent)
    say_goodbye (u);
  else
    pthread_mutex_unlock (&u->log.lock);
}

void
user_step (struct user_log *u)
{
  bool stop;

  pthread_mutex_lock (&u->log.lock);
  stop = u->stop;
  if (!stop && log_client_state (u->client) == CLIENT_ATTACHED &&
      !u->in_flight) {
    next_locked (u);
    return;
  }
  pthread_mutex_unlock (&u->log.lock);
  if (stop)
    log_client_stop (u->client);
}
