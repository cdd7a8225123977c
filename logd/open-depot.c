/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "depot.h"
#include "logd.h"
#include "msg.h"
#include "open-depot.h"
#include "options.h"

#ifdef HAVE_CURL

#include "depot-etcd.h"
#include "etcd.h"

#define LOCAL "127.0.0.1:" PROTO_DEFAULT_PORT_TEXT
#define MAX_PASSWORD 256

/* The first line of a file. */
static int
read_password (const char *path, char password[MAX_PASSWORD])
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd == -1 ? -1 : read (fd, password, MAX_PASSWORD - 1);

  if (len == -1) {
    msg_error ("--etcd-password=%s: %m", path);
    return -1;
  }
  password[len] = '\0';
  password[strcspn (password, "\r\n")] = '\0';
  if (password[0])
    return 0;
  msg_error ("--etcd-password=%s: is empty", path);
  return -1;
}

static int
check_readable (const char *option, const char *path)
{
  if (!path || access (path, R_OK) == 0)
    return 0;
  msg_error ("--%s=%s: %m", option, path);
  return -1;
}

/* Where it listens for everybody says nothing of where it is. */
static const char *
guess_advertise (const struct options *o)
{
  for (unsigned i = 0; i < o->listen.nr; ++i)
    if (o->listen.item[i][0] != '*' && o->listen.item[i][0] != ':')
      return o->listen.item[i];
  if (o->listen.nr == 0)
    return o->sockets.nr > 0 ? o->sockets.item[0] : LOCAL;
  return NULL;
}

static struct depot *
open_etcd (struct server *s)
{
  static char password[MAX_PASSWORD];
  const struct options *o = s->options;
  struct etcd_options etcd = {
    .nr_members = o->store.nr_members,
    .prefix = o->store.prefix,
    .cacert = o->etcd_cacert,
    .cert = o->etcd_cert,
    .key = o->etcd_key,
    .user = o->etcd_user,
    .password = o->etcd_user ? password : NULL,
    .advertise = o->advertise ? o->advertise : guess_advertise (o),
    .run_id = s->run_id,
    .lease_s = o->etcd_lease,
  };

  for (unsigned i = 0; i < o->store.nr_members; ++i)
    etcd.member[i] = o->store.member[i];
  if (!etcd.advertise) {
    msg_error ("--advertise is missing: where mirrors find this server");
    return NULL;
  }
  if ((o->etcd_user && read_password (o->etcd_password, password) == -1) ||
      check_readable ("etcd-cacert", o->etcd_cacert) == -1 ||
      check_readable ("etcd-cert", o->etcd_cert) == -1 ||
      check_readable ("etcd-key", o->etcd_key) == -1)
    return NULL;
  return depot_etcd_open (o->store.text, &etcd);
}

#else

static struct depot *
open_etcd (struct server *s)
{
  msg_error ("--store=%s: this server was built without libcurl",
             s->options->store.text);
  return NULL;
}

#endif

int
open_depot (struct server *s)
{
  s->depot =
    s->options->dir ? depot_dir_open (s->options->dir) : open_etcd (s);
  return s->depot ? 0 : -1;
}
