/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "replies.h"

void
replies_keep (struct replies *r, uint64_t id, const uint8_t *frame, size_t len)
{
  struct kept_reply *kept = &r->kept[r->next];
  uint8_t *copy = realloc (kept->frame, len);

  if (!copy)
    return; /* then the request is run again, if it comes again */
  r->next = (r->next + 1) % NR_REPLIES;
  memcpy (copy, frame, len);
  *kept = (struct kept_reply){.id = id, .len = len, .frame = copy};
}

const struct kept_reply *
replies_find (const struct replies *r, uint64_t id)
{
  for (unsigned i = 0; i < NR_REPLIES; ++i)
    if (r->kept[i].id == id)
      return &r->kept[i];
  return NULL;
}

void
replies_free (struct replies *r)
{
  for (unsigned i = 0; i < NR_REPLIES; ++i)
    free (r->kept[i].frame);
  memset (r, 0, sizeof *r);
}
