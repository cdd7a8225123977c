/* SPDX-License-Identifier: BSD-3-Clause */

/* The journal of systemd takes lines of standard error, and a priority as
 * sd-daemon(3) has it: "<4>" before the line, in the numbers of syslog.
 */

#ifndef NBDMIRROR_JOURNAL_H
#define NBDMIRROR_JOURNAL_H

#include <stdbool.h>

/* Standard error goes to the journal now. */
bool journal_is_stderr (void);

#endif /* NBDMIRROR_JOURNAL_H */
