/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror-logd: the log server.  Everything that can go wrong at the start
 * does so before it becomes a daemon.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "access.h"
#include "attach.h"
#include "cleanup.h"
#include "depot.h"
#include "dispatch.h"
#include "listen.h"
#include "logd.h"
#include "msg-logd.h"
#include "msg.h"
#include "open-depot.h"
#include "options.h"
#include "ownership.h"
#include "removal.h"
#include "server.h"
#include "takeover.h"
#include "tls.h"

#define RESERVED_FDS 64u

/* --- start --- */

static int
open_tls (struct server *s)
{
  const struct options *o = s->options;
  const struct tls_options tls = {
    .server = true,
    .psk_file = o->tls_psk,
    .certificates = o->tls_certificates,
    .verify_peer = o->tls_verify_peer,
  };

  if (!o->tls_psk && !o->tls_certificates)
    return 0;
  s->tls = tls_new (&tls);
  return s->tls ? 0 : -1;
}

static int
open_access (struct server *s)
{
  if (!s->options->access)
    return 0;
  s->access = access_load (s->options->access);
  return s->access ? 0 : -1;
}

/* As many as there may be; clients leave some for logs and leases, so that
 * owners can come back when there are too many clients.
 */
static void
raise_limit (struct server *s)
{
  struct rlimit limit = {0};
  rlim_t reserve;

  s->max_fd = INT_MAX;
  if (getrlimit (RLIMIT_NOFILE, &limit) == -1)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) == -1 ||
      limit.rlim_cur > (rlim_t) INT_MAX)
    return;
  reserve =
    limit.rlim_cur / 4 < RESERVED_FDS ? limit.rlim_cur / 4 : RESERVED_FDS;
  s->max_fd = (int) (limit.rlim_cur - reserve);
}

static int
prepare (struct server *s)
{
  raise_limit (s);
  if (getrandom (s->run_id, sizeof s->run_id, 0) != sizeof s->run_id) {
    msg_error ("random numbers: %m");
    return -1;
  }
  if (open_depot (s) == -1 || open_tls (s) == -1 || open_access (s) == -1)
    return -1;
  return listen_open (s);
}

/* --- daemon --- */

static int
write_pidfile (const char *path)
{
  FILE *file;
  int r;

  if (!path)
    return 0;
  file = fopen (path, "we");
  r = file ? fprintf (file, "%ld\n", (long) getpid ()) : -1;
  if (file && fclose (file) == EOF)
    r = -1;
  if (r < 0)
    msg_error ("--pidfile=%s: %m", path);
  return r < 0 ? -1 : 0;
}

/* In the parent: the child says when all is well. */
static void
wait_for_child (int fd)
{
  char byte;
  ssize_t r;

  do
    r = read (fd, &byte, 1);
  while (r == -1 && errno == EINTR);
  _exit (r == 1 ? 0 : 1);
}

/* Returns a descriptor to write a byte to, or -1 with the error reported. */
static int
fork_daemon (void)
{
  int fds[2];
  pid_t pid;

  if (pipe2 (fds, O_CLOEXEC) == -1 || (pid = fork ()) == -1) {
    msg_error ("become a daemon: %m");
    return -1;
  }
  if (pid > 0) {
    close (fds[1]);
    wait_for_child (fds[0]);
  }
  close (fds[0]);
  return fds[1];
}

static int
leave_terminal (int parent)
{
  CLEANUP_CLOSE int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  if (null == -1 || setsid () == -1 || chdir ("/") == -1 ||
      write (parent, "", 1) != 1) {
    msg_error ("become a daemon: %m");
    return -1;
  }
  close (parent);
  msg_to_syslog ();
  for (int fd = 0; fd <= 2; ++fd)
    dup2 (null, fd);
  return 0;
}

static int
become_daemon (const struct options *o)
{
  int parent;

  if (o->foreground)
    return write_pidfile (o->pidfile);
  parent = fork_daemon ();
  if (parent == -1 || write_pidfile (o->pidfile) == -1)
    return -1;
  return leave_terminal (parent);
}

static int
serve (struct server *s)
{
  char where[512];
  int r;

  if (prepare (s) == -1 || become_daemon (s->options) == -1)
    return -1;
  sd_notify (0, "READY=1");
  msg_note ("version %s, serving the logs in %s on %s", PACKAGE_VERSION,
            s->depot->name, listen_print (s, where, sizeof where));
  r = server_run (s);
  msg_note ("ended");
  if (s->options->pidfile)
    unlink (s->options->pidfile);
  return r;
}

static void
release (struct server *s)
{
  listen_close (s);
  access_free (s->access);
  tls_free (s->tls);
  if (s->depot)
    s->depot->ops->free (s->depot);
}

static const struct waiters *const waiters[] = {
  &takeover_waiters,
  &removal_waiters,
  &attach_waiters,
  NULL,
};

int
main (int argc, char *argv[])
{
  struct server s = {
    .on_request = dispatch_request,
    .on_gone = ownership_gone,
    .waiters = waiters,
  };
  struct options o;
  int status = options_parse (&o, argc, argv);

  if (status == OPTIONS_RUN) {
    s.options = &o;
    status = serve (&s) == -1 ? 1 : 0;
    if (s.hung) /* a worker still uses all that we would free */
      _exit (1);
    release (&s);
  }
  options_free (&o);
  return status;
}
