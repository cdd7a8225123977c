/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "asker.h"
#include "cleanup.h"
#include "deadline.h"
#include "detach.h"
#include "dirty-log.h"
#include "lease-write.h"
#include "log-life.h"
#include "logd-client.h"
#include "msg.h"
#include "ownership.h"
#include "served-open.h"
#include "served.h"

/* The owner gives the log up. */
struct detach {
  struct asker asker;
  char text[TEXT_SIZE]; /* what went wrong when the log was closed */
};

static void
detached (struct served *l, void *opaque, const struct lease_record *record,
          int err, const char *text)
{
  struct proto_msg reply = {.id = 0};
  struct detach *d = opaque;
  struct client *c = l->owner;
  char holder[HOLDER_SIZE];

  msg_note ("log %s: detached: %s", l->name,
            served_holder (l, holder, sizeof holder));
  lease_set (&l->lease, record, now_boot_ns ());
  replies_free (&l->replies);
  served_drop_owner (l, "log %s: was detached", l->name);
  if (c)
    client_unblock (c, BLOCK_JOB);
  if (err || d->text[0])
    asker_error (&d->asker, error_of_errno (err), "%s",
                 d->text[0] ? d->text : text);
  else
    asker_reply (&d->asker, &reply);
  free (d);
}

static void
write_detached (struct served *l, struct detach *d)
{
  struct lease_record record = lease_released (&l->lease);

  lease_write (l, &record, detached, d);
}

static void
closed (struct served *l, void *opaque, const char *text)
{
  struct detach *d = opaque;

  strcpy (d->text, text);
  write_detached (l, d);
}

/* Whether it will be found unclean, if it stays as it is. */
static bool
leave (struct dirty_log *log, bool clean)
{
  dirty_log_stay_unclean (log, !clean);
  return !clean || dirty_log_count (log, LOG_MAP_MARKED) > 0;
}

static void
detach (struct client *c, const struct proto_msg *msg)
{
  struct served *l = c->served;
  struct detach *d = calloc (1, sizeof *d);

  if (d)
    l->found_unclean = leave (l->log, msg->flush.flags & PROTO_DETACH_CLEAN);
  if (d && !l->memory && served_close (l, closed, d) == -1) {
    free (d);
    d = NULL;
  }
  if (!d) {
    client_error (c, msg, PROTO_E_BUSY, "out of memory");
    return;
  }
  asker_init (&d->asker, c, msg);
  client_block (c, BLOCK_JOB);
  if (l->memory)
    write_detached (l, d);
}

void
detach_request (struct client *c, const struct proto_msg *msg)
{
  if (request_of_owner (c, msg, msg->flush.epoch))
    detach (c, msg);
}
