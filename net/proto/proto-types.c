/* SPDX-License-Identifier: BSD-3-Clause */

/* Which frame has which payload, and what types and errors are called. */

#include "config.h"

#include "proto-payload.h"
#include "proto-types.h"

static const struct {
  const char *name;
  payload_fn *request;
  payload_fn *part;  /* a reply that others follow */
  payload_fn *reply; /* the last one */
  payload_fn *notice;
} types[PROTO_NR_TYPES] = {
  [PROTO_HELLO] = {"hello", .request = payload_hello,
                   .reply = payload_hello_reply},
  [PROTO_ATTACH] = {"attach", .request = payload_attach,
                    .reply = payload_attached},
  [PROTO_RENEW] = {"renew", .request = payload_epoch_flags,
                   .reply = payload_renewed},
  [PROTO_DETACH] = {"detach", .request = payload_epoch_flags,
                    .reply = payload_nothing},
  [PROTO_CREATE] = {"create", .request = payload_create},
  [PROTO_GROW] = {"grow", .request = payload_grow},
  [PROTO_SET_RECORD] = {"set-record", .request = payload_record},
  [PROTO_MARK_REGION] = {"mark-region", .request = payload_change},
  [PROTO_CLEAR_REGION] = {"clear-region", .request = payload_change},
  [PROTO_SET_REGION_SYNC] = {"set-region-sync", .request = payload_change},
  [PROTO_FLUSH] = {"flush", .request = payload_epoch_flags,
                   .reply = payload_flushed},
  [PROTO_IS_CLEAN] = {"is-clean", .request = payload_query,
                      .reply = payload_answer},
  [PROTO_IN_SYNC] = {"in-sync", .request = payload_query,
                     .reply = payload_answer},
  [PROTO_GET_RESYNC_WORK] = {"get-resync-work", .request = payload_query,
                             .reply = payload_answer},
  [PROTO_GET_SYNC_COUNT] = {"get-sync-count", .request = payload_query,
                            .reply = payload_answer},
  [PROTO_IS_REMOTE_RECOVERING] = {"is-remote-recovering",
                                  .request = payload_query,
                                  .reply = payload_answer},
  [PROTO_STATUS_INFO] = {"status-info", .request = payload_named,
                         .part = payload_json, .reply = payload_json},
  [PROTO_DELETE] = {"delete", .request = payload_named,
                    .reply = payload_nothing},
  [PROTO_TAKEOVER] = {"takeover", .request = payload_named,
                      .reply = payload_nothing},
  [PROTO_STATE_RECORD] = {"state-record", .part = payload_record},
  [PROTO_STATE_RUNS] = {"state-runs", .part = payload_change},
  [PROTO_RELEASE] = {"release", .notice = payload_text},
};

static const char *const errors[PROTO_NR_ERRORS] = {
  [PROTO_OK] = "ok",
  [PROTO_E_INVALID] = "invalid",
  [PROTO_E_UNSUPPORTED] = "unsupported",
  [PROTO_E_DENIED] = "denied",
  [PROTO_E_OWNED] = "owned",
  [PROTO_E_WAIT] = "wait",
  [PROTO_E_STALE] = "stale",
  [PROTO_E_OTHER_LOG] = "other-log",
  [PROTO_E_NO_LOG] = "no-log",
  [PROTO_E_IO] = "io",
  [PROTO_E_NO_SPACE] = "no-space",
  [PROTO_E_BUSY] = "busy",
  [PROTO_E_ELSEWHERE] = "elsewhere",
};

bool
proto_type_known (unsigned type)
{
  return type < PROTO_NR_TYPES && types[type].name;
}

const char *
proto_type_name (unsigned type)
{
  return proto_type_known (type) ? types[type].name : "?";
}

const char *
proto_error_name (unsigned error)
{
  return error < PROTO_NR_ERRORS ? errors[error] : "?";
}

/* Only E_WAIT goes on, and only ATTACH waits.  Otherwise any type can be
 * replied to with an error, a type that is not known, too.
 */
static payload_fn *
error_payload (const struct proto_msg *msg)
{
  bool more = msg->flags & PROTO_MORE;

  if (msg->error >= PROTO_NR_ERRORS || more != (msg->error == PROTO_E_WAIT) ||
      (more && msg->type != PROTO_ATTACH))
    return NULL;
  return payload_text;
}

payload_fn *
proto_payload (const struct proto_msg *msg)
{
  bool reply = msg->flags & PROTO_REPLY;

  if (msg->flags & ~(PROTO_REPLY | PROTO_MORE))
    return NULL;
  if (reply && msg->id != 0 && msg->error)
    return error_payload (msg);
  if (msg->error || !proto_type_known (msg->type))
    return NULL;
  if (msg->id == 0)
    return msg->flags ? NULL : types[msg->type].notice;
  if (reply)
    return msg->flags & PROTO_MORE ? types[msg->type].part
                                   : types[msg->type].reply;
  return msg->flags ? NULL : types[msg->type].request;
}
