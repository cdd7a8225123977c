/* SPDX-License-Identifier: BSD-3-Clause */

/* key=value -> struct mirror_config.  A table has one line per parameter;
 * each is checked by itself when it is set, those that name something in
 * params-names.c; params-check.c checks them against
 * each other.  Parameter errors name what the user typed and what is
 * legal.
 */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dirty-log.h"
#include "params-check.h"
#include "params-names.h"
#include "params-parse.h"
#include "params.h"

#define MAX_CONNECTIONS 16
#define MAX_HEARTBEAT 60
#define MAX_DRAIN 86400

/* --- one parameter each --- */

static int
set_region_size (struct mirror_config *config, const char *value)
{
  int64_t n = nbdkit_parse_size (value);

  if (n < LOG_MIN_REGION_SIZE || n > LOG_MAX_REGION_SIZE || (n & (n - 1))) {
    nbdkit_error ("region-size=%s: must be a power of 2 between 64K and 64M",
                  value);
    return -1;
  }
  config->region_size = (uint64_t) n;
  return 0;
}

static int
set_minimum_block (struct mirror_config *config, const char *value)
{
  int64_t n = nbdkit_parse_size (value);

  if (n < 1 || n > LOG_MAX_MIN_BLOCK || (n & (n - 1))) {
    nbdkit_error ("minimum-block=%s: must be a power of 2, at most 64K",
                  value);
    return -1;
  }
  config->minimum_block = (uint32_t) n;
  return 0;
}

static int
set_sync (struct mirror_config *config, const char *value)
{
  if (strcmp (value, "default") == 0)
    config->sync = SYNC_DEFAULT;
  else if (strcmp (value, "force") == 0)
    config->sync = SYNC_FORCE;
  else if (strcmp (value, "none") == 0)
    config->sync = SYNC_NONE;
  else {
    nbdkit_error ("sync=%s: must be default, force or none", value);
    return -1;
  }
  return 0;
}

static int
set_source (struct mirror_config *config, const char *value)
{
  const char *at = strchr (value, '@');
  CLEANUP_FREE char *number = at ? strndup (value, at - value) : NULL;

  if (!number || !number[0] || !at[1] ||
      nbdkit_parse_int ("source", number, &config->source_leg) == -1 ||
      nbdkit_parse_uint64_t ("source", at + 1, &config->source_generation) ==
        -1 ||
      config->source_leg < 0 || config->source_generation >= INT64_MAX) {
    nbdkit_error ("source=%s: must be LEG@GENERATION, for example 1@7", value);
    return -1;
  }
  return 0;
}

static int
set_size (struct mirror_config *config, const char *value)
{
  return params_parse_size ("size", value, &config->size);
}

static int
set_connections (struct mirror_config *config, const char *value)
{
  return params_parse_number ("connections", value, 1, MAX_CONNECTIONS,
                              &config->connections);
}

static int
set_read_policy (struct mirror_config *config, const char *value)
{
  if (strcmp (value, "auto") == 0)
    config->read_policy = READ_AUTO;
  else if (strcmp (value, "first") == 0)
    config->read_policy = READ_FIRST;
  else if (strcmp (value, "round-robin") == 0)
    config->read_policy = READ_ROUND_ROBIN;
  else {
    nbdkit_error ("read-policy=%s: must be auto, first or round-robin", value);
    return -1;
  }
  return 0;
}

static int
set_write_mostly (struct mirror_config *config, const char *value)
{
  unsigned n;

  if (params_parse_number ("write-mostly", value, 0, MIRROR_MAX_LEGS - 1,
                           &n) == -1)
    return -1;
  config->write_mostly = (int) n;
  return 0;
}

static int
set_resync_rate (struct mirror_config *config, const char *value)
{
  return params_parse_rate ("resync-rate", value, &config->resync_rate);
}

static int
set_resync_min (struct mirror_config *config, const char *value)
{
  return params_parse_rate ("resync-min", value, &config->resync_min);
}

static int
set_leg_timeout (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("leg-timeout", value, 1, &config->leg_timeout);
}

static int
set_flush_timeout (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("flush-timeout", value, 1,
                               &config->flush_timeout);
}

static int
set_leg_fail_after (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("leg-fail-after", value, 0,
                               &config->leg_fail_after);
}

static int
set_local_timeout (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("local-timeout", value, 0,
                               &config->local_timeout);
}

static int
set_log_timeout (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("log-timeout", value, 1, &config->log_timeout);
}

static int
set_quarantine (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("quarantine", value, 0, &config->quarantine);
}

static int
set_hold_timeout (struct mirror_config *config, const char *value)
{
  return params_parse_seconds ("hold-timeout", value, 0,
                               &config->hold_timeout);
}

static int
set_leg_records (struct mirror_config *config, const char *value)
{
  if (strcmp (value, "auto") == 0)
    config->leg_records = RECORDS_AUTO;
  else if (strcmp (value, "on") == 0)
    config->leg_records = RECORDS_ON;
  else if (strcmp (value, "off") == 0)
    config->leg_records = RECORDS_OFF;
  else {
    nbdkit_error ("leg-records=%s: must be auto, on or off", value);
    return -1;
  }
  return 0;
}

/* "on" is beside the log; a file of that name is ./on. */
static int
set_checksums (struct mirror_config *config, const char *value)
{
  if (strcmp (value, "off") == 0)
    return 0;
  if (value[0] == '\0') {
    nbdkit_error ("checksums=: must be on, off or the path of a file");
    return -1;
  }
  config->checksums =
    strcmp (value, "on") == 0 ? strdup (value) : nbdkit_absolute_path (value);
  return config->checksums ? 0 : -1;
}

static int
set_verify_reads (struct mirror_config *config, const char *value)
{
  int r = nbdkit_parse_bool (value);

  config->verify_reads = r == 1;
  return r == -1 ? -1 : 0;
}

static int
set_heartbeat (struct mirror_config *config, const char *value)
{
  unsigned seconds;

  if (params_parse_number ("heartbeat", value, 1, MAX_HEARTBEAT, &seconds) ==
      -1)
    return -1;
  config->beat_ms = 1000 * seconds;
  return 0;
}

static int
set_drain (struct mirror_config *config, const char *value)
{
  return params_parse_number ("drain", value, 0, MAX_DRAIN, &config->drain);
}

static int
set_plan (struct mirror_config *config, const char *value)
{
  int b = nbdkit_parse_bool (value);

  if (b == -1)
    return -1;
  config->plan = b;
  return 0;
}

static const struct {
  const char *key;
  int (*set) (struct mirror_config *config, const char *value);
} params[] = {
  {"leg", params_set_leg}, /* the first may be repeated */
  {"log", params_set_log},
  {"log-tls-psk", params_set_log_tls_psk},
  {"log-tls-certificates", params_set_log_tls_certificates},
  {"log-tls-username", params_set_log_tls_username},
  {"region-size", set_region_size},
  {"sync", set_sync},
  {"source", set_source},
  {"size", set_size},
  {"minimum-block", set_minimum_block},
  {"connections", set_connections},
  {"read-policy", set_read_policy},
  {"write-mostly", set_write_mostly},
  {"resync-rate", set_resync_rate},
  {"resync-min", set_resync_min},
  {"leg-timeout", set_leg_timeout},
  {"flush-timeout", set_flush_timeout},
  {"leg-fail-after", set_leg_fail_after},
  {"local-timeout", set_local_timeout},
  {"log-timeout", set_log_timeout},
  {"quarantine", set_quarantine},
  {"hold-timeout", set_hold_timeout},
  {"leg-records", set_leg_records},
  {"checksums", set_checksums},
  {"verify-reads", set_verify_reads},
  {"heartbeat", set_heartbeat},
  {"drain", set_drain},
  {"plan", set_plan},
  {"control", params_set_control},
};

#define NR_PARAMS (sizeof params / sizeof params[0])

int
params_set (struct mirror_config *config, const char *key, const char *value)
{
  static bool seen[NR_PARAMS];

  for (size_t i = 0; i < NR_PARAMS; ++i) {
    if (strcmp (key, params[i].key) != 0)
      continue;
    if (seen[i] && i > 0) {
      nbdkit_error ("%s=%s: %s was given already", key, value, key);
      return -1;
    }
    seen[i] = true;
    return params[i].set (config, value);
  }
  nbdkit_error ("unknown parameter %s=%s (a leg whose path has a \"=\" is "
                "written leg=%s=%s); see nbdkit mirror --help",
                key, value, key, value);
  return -1;
}

int
params_complete (struct mirror_config *config)
{
  if (config->nr_legs == 0) {
    nbdkit_error ("no leg given: say nbdkit mirror LEG LEG... where LEG is a "
                  "file, a block device or an NBD URI");
    return -1;
  }
  if (config->resync_rate > 0 && config->resync_rate < config->resync_min)
    config->resync_min = config->resync_rate;
  if (config->verify_reads && !config->checksums) {
    nbdkit_error ("verify-reads=1 needs checksums=on or checksums=FILE");
    return -1;
  }
  return params_check (config);
}

void
params_free (struct mirror_config *config)
{
  for (unsigned i = 0; i < config->nr_legs; ++i)
    free (config->leg[i]);
  free (config->log);
  free (config->log_tls_psk);
  free (config->log_tls_certificates);
  free (config->log_tls_username);
  free (config->checksums);
  free (config->control);
}
