/* SPDX-License-Identifier: BSD-3-Clause */

/* The status for Prometheus. */

#ifndef NBDMIRROR_LOGD_METRICS_H
#define NBDMIRROR_LOGD_METRICS_H

struct server;

/* Text to be freed, or NULL with errno. */
char *metrics_text (struct server *s);

#endif /* NBDMIRROR_LOGD_METRICS_H */
