/* SPDX-License-Identifier: BSD-3-Clause */

/* A big log on a real server, over a line so slow that sending it all again
 * takes longer than the lease.
 */

#include "config.h"

#undef NDEBUG
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "deadline.h"
#include "dirty-log.h"
#include "log-life.h"
#include "logd-peer.h"
#include "suite.h"
#include "unit-wait.h"

#define NR_REGIONS (UINT64_C (1) << 20)
#define REGION LOG_MIN_REGION_SIZE
#define PAUSE_US 20000 /* for each 64 KiB to the server */

static struct logd server;
static char line[100];
static atomic_uint connections;

static void
name_of (struct sockaddr_un *name, const char *path)
{
  memset (name, 0, sizeof *name);
  name->sun_family = AF_UNIX;
  snprintf (name->sun_path, sizeof name->sun_path, "%s", path);
}

static int
connect_to_server (void)
{
  struct sockaddr_un name;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  name_of (&name, server.socket);
  if (connect (fd, (struct sockaddr *) &name, sizeof name) == 0)
    return fd;
  close (fd);
  return -1;
}

/* Pass on what there is; false at the end. */
static bool
pass (int from, int to)
{
  static char buf[65536];
  ssize_t n = read (from, buf, sizeof buf);

  return n > 0 && write (to, buf, (size_t) n) == n;
}

static void
relay (int client)
{
  struct pollfd fd[2] = {{.fd = client, .events = POLLIN},
                         {.fd = connect_to_server (), .events = POLLIN}};
  bool go_on = fd[1].fd >= 0;

  while (go_on && poll (fd, 2, -1) > 0) {
    if (fd[1].revents)
      go_on = pass (fd[1].fd, client);
    if (go_on && fd[0].revents) {
      go_on = pass (client, fd[1].fd);
      usleep (PAUSE_US);
    }
  }
  close (client);
  if (fd[1].fd >= 0)
    close (fd[1].fd);
}

/* One connection at a time. */
static void *
line_thread (void *arg)
{
  int listener = (int) (intptr_t) arg, fd;

  while ((fd = accept (listener, NULL, NULL)) >= 0) {
    connections++;
    relay (fd);
  }
  return NULL;
}

static void
start_line (void)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un name;
  pthread_t thread;

  snprintf (line, sizeof line, "%s", logd_file (&server, "line"));
  name_of (&name, line);
  ck_assert_int_eq (bind (fd, (struct sockaddr *) &name, sizeof name), 0);
  ck_assert_int_eq (listen (fd, 1), 0);
  pthread_create (&thread, NULL, line_thread, (void *) (intptr_t) fd);
}

static struct dirty_log *
new_log (void)
{
  const struct log_geometry geo = {NR_REGIONS * REGION, REGION, NR_REGIONS};
  struct dirty_log *log;
  char spec[128];

  snprintf (spec, sizeof spec, "userspace:%s/big", line);
  log = dirty_log_open (spec, 0);
  ck_assert_ptr_nonnull (log);
  ck_assert_int_eq (dirty_log_create (log, &geo, 1), 0);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  ck_assert_int_eq (dirty_log_start (log), 0);
  return log;
}

TEST (slow_line_is_no_silence)
{
  struct dirty_log *log;
  unsigned before;

  signal (SIGPIPE, SIG_IGN);
  logd_start (&server, NULL, NULL);
  start_line ();
  log = new_log ();
  for (uint64_t region = 0; region < NR_REGIONS; region += 2)
    dirty_log_mark (log, region);
  ck_assert_int_eq (dirty_log_flush (log, now_ns () + 50 * NSEC_PER_SEC), 0);
  logd_kill (&server);
  logd_again (&server, NULL);
  before = connections; /* those while it was away do not count */
  dirty_log_mark (log, 1);
  ck_assert_int_eq (dirty_log_flush (log, now_ns () + 50 * NSEC_PER_SEC), 0);
  ck_assert_uint_le (connections, before + 3);
  dirty_log_close (log, now_ns () + 5 * NSEC_PER_SEC);
  logd_clean (&server);
}

static struct suite_group tests = {
  .timeout = 120,
};

int
main (void)
{
  return suite_main ("resend");
}
