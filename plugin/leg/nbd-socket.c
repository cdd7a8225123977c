/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "deadline.h"
#include "nbd-socket.h"

/* An idle connection is tried after so many seconds, and then each second. */
#define KEEPALIVE_IDLE_S 5
#define KEEPALIVE_INTERVAL_S 1
/* So often in vain, and the host is gone. */
#define MAX_TRIES 3

static bool
is_tcp (int fd)
{
  int domain;
  socklen_t len = sizeof domain;

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

static void
set_int (int fd, int level, int name, int value)
{
  setsockopt (fd, level, name, &value, sizeof value);
}

/* What was never acknowledged must not be sent again by the kernel after we
 * gave the connection up (rule S21).  The kernel's time limit also ends a
 * connection whose server reads nothing, as one may that flushes.
 */
void
nbd_socket_set_up (int fd, const struct leg_options *options)
{
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  uint64_t timeout = options->timeout_ns > options->flush_timeout_ns
                       ? options->timeout_ns
                       : options->flush_timeout_ns;

  if (!is_tcp (fd))
    return;
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  set_int (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int) (timeout / NSEC_PER_MSEC));
  set_int (fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
  set_int (fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
  set_int (fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int
nbd_socket_backlog (int fd)
{
  int bytes;

  return ioctl (fd, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

bool
nbd_socket_is_dead (int fd)
{
  struct tcp_info info = {0};
  socklen_t len = sizeof info;

  return is_tcp (fd) &&
         getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
         info.tcpi_retransmits + info.tcpi_probes >= MAX_TRIES;
}
