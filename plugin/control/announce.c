/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "announce.h"
#include "cleanup.h"
#include "msg.h"

static socklen_t
set_name (struct sockaddr_un *addr, int listener)
{
  struct stat st;
  int len;

  if (fstat (listener, &st) == -1)
    return 0;
  *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
  len = snprintf (addr->sun_path + 1, sizeof addr->sun_path - 1, "%s%llu",
                  ANNOUNCE_PREFIX, (unsigned long long) st.st_ino);
  return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 +
                      (size_t) len);
}

int
announce_socket (int listener)
{
  struct sockaddr_un addr;
  socklen_t len = set_name (&addr, listener);
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd != -1 && len > 0 &&
      bind (fd, (const struct sockaddr *) &addr, len) == 0)
    return fd;
  msg_debug ("the control socket can't be announced: %m");
  cleanup_close (&fd);
  return -1;
}
