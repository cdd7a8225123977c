/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of legs: paths and URIs. */

#ifndef NBDMIRROR_LEG_NAME_H
#define NBDMIRROR_LEG_NAME_H

#include <stdbool.h>

#define LEG_NBD_SCHEMES "nbd, nbds, nbd+unix, nbds+unix, nbd+vsock, nbds+vsock"

/* It begins as a URI does, with any scheme: it is no path. */
bool leg_name_has_scheme (const char *name);

/* The same with one of our schemes, in upper or lower case. */
bool leg_name_is_nbd (const char *name);

#endif /* NBDMIRROR_LEG_NAME_H */
