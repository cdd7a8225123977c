/* SPDX-License-Identifier: BSD-3-Clause */

/* Making a mirror, when it is known who is what. */

#ifndef NBDMIRROR_MIRROR_NEW_H
#define NBDMIRROR_MIRROR_NEW_H

#include "dirty-log.h"
#include "leg.h"
#include "member-state.h"
#include "mirror.h"

struct member;
struct sums;

/* What takes a slot of a new mirror. */
struct mirror_leg {
  const char *name; /* "" if it was never named; NULL: the slot is free */
  unsigned index;   /* the number the user knows it by */
  struct leg *leg;  /* NULL: nobody named it.  If its state is not missing it
                     * was opened, and no request is under way */
  enum member_state state;
};

/* A mirror of an open log, which says the geometry, and of legs, by slot.  The
 * leg in slot primary is in-sync.  Takes over log and legs; the strings of the
 * configuration must outlive it.  Nothing runs yet, and neither the log nor a
 * leg is asked for anything.  NULL with the error reported, and nothing was
 * taken over then.
 */
struct mirror *mirror_new (const struct mirror_config *config,
                           struct dirty_log *log,
                           const struct mirror_leg legs[LOG_MAX_LEGS],
                           unsigned primary);

/* A leg that is not open yet becomes the member's. */
void member_take_leg (struct member *member, struct leg *leg);

/* The member's leg, which is closed, and its name are not used any more.  They stay
 * until mirror_free, for who has just used them may still report it.  m->lock is
 * held.
 */
void member_retire_locked (struct member *member);

/* The checksums of a mirror that does not run yet (sums-open.h) become its own. */
void mirror_take_sums (struct mirror *m, struct sums *sums);

/* The same for another name, which may be NULL. */
void mirror_retire_name_locked (struct mirror *m, char *name);

#endif /* NBDMIRROR_MIRROR_NEW_H */
