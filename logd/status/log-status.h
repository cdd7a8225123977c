/* SPDX-License-Identifier: BSD-3-Clause */

/* What there is to see of the server and its logs, as JSON. */

#ifndef NBDMIRROR_LOGD_LOG_STATUS_H
#define NBDMIRROR_LOGD_LOG_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"

struct json_object;
struct lease_record;
struct served;
struct server;

/* A consistent copy of what can be seen of a log. */
struct log_view {
  const struct served *served;
  uint64_t now;             /* CLOCK_BOOTTIME */
  bool open;                /* then: */
  struct log_status status; /* of the dirty log */
  struct log_geometry geo;
};

void status_view (struct served *l, struct log_view *view);

/* Of a log that is served, of one that is only there on disk, and of all.
 * The caller owns the object.
 */
struct json_object *status_of_log (struct served *l);
struct json_object *status_of_file (const char *name,
                                    const struct lease_record *record,
                                    const char *server);
struct json_object *status_of_server (struct server *s);

#endif /* NBDMIRROR_LOGD_LOG_STATUS_H */
