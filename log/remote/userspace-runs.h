/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs of regions as frames to the server. */

#ifndef NBDMIRROR_LOG_USERSPACE_RUNS_H
#define NBDMIRROR_LOG_USERSPACE_RUNS_H

#include "userspace.h"

/* Neighbours become one run, and runs one frame, as far as that goes. */
struct user_runs {
  struct user_log *u;
  struct buffer *out;
  struct proto_msg msg;
  struct proto_runs_frame frame;
  bool open;          /* a frame is */
  uint64_t first, nr; /* the run at hand */
  int error;
};


/* Append to the client's output what changes the map, lowering or raising. */
void user_runs_init (struct user_runs *r, struct user_log *u, unsigned map,
                     bool lowering);

/* Bits of one word of the map; words come in ascending order. */
void user_runs_add_word (struct user_runs *r, uint64_t word, uint64_t bits);

/* 0, or -1 with errno (ENOMEM) if anything did not fit in. */
int user_runs_end (struct user_runs *r);

#endif /* NBDMIRROR_LOG_USERSPACE_RUNS_H */
