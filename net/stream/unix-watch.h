/* SPDX-License-Identifier: BSD-3-Clause */

/* The name of a socket on which a server listens may be removed while it runs,
 * by who cleans up, or with its directory.  Then nobody finds the server, and
 * nothing tells it.  A free name is taken again, and so is that of a server that
 * is dead; what else is under the name is not touched, and said once.
 */

#ifndef NBDMIRROR_UNIX_WATCH_H
#define NBDMIRROR_UNIX_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "unix-socket.h"

/* What was seen in the place of the socket; all zero: the socket. */
struct unix_sight {
  bool wrong;
  dev_t
    dev; /* of what has the name, or, if it is free, of the directory; 0: ... */
  ino_t ino; /* ... there is none */
};

/* All zero at the beginning. */
struct unix_watch {
  struct unix_sight seen;  /* at the last look */
  struct unix_sight tried; /* what a new socket was tried for last */
  uint64_t retry;          /* ... not again before this time */
};

/* Look, about once a second.  True: *fresh listens under the name now, and the
 * caller closes l.  Does not block but for the file system.
 */
bool unix_watch_look (struct unix_watch *w, const struct unix_listener *l,
                      struct unix_listener *fresh);

#endif /* NBDMIRROR_UNIX_WATCH_H */
