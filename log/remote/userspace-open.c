/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening a log on a server: reach one, attach, take the state. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "deadline.h"
#include "msg.h"
#include "tls.h"
#include "userspace-image.h"
#include "userspace-open.h"
#include "userspace-session.h"
#include "userspace-spec.h"

#define OPEN_NS (5 * NSEC_PER_SEC)   /* to reach a server */
#define WAIT_NS (300 * NSEC_PER_SEC) /* for the end of another's lease */

void
user_free (struct user_log *u)
{
  log_client_free (u->client);
  tls_free (u->tls);
  user_maps_free (u);
  pthread_cond_destroy (&u->leased);
  group_destroy (&u->group);
  truth_destroy (&u->log);
  free (u);
}

static int
init_sync (struct user_log *u)
{
  int err = group_init (&u->group);

  if (!err)
    err = cond_init_monotonic (&u->leased);
  errno = err;
  return err ? -1 : 0;
}

/* -1 with the error reported. */
static int
open_tls (struct user_log *u, const struct log_options *options)
{
  const struct tls_options tls = {
    .psk_file = options->tls_psk,
    .certificates = options->tls_certificates,
    .username = options->tls_username,
  };

  if (!tls.psk_file && !tls.certificates)
    return 0;
  u->tls = tls_new (&tls);
  return u->tls ? 0 : -1;
}

static int
open_client (struct user_log *u)
{
  char host[LOG_HOST_SIZE];
  const struct log_client_options options = {
    .servers = u->spec.server,
    .nr_servers = u->spec.nr_servers,
    .tls = u->tls,
    .log = u->spec.log,
    .host = host,
    .attach_flags = (u->read_only ? PROTO_ATTACH_READ_ONLY : 0) |
                    (u->in_memory ? PROTO_ATTACH_MEMORY : 0),
  };

  truth_get_host (host);
  u->client = log_client_new (&options, &user_callbacks, u);
  if (u->client)
    return 0;
  msg_error ("log %s:%s: %m", u->log.ops->type, u->log.info.name);
  return -1;
}

static bool
is_open (void *arg)
{
  const struct user_log *u = arg;

  return u->opened || u->refused || u->waiting;
}

static bool
is_open_or_refused (void *arg)
{
  const struct user_log *u = arg;

  return u->opened || u->refused;
}

static int
open_attach (struct user_log *u)
{
  log_client_start (u->client);
  log_client_run_until (u->client, is_open, u, now_ns () + OPEN_NS);
  if (u->waiting)
    log_client_run_until (u->client, is_open_or_refused, u,
                          now_ns () + WAIT_NS);
  if (!u->opened && !u->refused && !u->lost)
    msg_error ("log %s:%s: no server gives it to us", u->log.ops->type,
               u->log.info.name);
  if (u->read_only)
    log_client_stop (u->client);
  return u->opened && !u->lost ? 0 : -1;
}

static struct user_log *
new_log (const struct dirty_log_ops *ops, const char *name, unsigned flags,
         bool in_memory)
{
  struct user_log *u = calloc (1, sizeof *u);

  if (!u || init_sync (u) == -1) {
    msg_error ("log %s:%s: %m", ops->type, name);
    free (u);
    return NULL;
  }
  if (truth_init (&u->log, ops, name) == -1) {
    free (u);
    return NULL;
  }
  u->read_only = flags & LOG_READ_ONLY;
  u->log.info.leased = true;
  u->in_memory = in_memory;
  if (!u->read_only)
    atomic_store (&u->log.valid_until, 0);
  return u;
}

struct dirty_log *
user_open_type (const struct dirty_log_ops *ops, const char *name,
                const struct log_options *options, bool in_memory)
{
  struct user_spec spec;
  struct user_log *u;

  if (user_spec_parse (&spec, ops->type, name) == -1)
    return NULL;
  u = new_log (ops, name, options->flags, in_memory);
  if (!u)
    return NULL;
  u->spec = spec;
  if (open_tls (u, options) == -1 || open_client (u) == -1 ||
      open_attach (u) == -1) {
    user_free (u);
    return NULL;
  }
  return &u->log;
}
