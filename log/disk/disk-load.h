/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_DISK_LOAD_H
#define NBDMIRROR_LOG_DISK_LOAD_H

#include "disk.h"

/* Find out what the store holds and load it.  -1 with the error reported
 * if it must not be touched.
 */
int disk_load (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_LOAD_H */
