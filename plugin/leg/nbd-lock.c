/* SPDX-License-Identifier: BSD-3-Clause */

/* Nobody accepts connections.  Who asks leaves one in the queue, so after a
 * few thousand questions there is no answer any more; the lock holds all the
 * same.
 */

#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uuid.h>

#include "cleanup.h"
#include "nbd-lock.h"
#include "nbd-places.h"

struct nbd_lock_held {
  struct nbd_lock_held *next;
  int fd;
  char place[];
};

/* Of all versions: who changes it does not see the locks of others. */
#define NAME_PREFIX "nbdmirror-leg-"

static socklen_t
lock_name (struct sockaddr_un *name, const char *place)
{
  static const uuid_t namespace = {0x1a, 0x86, 0x0d, 0x5b, 0x7e, 0x92,
                                   0x4c, 0x3f, 0xa7, 0x60, 0xe4, 0x19,
                                   0x5c, 0x2f, 0x83, 0xd1};
  char text[UUID_STR_LEN];
  uuid_t hash;
  int len;

  uuid_generate_sha1 (hash, namespace, place, strlen (place));
  uuid_unparse_lower (hash, text);
  memset (name, 0, sizeof *name);
  name->sun_family = AF_UNIX;
  len = snprintf (name->sun_path + 1, sizeof name->sun_path - 1, "%s%s",
                  NAME_PREFIX, text);
  return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 +
                      (size_t) len);
}

/* 0: the kernel does not say. */
static pid_t
lock_owner (const struct sockaddr_un *name, socklen_t len)
{
  CLEANUP_CLOSE int fd =
    socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct ucred owner;
  socklen_t size = sizeof owner;

  if (fd == -1 || connect (fd, (const struct sockaddr *) name, len) == -1 ||
      getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &owner, &size) == -1)
    return 0;
  return owner.pid;
}

static int
refuse_owned (struct leg *leg, const struct sockaddr_un *name, socklen_t len)
{
  pid_t pid = lock_owner (name, len);

  if (pid == getpid ())
    leg_report (leg, "in use by another leg");
  else if (pid > 0)
    leg_report (leg, "in use by process %ld", (long) pid);
  else
    leg_report (leg, "in use by another process");
  errno = EBUSY;
  return -1;
}

/* The fd of the socket, or -1 with the error reported. */
static int
own_place (struct leg *leg, const char *place)
{
  CLEANUP_CLOSE int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un name;
  socklen_t len = lock_name (&name, place);
  int r;

  if (fd == -1 || bind (fd, (struct sockaddr *) &name, len) == -1 ||
      listen (fd, SOMAXCONN) == -1) {
    if (errno == EADDRINUSE)
      return refuse_owned (leg, &name, len);
    leg_report (leg, "lock: %m");
    return -1;
  }
  r = fd;
  fd = -1;
  return r;
}

static bool
has_place (const struct nbd_lock *lock, const char *place)
{
  for (const struct nbd_lock_held *h = lock->first; h; h = h->next)
    if (strcmp (h->place, place) == 0)
      return true;
  return false;
}

static int
take_place (struct nbd_lock *lock, struct leg *leg, const char *place)
{
  size_t size = strlen (place) + 1;
  struct nbd_lock_held *held;

  if (has_place (lock, place))
    return 0;
  held = malloc (sizeof *held + size);
  if (!held) {
    leg_report (leg, "lock: %m");
    return -1;
  }
  held->fd = own_place (leg, place);
  if (held->fd == -1) {
    int err = errno;

    free (held);
    errno = err;
    return -1;
  }
  memcpy (held->place, place, size);
  held->next = lock->first;
  lock->first = held;
  return 0;
}

/* In the order that all keep, so that of two that begin at once one wins. */
static int
take_places (struct nbd_lock *lock, struct leg *leg,
             const struct nbd_places *places)
{
  for (size_t i = 0; i < places->nr; ++i)
    if (take_place (lock, leg, places->text[i]) == -1)
      return -1;
  return 0;
}

int
nbd_lock_take (struct nbd_lock *lock, struct leg *leg,
               const struct nbd_identity *who)
{
  struct nbd_places places;
  int r, err;

  if (nbd_places_find (&places, who) == -1) {
    leg_report (leg, "lock: %m");
    return -1;
  }
  r = take_places (lock, leg, &places);
  err = errno;
  nbd_places_free (&places);
  errno = err;
  return r;
}

int
nbd_lock_take_peer (struct nbd_lock *lock, struct leg *leg,
                    const struct nbd_identity *who, int fd)
{
  CLEANUP_FREE char *place = NULL;

  if (!lock->first)
    return 0;
  place = nbd_place_of_peer (who, fd);
  if (place)
    return take_place (lock, leg, place);
  if (errno == 0)
    return 0;
  leg_report (leg, "lock: %m");
  return -1;
}

void
nbd_lock_renew (struct nbd_lock *lock)
{
  for (const struct nbd_lock_held *h = lock->first; h; h = h->next)
    listen (h->fd, SOMAXCONN);
}

void
nbd_lock_release (struct nbd_lock *lock)
{
  while (lock->first) {
    struct nbd_lock_held *held = lock->first;

    lock->first = held->next;
    close (held->fd);
    free (held);
  }
}
