/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "attach.h"
#include "change.h"
#include "detach.h"
#include "dispatch.h"
#include "flush.h"
#include "list-logs.h"
#include "logd-client.h"
#include "ownership.h"
#include "query.h"
#include "removal.h"
#include "resize.h"
#include "takeover.h"

typedef void request_fn (struct client *c, const struct proto_msg *msg);

static request_fn *const requests[PROTO_NR_TYPES] = {
  [PROTO_ATTACH] = attach_request,
  [PROTO_RENEW] = renew_request,
  [PROTO_DETACH] = detach_request,
  [PROTO_CREATE] = create_request,
  [PROTO_GROW] = grow_request,
  [PROTO_SET_RECORD] = set_record_request,
  [PROTO_MARK_REGION] = change_request,
  [PROTO_CLEAR_REGION] = change_request,
  [PROTO_SET_REGION_SYNC] = change_request,
  [PROTO_FLUSH] = flush_request,
  [PROTO_IS_CLEAN] = query_request,
  [PROTO_IN_SYNC] = query_request,
  [PROTO_GET_RESYNC_WORK] = query_request,
  [PROTO_GET_SYNC_COUNT] = query_request,
  [PROTO_IS_REMOTE_RECOVERING] = query_request,
  [PROTO_STATUS_INFO] = list_request,
  [PROTO_DELETE] = removal_request,
  [PROTO_TAKEOVER] = takeover_request,
};

void
dispatch_request (struct client *c, const struct proto_msg *msg)
{
  request_fn *run = msg->type < PROTO_NR_TYPES ? requests[msg->type] : NULL;

  if (run)
    run (c, msg);
  else
    client_error (c, msg, PROTO_E_INVALID, "%s: not for clients",
                  proto_type_name (msg->type));
}
