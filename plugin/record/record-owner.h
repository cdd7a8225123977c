/* SPDX-License-Identifier: BSD-3-Clause */

/* Who uses a leg, and whether that is over. */

#ifndef NBDMIRROR_RECORD_OWNER_H
#define NBDMIRROR_RECORD_OWNER_H

#include <stdbool.h>

#include "record-format.h"

/* This process on this host.  What the system does not tell is left zero. */
void record_owner_self (struct record_owner *owner);

/* Nothing of the owner runs any more: it was a process of this host that has
 * ended, or of an earlier boot of it.  False where that can't be known.
 */
bool record_owner_is_gone (const struct record_owner *owner);

/* Both are the same host, as far as it can be known. */
bool record_owner_same_host (const struct record_owner *a,
                             const struct record_owner *b);

#endif /* NBDMIRROR_RECORD_OWNER_H */
