/* SPDX-License-Identifier: BSD-3-Clause */

/* Those who wait to become the owner of a log, in the order they came. */

#ifndef NBDMIRROR_LOGD_ATTACH_QUEUE_H
#define NBDMIRROR_LOGD_ATTACH_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "asker.h"
#include "lease.h"
#include "proto.h"

struct client;
struct served;

struct attach {
  struct attach *next;
  struct asker asker;
  struct lease_holder holder;
  uint32_t flags; /* PROTO_ATTACH_... */
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t epoch, flush_number;
  bool told; /* that it waits */
};

/* From a request.  Until it is freed the client can't attach again.  NULL
 * with errno.
 */
struct attach *attach_new (struct client *c, const struct proto_msg *msg);

/* The client needs no answer, or has it. */
void attach_free (struct attach *a);

/* Answer with an error, and free. */
void attach_refuse (struct attach *a, enum proto_error error, const char *fmt,
                    ...) __attribute__ ((format (printf, 3, 4)));

/* Wait for a log. */
void attach_enqueue (struct served *l, struct attach *a);

/* It comes from the session that has the log, or had it last. */
bool attach_is_holder (const struct served *l, const struct attach *a);

/* The owner lives: who waits for its log is refused. */
void attach_owner_lives (struct served *l);

/* Refuse all who wait. */
void attach_refuse_all (struct served *l, enum proto_error error,
                        const char *text);

#endif /* NBDMIRROR_LOGD_ATTACH_QUEUE_H */
