/* SPDX-License-Identifier: BSD-3-Clause */

/* Parameters that name something: legs, the log, files. */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "params-check.h"
#include "params-names.h"

int
params_set_leg (struct mirror_config *config, const char *value)
{
  char **leg = &config->leg[config->nr_legs];

  if (config->nr_legs == MIRROR_MAX_LEGS) {
    nbdkit_error ("leg=%s: too many legs, at most %d are possible", value,
                  MIRROR_MAX_LEGS);
    return -1;
  }
  if (value[0] == 0) {
    nbdkit_error ("leg=: must be a path, an NBD URI or \"missing\"");
    return -1;
  }
  /* A URI or the word "missing" is not a path. */
  if (strstr (value, "://") || strcmp (value, "missing") == 0)
    *leg = strdup (value);
  else
    *leg = nbdkit_absolute_path (value);
  if (!*leg)
    return -1;
  config->nr_legs++;
  return 0;
}

static int
set_disk_log (struct mirror_config *config, const char *path)
{
  CLEANUP_FREE char *absolute = NULL;

  if (path[0] == 0) {
    nbdkit_error ("log=disk: a path must follow");
    return -1;
  }
  absolute = nbdkit_absolute_path (path);
  if (!absolute)
    return -1;
  if (asprintf (&config->log, "disk:%s", absolute) == -1) {
    config->log = NULL;
    nbdkit_error ("log=disk:%s: %m", path);
    return -1;
  }
  return 0;
}

int
params_set_log (struct mirror_config *config, const char *value)
{
  if (strncmp (value, "disk:", 5) == 0)
    return set_disk_log (config, value + 5);
  if (strcmp (value, "core") != 0 && !params_on_server (value)) {
    nbdkit_error ("log=%s: must be core, disk:PATH or userspace:HOST/NAME",
                  value);
    return -1;
  }
  config->log = strdup (value);
  return config->log ? 0 : -1;
}

static int
set_path (char **path, const char *key, const char *value)
{
  if (value[0] == 0) {
    nbdkit_error ("%s=: must be a path", key);
    return -1;
  }
  *path = nbdkit_absolute_path (value);
  return *path ? 0 : -1;
}

int
params_set_log_tls_psk (struct mirror_config *config, const char *value)
{
  return set_path (&config->log_tls_psk, "log-tls-psk", value);
}

int
params_set_log_tls_certificates (struct mirror_config *config,
                                 const char *value)
{
  return set_path (&config->log_tls_certificates, "log-tls-certificates",
                   value);
}

int
params_set_log_tls_username (struct mirror_config *config, const char *value)
{
  config->log_tls_username = strdup (value);
  return config->log_tls_username ? 0 : -1;
}

int
params_set_control (struct mirror_config *config, const char *value)
{
  if (value[0] == 0) {
    nbdkit_error ("control=: must be the path of a Unix socket");
    return -1;
  }
  config->control = nbdkit_absolute_path (value);
  return config->control ? 0 : -1;
}
