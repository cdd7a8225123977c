/* SPDX-License-Identifier: BSD-3-Clause */

/* The last small replies of a session, by id: a request that was answered
 * is not run again when it comes again.
 */

#ifndef NBDMIRROR_LOGD_REPLIES_H
#define NBDMIRROR_LOGD_REPLIES_H

#include <stddef.h>
#include <stdint.h>

#define NR_REPLIES 64

struct kept_reply {
  uint64_t id; /* 0: none */
  size_t len;
  uint8_t *frame;
};

struct replies {
  struct kept_reply kept[NR_REPLIES];
  unsigned next;
};

void replies_keep (struct replies *r, uint64_t id, const uint8_t *frame,
                   size_t len);
const struct kept_reply *replies_find (const struct replies *r, uint64_t id);
void replies_free (struct replies *r);

#endif /* NBDMIRROR_LOGD_REPLIES_H */
