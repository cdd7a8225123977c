/* SPDX-License-Identifier: BSD-3-Clause */

/* Messages of the log protocol: those of tests/vectors/proto-vectors.txt. */

#ifndef NBDMIRROR_PROTO_SAMPLES_H
#define NBDMIRROR_PROTO_SAMPLES_H

#include "proto.h"

struct proto_sample {
  const char *name;
  struct proto_msg msg;
};

/* Ends with an entry without a name. */
extern const struct proto_sample proto_samples[];

#endif /* NBDMIRROR_PROTO_SAMPLES_H */
