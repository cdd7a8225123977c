/* SPDX-License-Identifier: BSD-3-Clause */

/* A snapshot of the mirror as JSON. */

#ifndef NBDMIRROR_STATUS_JSON_H
#define NBDMIRROR_STATUS_JSON_H

struct json_object;
struct mirror_status;

/* The object that `nbdmirror status --json` prints.  The caller owns it
 * (json_object_put).
 */
struct json_object *status_to_json (const struct mirror_status *status);

#endif /* NBDMIRROR_STATUS_JSON_H */
