/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_USERSPACE_IMAGE_H
#define NBDMIRROR_LOG_USERSPACE_IMAGE_H

#include "userspace.h"

/* Images for log->info.geo: empty, or longer.  0, or -1 with errno. */
int user_maps_alloc (struct user_log *u);
int user_maps_grow (struct user_log *u);
void user_maps_free (struct user_log *u);

/* The image and the record are as they came from the server. */
void user_take_image (struct user_log *u);

#endif /* NBDMIRROR_LOG_USERSPACE_IMAGE_H */
