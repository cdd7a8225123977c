/* SPDX-License-Identifier: BSD-3-Clause */

/* A client that only reads gets the state of a log that is open; one that is
 * not is opened read-only, for this reader alone.
 */

#include "config.h"

#include <stdlib.h>

#include "asker.h"
#include "dirty-log.h"
#include "log-life.h"
#include "logd-client.h"
#include "logd.h"
#include "reader.h"
#include "served-open.h"
#include "served.h"
#include "state-feed.h"

struct reader {
  struct asker asker;
};

static void
send_state (struct client *c, struct served *l, uint64_t id)
{
  struct proto_attached attached = {.epoch = 0};

  state_describe (l, true, &attached);
  state_send (c, l, true, id, &attached);
}

static void
opened (struct served *l, void *opaque, enum proto_error error,
        const char *text)
{
  struct reader *r = opaque;
  struct client *c = r->asker.client;

  if (c)
    c->attaching = false;
  served_later (l);
  if (l->server->ending)
    asker_error (&r->asker, PROTO_E_BUSY, "the server ends");
  else if (!l->log)
    asker_error (&r->asker, error, "%s", text);
  else {
    asker_end (&r->asker);
    if (c)
      send_state (c, l, r->asker.id);
  }
  free (r);
}

static void
open_private (struct client *c, const struct proto_msg *msg)
{
  struct served *l = served_private (c->server, msg->attach.name);
  struct reader *r = l ? calloc (1, sizeof *r) : NULL;

  if (r) {
    asker_init (&r->asker, c, msg);
    c->attaching = true;
    served_open (l, LOG_READ_ONLY, opened, r);
    return;
  }
  client_error (c, msg, PROTO_E_BUSY, "out of memory, or of threads");
  if (l)
    served_free (l);
}

void
reader_request (struct client *c, const struct proto_msg *msg)
{
  struct served *l = served_find (c->server, msg->attach.name);

  if (l && l->log && !l->busy)
    send_state (c, l, msg->id);
  else if (msg->attach.flags & PROTO_ATTACH_MEMORY)
    client_error (c, msg, l ? PROTO_E_BUSY : PROTO_E_NO_LOG,
                  "log %.*s: there is none in memory",
                  (int) msg->attach.name.len, msg->attach.name.s);
  else
    open_private (c, msg);
}
