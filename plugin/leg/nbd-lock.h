/* SPDX-License-Identifier: BSD-3-Clause */

/* One user of an export, as far as this host can see (rule S19).
 *
 * For each place of the export (nbd-places.h) the owner has a listening Unix
 * socket in the abstract namespace, named after a hash of the place.  So
 * nothing is left behind when the owner dies, the lock survives a fork, and
 * the kernel says who the owner is, also to another user.  It is seen by all
 * processes of the same network namespace, and by no others.
 *
 * Not thread-safe: for who opens and closes the leg.
 */

#ifndef NBDMIRROR_NBD_LOCK_H
#define NBDMIRROR_NBD_LOCK_H

#include "leg.h"
#include "nbd-identity.h"

struct nbd_lock_held;

/* Zeroes: nothing is locked. */
struct nbd_lock {
  struct nbd_lock_held *first;
};

/* Own the export, in all its places.  -1 with the error reported as the leg's
 * and errno set, EBUSY if one has another owner; the caller releases what was
 * locked.  Blocks as nbd_places_find does.
 */
int nbd_lock_take (struct nbd_lock *lock, struct leg *leg,
                   const struct nbd_identity *who);

/* The same for the place that a connection led to; nothing if the leg is not
 * locked at all.
 */
int nbd_lock_take_peer (struct nbd_lock *lock, struct leg *leg,
                        const struct nbd_identity *who, int fd);

/* The calling process, which a fork has made, is the one that others are
 * told.
 */
void nbd_lock_renew (struct nbd_lock *lock);

void nbd_lock_release (struct nbd_lock *lock);

#endif /* NBDMIRROR_NBD_LOCK_H */
