/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "logd.h"
#include "stream.h"

bool
admin_allowed (struct client *c, const struct proto_msg *msg,
               struct proto_str name)
{
  const char *identity = stream_identity (c->stream);
  char log[PROTO_MAX_NAME + 1] = "";

  if (!proto_name_ok (name)) {
    client_error (c, msg, PROTO_E_INVALID, "not the name of a log");
    return false;
  }
  memcpy (log, name.s, name.len);
  if (access_allows (c->server->access, identity, log))
    return true;
  client_error (c, msg, PROTO_E_DENIED, "%s may not open log %s",
                identity[0] ? identity : "a client without an identity", log);
  return false;
}

void
admin_status_info (struct client *c, const struct proto_msg *msg)
{
  client_error (c, msg, PROTO_E_UNSUPPORTED, "not yet");
}

void
admin_delete (struct client *c, const struct proto_msg *msg)
{
  client_error (c, msg, PROTO_E_UNSUPPORTED, "not yet");
}
