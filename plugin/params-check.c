/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "params-check.h"

#define LOG_SUFFIX ".mirrorlog"

bool
params_on_server (const char *log)
{
  return strncmp (log, "userspace:", 10) == 0 ||
         strncmp (log, "userspace-core:", 15) == 0;
}

static bool
is_word (const char *leg)
{
  return strcmp (leg, "missing") == 0;
}

static bool
is_regular_file (const char *path)
{
  struct stat st;

  return stat (path, &st) == 0 && S_ISREG (st.st_mode);
}

static int
check_log_tls (const struct mirror_config *config)
{
  const char *key = config->log_tls_psk            ? "log-tls-psk"
                    : config->log_tls_certificates ? "log-tls-certificates"
                    : config->log_tls_username     ? "log-tls-username"
                                                   : NULL;

  if (key && !params_on_server (config->log)) {
    nbdkit_error ("%s is only for log=userspace:", key);
    return -1;
  }
  if (config->log_tls_psk && config->log_tls_certificates) {
    nbdkit_error ("log-tls-psk and log-tls-certificates exclude each other");
    return -1;
  }
  if (config->log_tls_username && !config->log_tls_psk) {
    nbdkit_error ("log-tls-username is only for log-tls-psk");
    return -1;
  }
  return 0;
}

/* The leg whose log exists beside it, -1 if none; two are refused. */
static int
find_log (const struct mirror_config *config, int *found)
{
  *found = -1;
  for (unsigned i = 0; i < config->nr_legs; ++i) {
    CLEANUP_FREE char *path = NULL;

    if (is_word (config->leg[i]) || !is_regular_file (config->leg[i]))
      continue;
    if (asprintf (&path, "%s" LOG_SUFFIX, config->leg[i]) == -1)
      return -1;
    if (access (path, F_OK) == -1)
      continue;
    if (*found != -1) {
      nbdkit_error ("both %s" LOG_SUFFIX " and %s exist: say which with log=",
                    config->leg[*found], path);
      return -1;
    }
    *found = (int) i;
  }
  return 0;
}

static int
default_log (struct mirror_config *config)
{
  int leg;

  if (find_log (config, &leg) == -1)
    return -1;
  if (leg == -1 && !is_word (config->leg[0]) &&
      is_regular_file (config->leg[0]))
    leg = 0;
  if (leg == -1) {
    nbdkit_error ("no leg has a log beside it and leg %s is no regular file: "
                  "give log=disk:PATH, log=userspace:HOST/NAME or log=core",
                  config->leg[0]);
    return -1;
  }
  if (asprintf (&config->log, "disk:%s" LOG_SUFFIX, config->leg[leg]) == -1) {
    config->log = NULL;
    return -1;
  }
  return 0;
}

static int
check_leg_number (const struct mirror_config *config, const char *key, int n)
{
  if (n < (int) config->nr_legs)
    return 0;
  nbdkit_error ("%s=%d: there is no leg %d, legs are numbered from 0 to %u",
                key, n, n, config->nr_legs - 1);
  return -1;
}

/* An option of nbdkit's, which tells plugins nothing of it; as getopt has it,
 * it may be shortened.
 */
static bool
is_swap_option (const char *arg)
{
  return strncmp (arg, "--sw", 4) == 0 &&
         strncmp (arg, "--swap", strlen (arg)) == 0;
}

/* A write takes memory, in libraries too, and a host that is short of it waits
 * for swap to be written before it gives any.
 */
static int
check_not_swap (void)
{
  CLEANUP_FREE char *arg = NULL;
  FILE *fp = fopen ("/proc/self/cmdline", "re");
  size_t size = 0;
  bool found = false;

  if (!fp)
    return 0;
  while (!found && getdelim (&arg, &size, '\0', fp) > 0)
    found = is_swap_option (arg);
  fclose (fp);
  if (!found)
    return 0;
  nbdkit_error (
    "--swap: a mirror is not for swap on its own host, which could "
    "wait for ever; see LIMITS in nbdkit-mirror-plugin(1)");
  return -1;
}

int
params_check (struct mirror_config *config)
{
  if (check_not_swap () == -1)
    return -1;
  if (check_leg_number (config, "write-mostly", config->write_mostly) == -1 ||
      check_leg_number (config, "source", config->source_leg) == -1)
    return -1;
  if (!config->log && default_log (config) == -1)
    return -1;
  return check_log_tls (config);
}
