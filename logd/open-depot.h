/* SPDX-License-Identifier: BSD-3-Clause */

/* From the options to where the logs are kept. */

#ifndef NBDMIRROR_LOGD_OPEN_DEPOT_H
#define NBDMIRROR_LOGD_OPEN_DEPOT_H

struct server;

/* s->depot, or -1 with the error reported. */
int open_depot (struct server *s);

#endif /* NBDMIRROR_LOGD_OPEN_DEPOT_H */
