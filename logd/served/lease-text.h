/* SPDX-License-Identifier: BSD-3-Clause */

/* The owner of a log, as JSON. */

#ifndef NBDMIRROR_LEASE_TEXT_H
#define NBDMIRROR_LEASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lease.h"

/* False: it is damaged.  text ends with a NUL behind its len bytes, and only
 * space may follow the JSON.
 */
bool lease_from_text (struct lease_record *record, const char *text,
                      size_t len);

/* To be freed by the caller; NULL with errno.  The uuid of the log is for
 * people.
 */
char *lease_to_text (const struct lease_record *record, const uint8_t *uuid);

#endif /* NBDMIRROR_LEASE_TEXT_H */
