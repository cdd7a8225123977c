/* SPDX-License-Identifier: BSD-3-Clause */

/* Parameters that name something.  Each takes the value of the key after which it
 * is called; nbdkit's working directory is gone later, so paths become absolute.
 * -1 with the error reported.
 */

#ifndef NBDMIRROR_PARAMS_NAMES_H
#define NBDMIRROR_PARAMS_NAMES_H

#include "mirror.h"

int params_set_leg (struct mirror_config *config, const char *value);
int params_set_log (struct mirror_config *config, const char *value);
int params_set_log_tls_psk (struct mirror_config *config, const char *value);
int params_set_log_tls_certificates (struct mirror_config *config,
                                     const char *value);
int params_set_log_tls_username (struct mirror_config *config,
                                 const char *value);
int params_set_control (struct mirror_config *config, const char *value);

#endif /* NBDMIRROR_PARAMS_NAMES_H */
