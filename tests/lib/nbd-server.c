/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nbd-server.h"

#define MAX_ARGS 32
#define PATIENCE_MS 5000
#define LISTEN_FD 3 /* fixed by the socket activation protocol */

static void
must (bool ok, const char *what)
{
  if (!ok) {
    perror (what);
    abort ();
  }
}

static int
listen_unix (const char *path)
{
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", path);
  unlink (path);
  must (bind (fd, (struct sockaddr *) &addr, sizeof addr) == 0, "bind");
  must (listen (fd, 32) == 0, "listen");
  return fd;
}

static int
listen_tcp (unsigned *port)
{
  struct sockaddr_in addr = {.sin_family = AF_INET};
  socklen_t len = sizeof addr;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  addr.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  must (bind (fd, (struct sockaddr *) &addr, sizeof addr) == 0, "bind");
  must (listen (fd, 32) == 0, "listen");
  must (getsockname (fd, (struct sockaddr *) &addr, &len) == 0, "getsockname");
  *port = ntohs (addr.sin_port);
  return fd;
}

static void
run_nbdkit (int fd, const void *arg)
{
  const char *const *args = arg;
  const char *argv[MAX_ARGS] = {"nbdkit", "-f"};
  size_t n = 2;
  char pid[24];

  while (*args && n < MAX_ARGS - 1)
    argv[n++] = *args++;
  if (fd != LISTEN_FD)
    dup2 (fd, LISTEN_FD);
  fcntl (LISTEN_FD, F_SETFD, 0);
  snprintf (pid, sizeof pid, "%ld", (long) getpid ());
  setenv ("LISTEN_PID", pid, 1);
  setenv ("LISTEN_FDS", "1", 1);
  unsetenv ("LD_PRELOAD");
  execvp (argv[0], (char *const *) argv);
  perror ("nbdkit");
  _exit (127);
}

/* Run it in a child, which dies with the test.  Until it has given up Check's
 * handler of SIGTERM, which would kill the test, it gets none.
 */
static void
spawn (struct nbd_server *server, int fd,
       void (*run) (int fd, const void *arg), const void *arg)
{
  sigset_t term, old;

  sigemptyset (&term);
  sigaddset (&term, SIGTERM);
  sigprocmask (SIG_BLOCK, &term, &old);
  server->pid = fork ();
  must (server->pid != -1, "fork");
  if (server->pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    signal (SIGTERM, SIG_DFL);
    sigprocmask (SIG_SETMASK, &old, NULL);
    run (fd, arg);
    _exit (0);
  }
  sigprocmask (SIG_SETMASK, &old, NULL);
  close (fd);
}

static int
listen_in_dir (struct nbd_server *server)
{
  snprintf (server->socket, sizeof server->socket, "%s/sock", server->dir);
  snprintf (server->uri, sizeof server->uri, "nbd+unix:///?socket=%s",
            server->socket);
  return listen_unix (server->socket);
}

static void
make_dir (struct nbd_server *server)
{
  *server = (struct nbd_server){.dir = "/tmp/unit-leg-XXXXXX"};
  must (mkdtemp (server->dir) != NULL, "mkdtemp");
}

void
nbd_server_start (struct nbd_server *server, bool tcp,
                  const char *const args[])
{
  unsigned port;
  int fd;

  make_dir (server);
  if (tcp) {
    fd = listen_tcp (&port);
    snprintf (server->uri, sizeof server->uri, "nbd://127.0.0.1:%u", port);
  }
  else
    fd = listen_in_dir (server);
  spawn (server, fd, run_nbdkit, args);
}

void
nbd_server_start_own (struct nbd_server *server,
                      void (*run) (int fd, const void *arg), const void *arg)
{
  make_dir (server);
  spawn (server, listen_in_dir (server), run, arg);
}

void
nbd_server_restart (struct nbd_server *server, const char *const args[])
{
  nbd_server_kill (server);
  spawn (server, listen_unix (server->socket), run_nbdkit, args);
}

void
nbd_server_kill (struct nbd_server *server)
{
  if (server->pid > 0) {
    kill (server->pid, SIGKILL);
    waitpid (server->pid, NULL, 0);
  }
  server->pid = 0;
}

void
nbd_server_freeze (struct nbd_server *server)
{
  int status;

  kill (server->pid, SIGSTOP);
  must (waitpid (server->pid, &status, WUNTRACED) == server->pid &&
          WIFSTOPPED (status),
        "SIGSTOP");
}

/* Give it the time to remove what it has in /tmp.  (Valgrind has no pidfd to
 * wait with.)
 */
static void
ask_to_end (struct nbd_server *server)
{
  kill (server->pid, SIGTERM);
  kill (server->pid, SIGCONT);
  for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
    if (waitpid (server->pid, NULL, WNOHANG) == server->pid) {
      server->pid = 0;
      return;
    }
    poll (NULL, 0, 10);
  }
}

void
nbd_server_end (struct nbd_server *server)
{
  if (server->pid > 0)
    ask_to_end (server);
  nbd_server_kill (server);
  if (server->socket[0] != '\0')
    unlink (server->socket);
  rmdir (server->dir);
}
