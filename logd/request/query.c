/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "answer.h"
#include "dirty-log.h"
#include "logd-client.h"
#include "ownership.h"
#include "query.h"
#include "served.h"

static bool
query_fits (const struct served *l, const struct proto_msg *msg)
{
  const struct proto_query *q = &msg->query;
  uint64_t regions = dirty_log_info (l->log)->geo.nr_regions;

  switch (msg->type) {
  case PROTO_IS_CLEAN:
  case PROTO_IS_REMOTE_RECOVERING:
    return q->first < regions;
  case PROTO_IN_SYNC:
    return q->slot < LOG_MAX_LEGS && q->first <= regions &&
           q->nr <= regions - q->first;
  default:
    return true;
  }
}

static void
answer_query (struct dirty_log *log, const struct proto_msg *msg,
              struct proto_answer *answer)
{
  const struct proto_query *q = &msg->query;

  switch (msg->type) {
  case PROTO_IS_CLEAN:
    answer->value = dirty_log_is_clean (log, q->first);
    break;
  case PROTO_IN_SYNC:
    answer->value = dirty_log_in_sync (log, q->slot, q->first, q->nr);
    break;
  case PROTO_GET_RESYNC_WORK:
    answer->value = dirty_log_get_resync_work (log, q->slot, q->first, q->nr,
                                               &answer->first, &answer->nr);
    break;
  case PROTO_GET_SYNC_COUNT:
    answer->value = dirty_log_get_sync_count (log);
    break;
  default:
    /* With one owner at a time, nobody else recovers anything. */
    answer->first = dirty_log_info (log)->geo.nr_regions;
  }
}

void
query_request (struct client *c, const struct proto_msg *msg)
{
  struct proto_msg reply = {.type = msg->type, .id = msg->id};
  struct served *l = c->served;

  if (answer_again (c, msg) || !request_of_any_epoch (c, msg))
    return;
  if (!l->usable || !query_fits (l, msg)) {
    client_error (c, msg, PROTO_E_INVALID, "%s: not in this log",
                  proto_type_name (msg->type));
    return;
  }
  answer_query (l->log, msg, &reply.answer);
  answer_keep (l, &reply);
  client_reply (c, &reply);
}
