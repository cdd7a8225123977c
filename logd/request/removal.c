/* SPDX-License-Identifier: BSD-3-Clause */

/* Deleting a log that nobody owns.  It is opened first: so a mirror that has
 * the file open itself is found.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "asker.h"
#include "deadline.h"
#include "depot.h"
#include "dirty-log.h"
#include "log-life.h"
#include "logd-client.h"
#include "logd.h"
#include "removal.h"
#include "served-pump.h"
#include "worker.h"

struct removal {
  struct removal *next;
  struct asker asker;
};

struct remove_job {
  struct job job;
  struct served *served;
  struct removal *removal;
  struct dirty_log *log;
  struct depot *depot;
  struct seat *seat;
  char name[PROTO_MAX_NAME + 1];
  bool memory;
  int error;
};

static void
removal_free (struct removal *r)
{
  asker_end (&r->asker);
  free (r);
}

static void
removal_refuse_all (struct served *l, enum proto_error error, const char *text)
{
  struct removal *r;

  while ((r = l->removals)) {
    l->removals = r->next;
    asker_error (&r->asker, error, "%s", text);
    removal_free (r);
  }
}

static void
remove_run (struct job *job)
{
  struct remove_job *r = (struct remove_job *) job;

  dirty_log_close (r->log, NO_DEADLINE);
  if (!r->memory && r->depot->ops->remove (r->depot, r->seat, r->name) == -1)
    r->error = errno;
  job_finish (job);
}

static void
remove_done (struct job *job)
{
  struct remove_job *r = (struct remove_job *) job;
  struct served *l = r->served;
  struct proto_msg reply = {.id = 0};

  l->busy = false;
  if (r->error)
    asker_error (&r->removal->asker, error_of_errno (r->error),
                 "log %s: delete: %s", l->name, strerror (r->error));
  else {
    memset (&l->lease, 0, sizeof l->lease);
    asker_reply (&r->removal->asker, &reply);
  }
  removal_free (r->removal);
  free (r);
  served_pump (l);
}

static void
queue_remove (struct served *l, struct removal *removal)
{
  struct remove_job *r = calloc (1, sizeof *r);

  if (!r) {
    asker_error (&removal->asker, PROTO_E_BUSY, "out of memory");
    removal_free (removal);
    return;
  }
  served_drop_owner (l, "log %s was deleted", l->name);
  r->job = (struct job){.run = remove_run, .done = remove_done};
  r->served = l;
  r->removal = removal;
  r->log = l->log;
  r->depot = l->server->depot;
  r->seat = l->seat;
  memcpy (r->name, l->name, sizeof r->name);
  r->memory = l->memory;
  l->log = NULL;
  l->usable = false;
  l->busy = true;
  worker_queue (l->worker, &r->job);
}

/* Is there anything to delete? */
static bool
exists (const struct served *l)
{
  return l->usable || dirty_log_info (l->log)->found != LOG_FOUND_NEW ||
         l->lease.record.epoch > 0;
}

static bool
removal_pump (struct served *l, uint64_t now)
{
  struct removal *r;
  char holder[HOLDER_SIZE];

  (void) now; /* a tick has told the lease */
  while ((r = l->removals) && l->log) {
    l->removals = r->next;
    if (!r->asker.client)
      removal_free (r);
    else if (l->lease.record.held && !l->lease.over) {
      asker_error (&r->asker, PROTO_E_OWNED, "log %s is owned by %s", l->name,
                   served_holder (l, holder, sizeof holder));
      removal_free (r);
    }
    else if (!exists (l)) {
      asker_error (&r->asker, PROTO_E_NO_LOG, "log %s: there is none",
                   l->name);
      removal_free (r);
    }
    else {
      queue_remove (l, r);
      return l->busy;
    }
  }
  return false;
}

void
removal_request (struct client *c, const struct proto_msg *msg)
{
  struct served *l;
  struct removal *r;

  if (!access_check (c, msg, msg->named.name))
    return;
  l = served_get (c->server, msg->named.name, false);
  r = l ? calloc (1, sizeof *r) : NULL;
  if (r) {
    asker_init (&r->asker, c, msg);
    r->next = l->removals;
    l->removals = r;
  }
  else
    client_error (c, msg, PROTO_E_BUSY, "out of memory, or of threads");
  if (l)
    served_pump (l);
}

const struct waiters removal_waiters = {
  .pump = removal_pump,
  .refuse_all = removal_refuse_all,
};
