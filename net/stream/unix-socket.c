/* SPDX-License-Identifier: BSD-3-Clause */

/* Unix stream sockets with a name in the file system.
 *
 * Mode.  bind creates the name with the mode of the socket's inode, less
 * the umask.  Changing the umask would race with every other thread that
 * creates a file, so the mode is set with fchmod before bind.  Nobody can
 * connect before listen in any case.
 *
 * Replacing.  A server that was killed leaves its name behind, and connect
 * says ECONNREFUSED.  It says the same between another server's bind and
 * listen, so two servers that start at once with one path could both
 * replace the other.  From the check to listen a server therefore holds a
 * name in the abstract name space that is made from the path's directory
 * and last component: the kernel gives it to one process at a time and
 * takes it back when that process dies.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "unix-socket.h"

#define BACKLOG 128
#define AWAIT_NS (50 * 1000 * 1000) /* between tries of unix_socket_await */

static int
set_address (struct sockaddr_un *addr, const char *path)
{
  size_t len = strlen (path);

  memset (addr, 0, sizeof *addr);
  addr->sun_family = AF_UNIX;
  if (len == 0 || len >= sizeof addr->sun_path) {
    msg_error ("%s: the path of a socket must have 1 to %zu bytes", path,
               sizeof addr->sun_path - 1);
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy (addr->sun_path, path, len + 1);
  return 0;
}

/* Is there a server behind the socket?  1, 0, or -1 with the error
 * reported.
 */
static int
is_live (const struct sockaddr_un *addr)
{
  CLEANUP_CLOSE int fd =
    socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd == -1) {
    msg_error ("%s: socket: %m", addr->sun_path);
    return -1;
  }
  if (connect (fd, (const struct sockaddr *) addr, sizeof *addr) == 0)
    return 1;
  switch (errno) {
  case EAGAIN:     /* its queue is full */
  case EPROTOTYPE: /* it is not a stream socket, but somebody has it open */
    return 1;
  case ECONNREFUSED:
  case ENOENT:
    return 0;
  default:
    msg_error ("%s: connect: %m", addr->sun_path);
    return -1;
  }
}

/* May the name be bound?  0: it is free; 1: after unlink; -1: no, with the
 * error reported.
 */
static int
check_name (const struct sockaddr_un *addr)
{
  struct stat st;
  int live;

  if (lstat (addr->sun_path, &st) == -1) {
    if (errno == ENOENT)
      return 0;
    msg_error ("%s: %m", addr->sun_path);
    return -1;
  }
  if (!S_ISSOCK (st.st_mode)) {
    msg_error ("%s: exists and is not a socket, not replaced", addr->sun_path);
    errno = EEXIST;
    return -1;
  }
  live = is_live (addr);
  if (live == 1) {
    msg_error ("%s is in use by a running server", addr->sun_path);
    errno = EADDRINUSE;
  }
  return live == 0 ? 1 : -1;
}

/* The directory that holds path must be there. */
static int
stat_directory (const char *path, struct stat *st, char *dir)
{
  char copy[sizeof ((struct unix_listener *) 0)->path];

  snprintf (copy, sizeof copy, "%s", path);
  strcpy (dir, dirname (copy));
  if (stat (dir, st) == -1) {
    msg_error ("%s: directory %s: %m", path, dir);
    return -1;
  }
  return 0;
}

/* Be the only one who is starting on this path (see above).  Returns a
 * descriptor to close after listen, or -1 with the error reported.
 */
static int
start_guard (const char *path)
{
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  char copy[sizeof addr.sun_path], dir[sizeof addr.sun_path];
  struct stat st;
  int fd, len;

  if (stat_directory (path, &st, dir) == -1)
    return -1;
  snprintf (copy, sizeof copy, "%s", path);
  /* A last component too long to fit is cut: at worst one server is told
   * to wait for another.
   */
  len = snprintf (addr.sun_path + 1, sizeof addr.sun_path - 1,
                  "nbdmirror-%jx-%jx-%s", (uintmax_t) st.st_dev,
                  (uintmax_t) st.st_ino, basename (copy));
  if ((size_t) len > sizeof addr.sun_path - 2)
    len = sizeof addr.sun_path - 2;

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    msg_error ("%s: socket: %m", path);
    return -1;
  }
  if (bind (fd, (struct sockaddr *) &addr,
            (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 +
                         (size_t) len)) == -1) {
    msg_error ("%s: another server is starting on this socket: %m", path);
    cleanup_close (&fd);
    return -1;
  }
  return fd;
}

/* Bind and listen; the name is free.  The descriptor, or -1 with the error
 * reported.
 */
static int
bind_name (const struct sockaddr_un *addr)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd == -1) {
    msg_error ("%s: socket: %m", addr->sun_path);
    return -1;
  }
  if (fchmod (fd, 0600) == -1 ||
      bind (fd, (const struct sockaddr *) addr, sizeof *addr) == -1) {
    msg_error ("%s: bind: %m", addr->sun_path);
    goto err;
  }
  if (listen (fd, BACKLOG) == -1) {
    msg_error ("%s: listen: %m", addr->sun_path);
    unlink (addr->sun_path);
    goto err;
  }
  return fd;

err:
  cleanup_close (&fd);
  return -1;
}

int
unix_listener_open (struct unix_listener *l, const char *path)
{
  CLEANUP_CLOSE int guard = -1;
  struct sockaddr_un addr;
  struct stat st;
  int found;

  l->fd = -1;
  if (set_address (&addr, path) == -1)
    return -1;
  guard = start_guard (path);
  if (guard == -1)
    return -1;
  found = check_name (&addr);
  if (found == -1)
    return -1;
  if (found == 1 && unlink (path) == -1 && errno != ENOENT) {
    msg_error ("%s: remove the socket of a dead server: %m", path);
    return -1;
  }
  l->fd = bind_name (&addr);
  if (l->fd == -1)
    return -1;

  memcpy (l->path, addr.sun_path, sizeof l->path);
  if (lstat (path, &st) == -1)
    memset (&st, 0, sizeof st); /* removed already: nothing to unlink */
  l->dev = st.st_dev;
  l->ino = st.st_ino;
  return 0;
}

void
unix_listener_close (struct unix_listener *l)
{
  struct stat st;

  if (l->fd == -1)
    return;
  /* While we listen nobody of ours replaces the name, so unlink first. */
  if (lstat (l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
    unlink (l->path);
  close (l->fd);
  l->fd = -1;
}

int
unix_listener_check (const char *path)
{
  struct sockaddr_un addr;
  char dir[sizeof addr.sun_path];
  struct stat st;

  if (set_address (&addr, path) == -1 ||
      stat_directory (path, &st, dir) == -1 || check_name (&addr) == -1)
    return -1;
  if (access (dir, W_OK | X_OK) == -1) {
    msg_error ("%s: directory %s: %m", path, dir);
    return -1;
  }
  return 0;
}

/* connect waits for room in the server's queue as long as a send would. */
static int
set_connect_timeout (int fd, uint64_t deadline)
{
  uint64_t now = now_ns ();
  uint64_t left = deadline > now ? deadline - now : 1;
  struct timeval tv = {
    .tv_sec = (time_t) (left / NSEC_PER_SEC),
    .tv_usec = (suseconds_t) (left % NSEC_PER_SEC / 1000 + 1),
  };

  if (tv.tv_usec >= 1000000)
    tv.tv_usec = 999999;
  return setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

static int
connect_address (int fd, const struct sockaddr_un *addr, uint64_t deadline)
{
  int r;

  do {
    if (set_connect_timeout (fd, deadline) == -1)
      return -1;
    r = connect (fd, (const struct sockaddr *) addr, sizeof *addr);
  } while (r == -1 && errno == EINTR && now_ns () < deadline);
  if (r == -1 && errno == EAGAIN)
    errno = ETIMEDOUT;
  return r;
}

int
unix_socket_connect (const char *path, uint64_t deadline)
{
  struct sockaddr_un addr;
  int fd;

  if (set_address (&addr, path) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    msg_error ("%s: socket: %m", path);
    return -1;
  }
  if (connect_address (fd, &addr, deadline) == -1) {
    msg_error ("%s: connect: %m%s", path,
               errno == ECONNREFUSED ? " (is the server running?)" : "");
    cleanup_close (&fd);
    return -1;
  }
  return fd;
}

/* 0, or the errno of the try. */
static int
try_connect (const char *path, uint64_t deadline)
{
  struct sockaddr_un addr;
  int fd, err = 0;

  if (strlen (path) >= sizeof addr.sun_path || set_address (&addr, path) == -1)
    return EINVAL;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1)
    return errno;
  if (connect_address (fd, &addr, deadline) == -1)
    err = errno;
  cleanup_close (&fd);
  return err;
}

void
unix_socket_await (const char *path, uint64_t deadline)
{
  const struct timespec pause = {.tv_nsec = AWAIT_NS};
  int err = try_connect (path, deadline);

  while ((err == ENOENT || err == ECONNREFUSED) && now_ns () < deadline) {
    nanosleep (&pause, NULL);
    err = try_connect (path, deadline);
  }
}
