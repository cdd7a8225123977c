/* SPDX-License-Identifier: BSD-3-Clause */

/* What each leg is to the mirror.  Only this file changes the sets of legs, the
 * masks m->in_sync, resyncing, promoting, failed and missing, and m->primary.
 */

#ifndef NBDMIRROR_MEMBER_STATE_H
#define NBDMIRROR_MEMBER_STATE_H

#include "dirty-log.h"

struct mirror;

enum member_state {
  MEMBER_IN_SYNC,   /* written and read: it misses nothing */
  MEMBER_RESYNCING, /* written; what it misses is copied to it */
  MEMBER_PROMOTING, /* resyncing, but may be in-sync by the log already */
  MEMBER_FAILED,    /* not used, until it is back */
  MEMBER_MISSING,   /* as failed, and it was not here at the start */
};

/* The states of all configured legs of a new mirror, by slot; the primary is
 * in-sync.
 */
void member_states_init (struct mirror *m,
                         const enum member_state state[LOG_MAX_LEGS],
                         unsigned primary);

/* The legs of the mask, if any, are in this state from now on.  One in-sync leg
 * must be left.  If the primary is no longer in-sync, another leg is primary;
 * to tell the log is up to the caller, as the rest is.  m->lock is held.
 */
void member_set_state_locked (struct mirror *m, unsigned slots,
                              enum member_state state);

/* A leg joins the configured ones, as missing; one leaves that is not in use.
 * m->lock is held.
 */
void member_add_locked (struct mirror *m, unsigned slot);
void member_remove_locked (struct mirror *m, unsigned slot);

/* As above: tell the log.  The leg is in-sync.  m->lock is held. */
void member_set_primary_locked (struct mirror *m, unsigned slot);

/* As people see it: "in-sync", "resyncing", "stale" (resyncing, but copies to
 * it fail), "failed", "missing".  A leg that is lost has failed, also if it is
 * the last one.  m->lock is held.
 */
const char *member_state_name (const struct mirror *m, unsigned slot);

#endif /* NBDMIRROR_MEMBER_STATE_H */
