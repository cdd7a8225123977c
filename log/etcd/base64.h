/* SPDX-License-Identifier: BSD-3-Clause */

/* Base64 with padding (RFC 4648). */

#ifndef NBDMIRROR_LOG_ETCD_BASE64_H
#define NBDMIRROR_LOG_ETCD_BASE64_H

#include <stddef.h>

/* With a NUL behind it, to be freed.  NULL with errno. */
char *base64_encode (const void *data, size_t len);

/* With a NUL behind it that does not count, to be freed.  NULL with errno:
 * EPROTO: it is none.
 */
char *base64_decode (const char *text, size_t *len);

#endif /* NBDMIRROR_LOG_ETCD_BASE64_H */
